"""Colour stripes that change from frame to frame, within a bound: a library of Linf patterns."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import linf_bound

# Width of a stripe as a share of the frame's, whether rows change too (a chequered pattern), and for
# how many frames a pattern stands.
SHAPES = ((1 / 14, False, 2), (1 / 14, True, 2), (1 / 28, False, 1), (1 / 8, True, 2))


def stripes(
    clip: Frames,
    severity: int,
    rng: np.random.Generator,
    *,
    variant: int = 0,
    eps: int | None = None,
) -> Frames:
    """Add +eps or -eps to each colour channel in stripes or squares that change every frame or two.

    The vertical stripes with which Square Attack begins (Andriushchenko et al., 2020), but fresh
    every frame or two: what flickers moves a video classifier more than what stands still. A pattern
    depends on its variant alone, never on the clip or on `rng`, so that agents can learn across clips
    which of them work. No value moves by more than eps; by less only where 0 or 255 stops it.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, see `linf_bound`.
        rng: unused.
        variant: which pattern; variants go through the SHAPES in turn.
        eps: the bound in levels of 0-255, or None; see `linf_bound`.

    Raises:
        ValueError: severity is not 1 to 5, or eps is not a whole number from 0 to 255.
    """
    bound = linf_bound(clip, severity, eps)
    frames, height, width, _ = clip.shape
    share, chequered, hold = SHAPES[variant % len(SHAPES)]
    columns = np.arange(width) // max(1, round(width * share))
    rows = np.arange(height) // max(1, round(height * share)) * chequered
    times = np.arange(frames) // hold
    own = np.random.default_rng([variant, len(SHAPES)])
    cells = (times[-1] + 1, rows[-1] + 1, columns[-1] + 1, 3)
    signs = own.choice(np.array([-bound, bound], np.int16), cells)[times][:, rows][:, :, columns]
    return np.clip(clip + signs, 0, 255).astype(np.uint8)
