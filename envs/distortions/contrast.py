"""Contrast: every frame shrinks towards its mean colour."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# What is left of the contrast; Mini Kinetics-C (Yi et al., 2021).
FACTORS = (0.5, 0.4, 0.3, 0.2, 0.1)


def contrast(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Compute mean + factor * (clip - mean), the mean per frame and colour channel.

    Nothing is random.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a factor of 0.5 down to 0.1.
        rng: unused.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    factor = level(FACTORS, clip, severity)
    means = clip.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    values = clip * np.float32(factor)
    values += (1 - np.float32(factor)) * means
    return np.rint(values).astype(np.uint8)
