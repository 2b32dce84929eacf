"""Strokes of paint: what a figure is made of in the picture, and how it gets there."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames

Array = NDArray[np.float64]
Colour = tuple[float, float, float]

SHIFT = 4  # cv2 draws at fixed-point coordinates: 1/16 pixel
BACKDROP = -9.0  # depth of what is painted first, in its own light


@dataclass(frozen=True)
class Stroke:
    """One thing to draw: a limb, the trunk, the head or a piece of the stool.

    Attributes:
        points: float (T, K, 2), world x (right) and y (down) in picture sides.
        depth: float (T,), larger is nearer to the camera.
        width: thickness in picture sides; the diameter where K is 1.
        colour: RGB, 0-255.
        filled: whether the points are the corners of a surface.
        edged: whether it has a dark edge, so that it shows before clothes of its own colour.
    """

    points: Array
    depth: Array
    width: float
    colour: Colour
    filled: bool = False
    edged: bool = False


class Painting:
    """Strokes seen by a camera, ready to be painted moment by moment.

    Args:
        strokes: from `Figure.strokes`.
        matrices: float (T, 2, 3), world coordinates to pixels.
    """

    def __init__(self, strokes: list[Stroke], matrices: Array) -> None:
        depth = np.stack([stroke.depth for stroke in strokes])
        self._order = depth.argsort(axis=0, kind="stable").T.tolist()
        # Farther limbs lie in shadow, which tells the left one from the right one.
        light = np.where(depth > BACKDROP, 1 + 1.3 * np.clip(depth, -0.15, 0.15), 1.0)
        colours = np.array([stroke.colour for stroke in strokes])[:, None] * light[..., None]
        self._colours = colours.clip(0, 255).tolist()
        scale = np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])
        self._widths = [(stroke.width * scale).tolist() for stroke in strokes]
        turn, shift = matrices[:, :, :2].transpose(0, 2, 1), matrices[:, None, :, 2]
        self._points = [to_fixed(stroke.points @ turn + shift) for stroke in strokes]
        self._strokes = strokes

    def draw(self, frame: Frames, t: int) -> None:
        """Paint moment `t` into uint8 (H, W, 3), in place, far strokes first."""
        for k in self._order[t]:
            stroke, points, colour = self._strokes[k], self._points[k][t], self._colours[k][t]
            width = self._widths[k][t]
            if len(points) == 1:
                radius = round(width / 2 * (1 << SHIFT))
                cv2.circle(frame, points[0].tolist(), radius, colour, -1, cv2.LINE_AA, SHIFT)
                continue
            if stroke.filled:
                cv2.fillConvexPoly(frame, points, colour, cv2.LINE_AA, SHIFT)
            if stroke.edged:
                edge = [0.55 * c for c in colour]
                cv2.polylines(frame, [points], False, edge, round(width) + 2, cv2.LINE_AA, SHIFT)
            thick = max(1, round(width))
            cv2.polylines(frame, [points], stroke.filled, colour, thick, cv2.LINE_AA, SHIFT)


def to_fixed(points: Array) -> NDArray[np.int32]:
    """Pixels as cv2's fixed-point coordinates."""
    return np.rint(points * (1 << SHIFT)).astype(np.int32)
