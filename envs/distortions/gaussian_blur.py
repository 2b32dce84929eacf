"""Gaussian blur of every frame."""

import cv2
import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import in_pixels, level

# Standard deviation in pixels of a 224-pixel image; ImageNet-C (Hendrycks & Dietterich, 2019).
SIGMAS = (1, 2, 3, 4, 6)


def gaussian_blur(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Blur each frame by a Gaussian; nothing is random.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a standard deviation of 1 to 6 pixels at a shorter side of 224, and in
            proportion at other sizes.
        rng: unused.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    sigma = in_pixels(level(SIGMAS, clip, severity), clip)
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip])
