"""Random resizing and padding."""

import cv2
import numpy as np

from video_attack.envs.clip import Frames


def random_resize(clip: Frames, rng: np.random.Generator, *, smallest: float = 0.9) -> Frames:
    """Shrink the clip to a random size and put it at a random place on black.

    One size and one place for all frames, so that nothing moves that did not move before.

    Source: Xie et al., "Mitigating adversarial effects through randomization" (ICLR 2018), who
    enlarge an image of 299 pixels to up to 331; a clip must keep its size, so it is shrunk instead.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: draws the size, evenly from the shorter side times `smallest` up to that side, and the
            place.
        smallest: smallest size as a share of the frame's, above 0, at most 1.

    Raises:
        ValueError: smallest is out of its range.
    """
    if not 0 < smallest <= 1:
        raise ValueError(f"smallest={smallest!r}: choose a share above 0, at most 1")
    _, H, W, _ = clip.shape
    short = min(H, W)
    share = rng.integers(max(1, round(smallest * short)), short, endpoint=True) / short
    height, width = max(1, round(H * share)), max(1, round(W * share))
    top = rng.integers(H - height, endpoint=True)
    left = rng.integers(W - width, endpoint=True)
    out = np.zeros_like(clip)
    for canvas, frame in zip(out, clip, strict=True):
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        canvas[top : top + height, left : left + width] = small
    return out
