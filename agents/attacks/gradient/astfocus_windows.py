"""Where AstFocus may put the window of a frame, and how much of an object each window holds."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from video_attack.envs.clip import Frames

Index = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Windows:
    """The positions that a window can take in a frame.

    Attributes:
        corners: rows and columns of the upper left corners, int64 (places, 2).
        size: rows and columns of a window.
    """

    corners: NDArray[np.int64]
    size: tuple[int, int]

    @classmethod
    def over(cls, frame: tuple[int, ...], share: float, grid: int) -> "Windows":
        """A grid of positions from border to border of a frame of (H, W) pixels."""
        size = tuple(max(1, round(share * side)) for side in frame)
        spots = [np.linspace(0, a - b, grid).round() for a, b in zip(frame, size, strict=True)]
        corners = np.stack(np.meshgrid(*spots, indexing="ij"), axis=-1).reshape(-1, 2)
        return cls(corners.astype(np.int64), (size[0], size[1]))

    def index(self, places: Tensor, kept: Tensor) -> Index:
        """Indices of the kept windows' pixels in (T, H, W, 3), which select (K, h, w, 3)."""
        frames = np.flatnonzero(kept.numpy())
        rows, cols = self.corners[places.numpy()[frames]].T
        h, w = self.size
        down, across = rows[:, None] + np.arange(h), cols[:, None] + np.arange(w)
        return frames[:, None, None], down[:, :, None], across[:, None, :]


def objectness(clip: Frames, windows: Windows) -> NDArray[np.float32]:
    """Share of a frame's edges that each window closes in, float32 (T, places), 0 to 1.

    A stand-in for Edge Boxes (Zitnick and Dollar, ECCV 2014), whose idea it keeps: contours that
    lie wholly inside of a box speak for an object in it. Here edges are Canny's and weigh their
    gradient; a contour is a connected run of edges whose direction lies in one of four sectors.
    There is no trained edge detector, and no affinity between runs.

    Args:
        clip: uint8 (T, H, W, 3).
        windows: the boxes.
    """
    low, high = windows.corners, windows.corners + windows.size
    found = np.zeros((len(clip), len(low)))
    for t, frame in enumerate(clip):
        grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (3, 3), 0)
        right, down = (cv2.Sobel(grey, cv2.CV_16S, *axis) for axis in ((1, 0), (0, 1)))
        edges = cv2.Canny(right, down, 50, 150) > 0
        strength = np.hypot(right, down, dtype=np.float64) * edges
        sector = np.rint(np.arctan2(down, right) * 4 / np.pi).astype(np.int64) % 4
        for direction in range(4):
            runs = (edges & (sector == direction)).astype(np.uint8)
            count, labels, boxes, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
            weight = np.bincount(labels.ravel(), strength.ravel(), count)[1:]
            first = boxes[1:, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT]]
            last = first + boxes[1:, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]
            closed = (first > low[:, None]) & (last < high[:, None])
            found[t] += closed.all(2) @ weight
        found[t] /= max(strength.sum(), 1e-9)
    return found.astype(np.float32)
