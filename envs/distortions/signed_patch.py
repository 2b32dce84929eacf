"""A flat colour shift within a bound: the strongest simple move of Linf-bounded attacks."""

import numpy as np

from envs.clip import Frames
from envs.distortions.base import level

# Linf bound in levels of 0-255; 2, 4, 8 and 16 are the usual bounds of attacks on images.
BOUNDS = (2, 4, 8, 10, 16)


def signed_patch(
    clip: Frames,
    severity: int,
    rng: np.random.Generator,
    *,
    draw: int = 0,
    eps: int | None = None,
) -> Frames:
    """Add +eps or -eps to each colour channel, one sign a channel for the whole clip.

    Seen through a mask of patches, this is the box of Square Attack (Andriushchenko et al., 2020).
    No value moves by more than eps; by less only where 0 or 255 stops it. Nothing is random.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a bound of 2 to 16; without effect when eps is given.
        rng: unused.
        draw: which of the eight sign patterns, counted modulo 8: bit c set raises channel c.
        eps: the bound in levels of 0-255, whatever the severity; None takes it from the severity.

    Raises:
        ValueError: severity is not 1 to 5, or eps is not a whole number from 0 to 255.
    """
    bound = level(BOUNDS, clip, severity)
    if eps is not None:
        if eps not in range(256):
            raise ValueError(f"eps={eps!r}: choose a whole number from 0 to 255, or null")
        bound = int(eps)
    signs = 2 * (draw >> np.arange(3) & 1) - 1
    levels = np.arange(256)[:, None] + bound * signs
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return table[clip, np.arange(3)]
