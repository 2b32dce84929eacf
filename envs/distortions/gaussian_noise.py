"""Gaussian noise, independent for every value of the clip."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Standard deviation on [0, 1]; ImageNet-C (Hendrycks & Dietterich, 2019).
SIGMAS = (0.08, 0.12, 0.18, 0.26, 0.38)


def gaussian_noise(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Add normal noise of mean 0, new in every frame, and clip to 0-255.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a standard deviation of 0.08 to 0.38 of the full range.
        rng: draws the noise.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    sigma = level(SIGMAS, clip, severity)
    values = rng.standard_normal(clip.shape, dtype=np.float32)
    values *= 255 * sigma
    values += clip
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)
