"""Gaussian blur of every frame."""

import cv2
import numpy as np

from video_attack.envs.clip import Frames


def blur(clip: Frames, rng: np.random.Generator, *, sigma: float = 1.0) -> Frames:
    """Blur each frame by itself, the border reflected; nothing is random.

    Source: local smoothing of Xu, Evans and Qi, "Feature squeezing" (NDSS 2018), with Gaussian
    weights.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: unused.
        sigma: standard deviation in pixels, above 0.

    Raises:
        ValueError: sigma is not above 0.
    """
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma={sigma!r}: choose a number of pixels above 0")
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip])
