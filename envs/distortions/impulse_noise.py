"""Impulse noise (salt and pepper): single values jump to 0 or 255."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Share of the values that are replaced; ImageNet-C (Hendrycks & Dietterich, 2019).
SHARES = (0.03, 0.06, 0.09, 0.17, 0.27)


def impulse_noise(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Set a random share of all values, colour channels apart, to 0 or 255 with equal chance.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, an expected share of 0.03 to 0.27.
        rng: draws which values, anew in every frame.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    share = level(SHARES, clip, severity)
    chance = rng.random(clip.shape, dtype=np.float32)
    out = clip.copy()
    out[chance < share / 2] = 0
    out[chance >= 1 - share / 2] = 255
    return out
