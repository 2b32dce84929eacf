"""Clip: the first of the five nouns. A short video as uint8, its label and its id."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
SPREADS = ("centre", "uniform", "steps")


@dataclass(frozen=True)
class Clip:
    """A labelled clip; never a float, because a video file cannot hold one.

    Attributes:
        frames: uint8 array (T, H, W, 3), RGB, 0-255.
        label: index into the classes of the victim that will see it.
        id: a stable name, unique in its data set (a file name, or a seed).
    """

    frames: Frames
    label: int
    id: str

    def __post_init__(self) -> None:
        check_frames(self.frames, name=f"clip {self.id!r}")


def check_frames(frames: object, name: str = "clip") -> None:
    """Raise ValueError unless `frames` is a uint8 array (T, H, W, 3) with no empty side."""
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = getattr(frames, "dtype", type(frames).__name__)
        raise ValueError(f"{name} must be a uint8 array (T, H, W, 3), not {kind}: convert it first")
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(
            f"{name} must have shape (T, H, W, 3) with T, H, W > 0, not {frames.shape}"
        )


@dataclass(frozen=True)
class Sampling:
    """How a clip is cut from a video, as a victim needs it.

    A video with fewer than T frames is slowed down: some of its frames are taken more than once.

    Attributes:
        frames: T, the number of frames of a clip.
        size: side of the clip's square frames, in pixels.
        short_side: the shorter side is resized to this before the centre square is cut out; None
            resizes the whole picture to the square, whatever its proportions.
        stride: distance between two sampled frames, in frames of the file; for `centre` only.
        spread: which frames of the file are taken:
            centre: `stride` apart, around the middle; the stride shrinks where the video is short.
            uniform: the middles of T equal parts of the video (Wang et al., TSN, ECCV 2016, at
                test time).
            steps: the first and then every (n // T)-th of n frames.

    Raises:
        ValueError: a value out of its range.
    """

    frames: int = 16
    size: int = 112
    short_side: int | None = 128
    stride: int = 2
    spread: str = "centre"

    def __post_init__(self) -> None:
        for name in ("frames", "size", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 1")
        if self.spread not in SPREADS:
            raise ValueError(f"spread={self.spread!r}: choose one of {', '.join(SPREADS)}")
        if self.short_side is not None and self.short_side < self.size:
            raise ValueError(
                f"short_side={self.short_side} is less than size={self.size}: "
                "a crop cannot be larger than the frame"
            )
