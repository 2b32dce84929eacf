"""Shot noise: few photons, as in a dark room."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Photons that make a white value; ImageNet-C (Hendrycks & Dietterich, 2019).
PHOTONS = (60, 25, 12, 5, 3)


def shot_noise(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Replace every value x by Poisson(x / 255 * photons) / photons * 255, clipped to 0-255.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, 60 down to 3 photons for white.
        rng: draws the photon counts.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    photons = level(PHOTONS, clip, severity)
    counts = rng.poisson(clip * (photons / 255))
    shades = np.rint(np.arange(photons + 1) * (255 / photons)).astype(np.uint8)
    return shades[np.minimum(counts, photons)]
