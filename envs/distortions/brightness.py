"""Brightness: every pixel gets lighter, hue and saturation stay."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Added to V of HSV on [0, 1]; ImageNet-C (Hendrycks & Dietterich, 2019).
SHIFTS = (0.1, 0.2, 0.3, 0.4, 0.5)


def brightness(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Add to V in HSV space; nothing is random.

    V is the largest colour channel v, and RGB is proportional to it at fixed hue and saturation:
    out = clip * min(v + shift, 255) / v. Black has no hue and becomes grey.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a shift of 0.1 to 0.5 of the full range.
        rng: unused.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    shift = 255 * level(SHIFTS, clip, severity)
    old = np.arange(1, 256)
    gains = np.concatenate([[0], np.minimum(old + shift, 255) / old]).astype(np.float32)
    largest = clip.max(axis=-1)
    out = np.rint(clip * gains[largest][..., None]).astype(np.uint8)
    out[largest == 0] = round(shift)
    return out
