"""A distortion of one's own: a function from a uint8 clip (T, H, W, 3) to another."""

import numpy as np


def darken(clip, severity, rng):
    """Take 15 % of the light for each degree of severity."""
    return (clip * (1 - 0.15 * severity)).astype(np.uint8)
