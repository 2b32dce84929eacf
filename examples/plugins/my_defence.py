"""A defence of one's own: the brightness of each frame flickers before the victim sees it."""

import numpy as np


def flicker(clip, rng, *, levels: int):
    """Move each frame of a uint8 clip (T, H, W, 3) by up to `levels`."""
    shift = rng.integers(-levels, levels + 1, (len(clip), 1, 1, 1))
    return (clip + shift).clip(0, 255).astype(np.uint8)
