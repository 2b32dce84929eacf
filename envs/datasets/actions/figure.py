"""The actor: a random person whom a motion poses and a painting draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.datasets.actions.motions import (
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    Motion,
)
from video_attack.envs.datasets.actions.painting import BACKDROP, Colour, Stroke
from video_attack.envs.datasets.actions.skeleton import HIPS, LEFT, SHIN, SHOULDERS, Skeleton

Array = NDArray[np.float64]

SKINS = (
    (255, 224, 196),
    (241, 194, 150),
    (224, 172, 105),
    (174, 117, 72),
    (112, 72, 48),
    (78, 50, 36),
)
HAIRS = (
    (30, 24, 20),
    (70, 45, 25),
    (150, 105, 55),
    (205, 180, 120),
    (140, 60, 30),
    (170, 170, 175),
)
FORWARD = np.array([1.0, 0.0, 0.0])
HEAD = 0.068  # radius of the head, in body heights
TILT = 0.18  # how much lower in the picture a point nearer to the camera stands


@dataclass(frozen=True)
class Figure:
    """A random person at a place: proportions, colours, height and facing direction.

    Attributes:
        height: body height in picture sides.
        place: x and y of the ground under the feet, in picture sides.
        yaw: facing direction in radians: 0 to the right, pi/2 to the camera, pi to the left.
        build: factor on all widths.
        legs: factor on the length of the legs.
        colours: RGB of shirt, sleeves, trousers, shoes, skin, hair and stool.
    """

    height: float
    place: tuple[float, float]
    yaw: float
    build: float
    legs: float
    colours: dict[str, Colour]

    @classmethod
    def random(cls, rng: np.random.Generator, background: Array) -> "Figure":
        """Draw a person whose clothes stand out from the mean RGB (3,) of the background."""
        shirt, trousers = (_contrasting(rng, background) for _ in range(2))
        skin = SKINS[rng.integers(len(SKINS))]
        # Nobody turns the back to the camera, so that a stool behind is painted before its user.
        side = np.deg2rad(rng.uniform(15, 65))
        return cls(
            height=rng.uniform(0.54, 0.74),
            place=(rng.uniform(0.36, 0.64), rng.uniform(0.86, 0.95)),
            yaw=side if rng.random() < 0.5 else np.pi - side,
            build=rng.uniform(0.85, 1.3),
            legs=rng.uniform(0.92, 1.08),
            colours={
                "shirt": shirt,
                "sleeves": shirt if rng.random() < 0.6 else skin,
                "trousers": trousers,
                "shoes": tuple(rng.uniform(10, 230, 3)),
                "skin": skin,
                "hair": HAIRS[rng.integers(len(HAIRS))],
                "stool": tuple(rng.uniform(40, 200, 3)),
            },
        )

    def strokes(self, motion: Motion, stool: float | None) -> list[Stroke]:
        """The body in `motion`, and a stool so many body heights behind it, if any."""
        body = Skeleton(motion, self.legs)
        shoulder, hip = LEFT * SHOULDERS * 0.42, LEFT * HIPS * 0.5
        trunk = [body.neck + shoulder, body.neck - shoulder, body.hips - hip, body.hips + hip]
        face, hair = body.head + 0.012 * FORWARD, body.head + 0.012 * body.spine - 0.02 * FORWARD
        strokes = [
            self._stroke(trunk, 0.105, "shirt", filled=True),
            self._stroke([body.neck, (body.neck + body.head) / 2], 0.05, "skin"),
            self._stroke([hair], 2 * HEAD, "hair"),
            self._stroke([face], 1.75 * HEAD, "skin", nearer=0.02),
        ]
        for leg in (LEFT_LEG, RIGHT_LEG):
            top, knee, ankle, toe = body.limbs[leg]
            strokes += [
                self._stroke([ankle, toe], 0.045, "shoes"),
                self._stroke([knee, ankle], 0.06, "trousers"),
                self._stroke([top, knee], 0.08, "trousers"),
            ]
        for arm in (LEFT_ARM, RIGHT_ARM):
            strokes += [
                self._stroke(body.limbs[arm], 0.048, "sleeves", edged=True),
                self._stroke([body.limbs[arm][-1]], 0.058, "skin", nearer=0.01),
            ]
        return strokes if stool is None else self._stool(stool, len(motion.lean)) + strokes

    def _stroke(
        self,
        joints: list[Array],
        width: float,
        colour: str,
        *,
        filled: bool = False,
        edged: bool = False,
        nearer: float = 0.0,
    ) -> Stroke:
        points, depth = self._project(np.stack(joints, axis=1))
        thick = width * self.build * self.height
        return Stroke(points, depth + nearer, thick, self.colours[colour], filled, edged)

    def _stool(self, behind: float, T: int) -> list[Stroke]:
        top, half = SHIN * self.legs - 0.02, 0.09
        signs = ((-1, -1), (-1, 1), (1, 1), (1, -1))
        seat = np.array([(a * half - behind, top, b * half) for a, b in signs])
        ends = np.stack([seat, seat * [1, 0, 1]], axis=1)

        def stroke(points: Array, width: float, filled: bool) -> Stroke:
            flat, _ = self._project(np.broadcast_to(points, (T, *points.shape)))
            colour = self.colours["stool"]
            return Stroke(flat, np.full(T, BACKDROP), width * self.height, colour, filled)

        return [*(stroke(leg, 0.022, False) for leg in ends), stroke(seat, 0.025, True)]

    def _project(self, points: Array) -> tuple[Array, Array]:
        """Body coordinates (T, K, 3) to world (T, K, 2) and mean depth (T,)."""
        forward, up, left = points[..., 0], points[..., 1], points[..., 2]
        x = forward * np.cos(self.yaw) + left * np.sin(self.yaw)
        depth = forward * np.sin(self.yaw) - left * np.cos(self.yaw)
        flat = np.stack([x, TILT * depth - up], axis=-1) * self.height + np.array(self.place)
        return flat, depth.mean(axis=1)


def _contrasting(rng: np.random.Generator, background: Array) -> Colour:
    # Mixing in grey keeps most clothes from being neon.
    colours = rng.uniform(15, 240, (6, 1)) * 0.35 + rng.uniform(15, 240, (6, 3)) * 0.65
    best = colours[np.abs(colours - background).sum(axis=1).argmax()]
    return (float(best[0]), float(best[1]), float(best[2]))
