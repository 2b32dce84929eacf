"""JPEG compression of every frame."""

import cv2
import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# JPEG quality; ImageNet-C (Hendrycks & Dietterich, 2019).
QUALITIES = (25, 18, 15, 10, 7)


def jpeg(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Encode and decode each frame by itself; nothing is random.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a quality of 25 down to 7 of 100.
        rng: unused.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    return compress(clip, level(QUALITIES, clip, severity))


def compress(clip: Frames, quality: int) -> Frames:
    """Each frame of a uint8 clip (T, H, W, 3) after JPEG of a quality of 1 to 100."""
    out = np.empty_like(clip)
    for t, frame in enumerate(clip):
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out[t] = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return out
