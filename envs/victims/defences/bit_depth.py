"""Fewer levels for each colour value."""

import numpy as np

from video_attack.envs.clip import Frames


def bit_depth(clip: Frames, rng: np.random.Generator, *, bits: int = 3) -> Frames:
    """Round every value to one of 2 ** bits levels, evenly spaced from 0 to 255.

    Nothing is random. Source: Xu, Evans and Qi, "Feature squeezing" (NDSS 2018).

    Args:
        clip: uint8 (T, H, W, 3).
        rng: unused.
        bits: 1 to 8 a colour channel; 8 changes nothing.

    Raises:
        ValueError: bits is out of its range.
    """
    if bits not in range(1, 9):
        raise ValueError(f"bits={bits!r}: choose a whole number from 1 to 8")
    steps = 2 ** int(bits) - 1
    table = np.rint(np.rint(np.arange(256) * (steps / 255)) * (255 / steps)).astype(np.uint8)
    return table[clip]
