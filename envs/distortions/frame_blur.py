"""Blur over time, as of a long exposure: each frame becomes the mean of its neighbours."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Half the number of frames that are averaged; Mini Kinetics-C (Yi et al., 2021).
REACHES = (3, 5, 7, 9, 11)


def frame_blur(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """Replace frame t by the mean of frames t - c to t + c - 1, those that exist.

    The benchmark averages consecutive frames of the file; here they are frames of the clip, which
    may lie further apart. A clip of one frame stays as it is. Nothing is random.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, c = 3 to 11 frames.
        rng: unused.

    Raises:
        ValueError: severity is not 1 to 5.
    """
    reach = level(REACHES, clip, severity)
    T = len(clip)
    sums = np.zeros((T + 1, *clip.shape[1:]), np.float32)  # exact: whole numbers below 2^24
    np.cumsum(clip, axis=0, dtype=np.float32, out=sums[1:])
    first = np.maximum(np.arange(T) - reach, 0)
    end = np.minimum(np.arange(T) + reach, T)
    means = (sums[end] - sums[first]) / (end - first).astype(np.float32)[:, None, None, None]
    return np.rint(means).astype(np.uint8)
