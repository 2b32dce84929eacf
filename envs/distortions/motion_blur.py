"""Motion blur inside every frame, as of a camera that moves while the shutter is open."""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import in_pixels, level

# Radius and standard deviation of the trail in pixels of a 224-pixel image; ImageNet-C
# (Hendrycks & Dietterich, 2019), which takes them as arguments of ImageMagick's motion blur.
TRAILS = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))


def motion_blur(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Smear each frame along one random direction, the same for the whole clip.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a trail of up to 20 to 40 pixels at a shorter side of 224, and in
            proportion at other sizes.
        rng: draws the angle, -45 to 45 degrees from the horizontal.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    radius, sigma = (in_pixels(pixels, clip) for pixels in level(TRAILS, clip, severity))
    kernel = _trail(round(2 * radius), sigma, angle=rng.uniform(-45, 45))
    return np.stack([cv2.filter2D(frame, -1, kernel) for frame in clip])


def _trail(length: int, sigma: float, angle: float) -> NDArray[np.float32]:
    """Kernel (2 length + 1, 2 length + 1) of sum 1: half a Gaussian from its centre outwards."""
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    kernel[length, length:] = np.exp(-0.5 * (np.arange(length + 1) / sigma) ** 2)
    turn = cv2.getRotationMatrix2D((length, length), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, kernel.shape)
    return kernel / kernel.sum()
