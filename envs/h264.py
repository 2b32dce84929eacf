"""What every use of x264 here shares: the same clip is coded in the same way each time, on any machine."""

from typing import Any

import numpy as np

from video_attack.envs.clip import Frames

ENCODER, PIXELS = "libx264", "yuv420p"


def set_encoder(context: Any, crf: int) -> None:
    """Set what an encoder's bytes depend on, before its first picture.

    Args:
        context: PyAV's codec context of ENCODER.
        crf: constant rate factor, 0 (best) to 51; 23 is x264's own default.

    Raises:
        ValueError: crf is out of its range.
    """
    if crf not in range(52):
        raise ValueError(f"crf={crf!r}: choose a whole number from 0 to 51")
    # With x264's macroblock tree (on by default) some clips come out in two ways, even on one thread.
    context.options = {"crf": str(int(crf)), "mbtree": "0"}
    context.thread_count = 1  # with more, its answer depends on their number, thus on the machine


def even_sides(frames: Frames) -> Frames:
    """Frames (T, H, W, 3) whose odd sides are longer by their last line, repeated: PIXELS halves both."""
    _, height, width, _ = frames.shape
    return np.pad(frames, [(0, 0), (0, height % 2), (0, width % 2), (0, 0)], mode="edge")
