"""A flat colour shift within a bound: the strongest simple move of Linf-bounded attacks."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import linf_bound


def signed_patch(
    clip: Frames,
    severity: int,
    rng: np.random.Generator,
    *,
    variant: int = 0,
    eps: int | None = None,
) -> Frames:
    """Add +eps or -eps to each colour channel, one sign a channel for the whole clip.

    Seen through a mask of patches, this is the box of Square Attack (Andriushchenko et al., 2020).
    No value moves by more than eps; by less only where 0 or 255 stops it. Nothing is random.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, see `linf_bound`.
        rng: unused.
        variant: which of the eight sign patterns, counted modulo 8: bit c set raises channel c.
        eps: the bound in levels of 0-255, or None; see `linf_bound`.

    Raises:
        ValueError: severity is not 1 to 5, or eps is not a whole number from 0 to 255.
    """
    bound = linf_bound(clip, severity, eps)
    signs = 2 * (variant >> np.arange(3) & 1) - 1
    levels = np.arange(256)[:, None] + bound * signs
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return table[clip, np.arange(3)]
