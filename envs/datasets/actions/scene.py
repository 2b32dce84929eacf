"""Everything around the actor: background, distractors, camera, light and sensor noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.datasets.actions.painting import SHIFT, Colour, to_fixed

Array = NDArray[np.float64]

MARGIN = 0.3  # how far the background reaches beyond the picture on each side, in picture sides


def background(size: int, rng: np.random.Generator) -> Frames:
    """A wall above a floor, both with random texture and uneven light.

    Returns:
        uint8 (S, S, 3) with S = (1 + 2 MARGIN) size.
    """
    side = round(size * (1 + 2 * MARGIN))
    canvas = np.empty((side, side, 3), np.float32)
    horizon = round(side * (MARGIN + rng.uniform(0.55, 0.8)) / (1 + 2 * MARGIN))
    canvas[:horizon] = _texture(horizon, side, rng)
    canvas[horizon:] = _texture(side - horizon, side, rng)
    if rng.random() < 0.5:
        _stripes(canvas[:horizon], rng)
    light = rng.uniform(0.7, 1.15, (2, 2)).astype(np.float32)
    canvas *= cv2.resize(light, (side, side), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _texture(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Float32 (height, width, 3): a colour and three octaves of smooth noise."""
    base = rng.uniform(50, 200) + rng.uniform(-35, 35, 3)
    surface = np.broadcast_to(base.astype(np.float32), (height, width, 3)).copy()
    for cells, strength in ((4, 30), (12, 22), (40, 14)):
        noise = rng.standard_normal((cells, cells, 3), dtype=np.float32)
        noise = 0.7 * noise[..., :1] + 0.3 * noise
        noise *= np.float32(strength * rng.uniform(0.2, 1.0))
        surface += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return surface


def _stripes(wall: NDArray[np.float32], rng: np.random.Generator) -> None:
    height, width = wall.shape[:2]
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    slope = np.float32(rng.choice([0.0, 0.0, 1.0, -1.0]))
    period = np.float32(width * rng.uniform(0.05, 0.2))
    wall += (np.sin(2 * np.pi * (x + slope * y) / period) > 0)[..., None] * np.float32(
        rng.uniform(-35, 35)
    )


@dataclass(frozen=True)
class Camera:
    """A hand-held camera: world coordinates (picture sides) to pixels at each moment.

    Attributes:
        matrices: float (T, 2, 3) for the actor and the distractors.
        backdrop: float (T, 2, 3), background canvas pixels to picture pixels; it also drifts.
    """

    matrices: Array
    backdrop: Array

    @classmethod
    def random(cls, u: Array, size: int, rng: np.random.Generator) -> "Camera":
        """Draw pan, zoom, roll and shake over the moments `u` (T,) in 0..1."""
        late = u[:, None] - 0.5
        pan = late * rng.uniform(-0.12, 0.12, 2) + rng.uniform(0, 0.006) * rng.standard_normal(
            (len(u), 2)
        )
        zoom = np.exp(late[:, 0] * rng.uniform(-0.15, 0.15))
        roll = np.deg2rad(rng.uniform(-4, 4) + late[:, 0] * rng.uniform(-4, 4))
        drift = late * rng.uniform(-0.2, 0.2, 2) * [1.0, 0.3]
        pixel = (1 + 2 * MARGIN) * size / round(size * (1 + 2 * MARGIN)) / size
        corner = np.full(2, -MARGIN)
        view = cls._matrices(zoom, roll, pan, size)
        turn = view[:, :, :2]
        moved = np.einsum("tij,tj->ti", turn, drift + corner) + view[:, :, 2]
        return cls(view, np.concatenate([turn * pixel, moved[..., None]], axis=2))

    @staticmethod
    def _matrices(zoom: Array, roll: Array, pan: Array, size: int) -> Array:
        c, s = zoom * np.cos(roll), zoom * np.sin(roll)
        turn = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], 1)
        shift = 0.5 + pan - np.einsum("tij,j->ti", turn, np.full(2, 0.5))
        return np.concatenate([turn, shift[..., None]], axis=2) * size


@dataclass(frozen=True)
class Distractor:
    """A plain shape that wanders about: corners float (T, K, 2) in picture sides, and its RGB."""

    corners: Array
    colour: Colour

    @classmethod
    def random(cls, u: Array, rng: np.random.Generator, largest: float) -> "Distractor":
        """Draw a polygon (3, 4 or 12 corners) of at most `largest` picture sides in radius."""
        corners = int(rng.choice([3, 4, 12]))
        around = 2 * np.pi * np.arange(corners) / corners
        turn = rng.uniform(-4, 4) * u + 2 * np.pi * rng.random()
        angle = turn[:, None] + around
        radius = rng.uniform(0.03, largest) * np.array([1.0, rng.uniform(0.4, 1)])
        path = rng.uniform(0, 1, 2) + u[:, None] * rng.uniform(-0.5, 0.5, 2)
        path = path + rng.uniform(0, 0.12, 2) * np.sin(
            2 * np.pi * (rng.uniform(0.5, 2.5) * u[:, None] + rng.random(2))
        )
        shape = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * radius
        return cls(path[:, None] + shape, tuple(rng.uniform(0, 255, 3)))

    def draw(self, frame: Frames, t: int, camera: Array) -> None:
        """Paint moment `t` into uint8 (H, W, 3); `camera` is float (2, 3), world to pixels."""
        points = self.corners[t] @ camera[:, :2].T + camera[:, 2]
        cv2.fillConvexPoly(frame, to_fixed(points), self.colour, cv2.LINE_AA, SHIFT)


@dataclass(frozen=True)
class Sensor:
    """What happens to the light on its way into the file.

    Attributes:
        tables: uint8 (T, 256, 3): gain, flicker, colour cast and gamma of each moment.
        grain: int16 (H + 32, W + 32, 3) of noise; each moment takes another window of it.
        windows: int (T, 2), corners of those windows, 0-31.
        blur: sigma of the lens in pixels, 0 for none.
    """

    tables: NDArray[np.uint8]
    grain: NDArray[np.int16]
    windows: NDArray[np.int64]
    blur: float

    @classmethod
    def random(cls, u: Array, size: int, rng: np.random.Generator) -> "Sensor":
        """Draw lighting and noise over the moments `u` (T,) in 0..1."""
        fade = rng.uniform(-0.15, 0.15) * (u - 0.5) + rng.uniform(0, 0.05) * np.sin(
            2 * np.pi * (rng.uniform(0.5, 4) * u + rng.random())
        )
        gain = (rng.uniform(0.8, 1.15) * (1 + fade))[:, None] * rng.uniform(0.9, 1.1, 3)
        ramp = (np.arange(256) / 255.0) ** rng.uniform(0.8, 1.25)
        tables = np.clip(255 * ramp[:, None] * gain[:, None, :], 0, 255).astype(np.uint8)
        grain = rng.standard_normal((size + 32, size + 32, 3), dtype=np.float32)
        grain *= np.float32(rng.uniform(1, 9))
        blur = rng.uniform(0.4, 0.9) if rng.random() < 0.4 else 0.0
        return cls(tables, np.rint(grain).astype(np.int16), rng.integers(0, 32, (len(u), 2)), blur)

    def expose(self, frame: Frames, t: int) -> Frames:
        """The frame, uint8 (H, W, 3), as the file holds it at moment `t`."""
        if self.blur:
            frame = cv2.GaussianBlur(frame, (3, 3), self.blur)
        lit = cv2.LUT(frame, self.tables[t][None])
        y, x = self.windows[t]
        noise = self.grain[y : y + frame.shape[0], x : x + frame.shape[1]]
        return cv2.add(lit, noise, dtype=cv2.CV_8U)
