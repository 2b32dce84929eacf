"""Median filter in space, in time, or in both."""

import cv2
import numpy as np

from video_attack.envs.clip import Frames


def median(clip: Frames, rng: np.random.Generator, *, size: int = 3, frames: int = 1) -> Frames:
    """Median of each channel over a square of pixels, then of each pixel over neighbouring frames.

    The clip's edges are repeated beyond its ends. Nothing is random. Source: spatial smoothing of
    Xu, Evans and Qi, "Feature squeezing" (NDSS 2018); along time it removes what lasts for less than
    half a window, such as a single distorted frame.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: unused.
        size: side of the square in pixels, odd; 1 leaves frames as they are.
        frames: length of the window along time, odd; 1 mixes no frames.

    Raises:
        ValueError: size or frames is no odd positive number.
    """
    for name, value in (("size", size), ("frames", frames)):
        if value < 1 or value % 2 != 1:
            raise ValueError(f"{name}={value!r}: choose an odd number, 1 or more")
    if size > 1:
        clip = np.stack([cv2.medianBlur(frame, int(size)) for frame in clip])
    if frames == 1:
        return clip.copy()
    T, reach = len(clip), int(frames) // 2
    padded = np.pad(clip, [(reach, reach), (0, 0), (0, 0), (0, 0)], mode="edge")
    return np.sort(np.stack([padded[t : t + T] for t in range(int(frames))]), axis=0)[reach]
