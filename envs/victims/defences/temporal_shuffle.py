"""Frames in another order."""

import numpy as np

from video_attack.envs.clip import Frames


def temporal_shuffle(clip: Frames, rng: np.random.Generator, *, window: int = 4) -> Frames:
    """Shuffle the frames within each stretch of `window` neighbouring frames.

    Stretches begin at the first frame and do not overlap; the last may be shorter. So no frame moves
    by more than window - 1.

    Source: Hwang et al., "Temporal shuffling for defending deep action recognition models against
    adversarial attacks" (Neural Networks 169, 2024).

    Args:
        clip: uint8 (T, H, W, 3).
        rng: draws the order.
        window: frames of a stretch; 0 shuffles the whole clip.

    Raises:
        ValueError: window is below 0.
    """
    if window < 0:
        raise ValueError(f"window={window!r}: choose a number of frames, or 0 for the whole clip")
    T = len(clip)
    window = int(window) or T
    order = [start + rng.permutation(min(window, T - start)) for start in range(0, T, window)]
    return clip[np.concatenate(order)]
