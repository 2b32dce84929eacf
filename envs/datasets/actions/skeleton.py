"""Where the joints of a body are when it makes a motion: forward kinematics."""

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.datasets.actions.motions import (
    LEFT_ARM,
    LEFT_LEG,
    LOWER,
    PITCH,
    RIGHT_ARM,
    RIGHT_LEG,
    SPREAD,
    UPPER,
    Motion,
)

Array = NDArray[np.float64]

# Lengths in body heights, after the usual tables of human proportions.
THIGH, SHIN, FOOT, TRUNK, NECK = 0.24, 0.24, 0.075, 0.29, 0.115
UPPER_ARM, FOREARM, HIPS, SHOULDERS = 0.165, 0.19, 0.10, 0.20
ANKLE = 0.03  # height of the ankle above the ground
LEFT = np.array([0.0, 0.0, 1.0])


def direction(pitch: Array, spread: Array, side: int) -> Array:
    """Unit vectors (T, 3) as (forward, up, left); angles in degrees, side +1 left, -1 right."""
    p, s = np.deg2rad(pitch), np.deg2rad(spread)
    return np.stack([np.cos(s) * np.sin(p), -np.cos(s) * np.cos(p), side * np.sin(s)], axis=-1)


class Skeleton:
    """The joints of a body in motion.

    All are float (T, 3) in body heights: forward, up and left of the ground between the feet.

    Attributes:
        spine: direction of the trunk, of length 1.
        hips: middle of the hips.
        neck: middle of the shoulders.
        head: centre of the head.
        limbs: by limb, as in `motions`: shoulder, elbow, hand or hip, knee, ankle, toe.
    """

    def __init__(self, motion: Motion, legs: float) -> None:
        """Pose a body; `legs` is a factor on the length of the legs."""
        lean, still = np.deg2rad(motion.lean), np.zeros(len(motion.lean))
        self.spine = np.stack([np.sin(lean), np.cos(lean), still], axis=-1)
        self.hips = np.zeros_like(self.spine)
        self.neck = self.spine * TRUNK
        self.head = self.neck + self.spine * NECK
        self.limbs: dict[int, list[Array]] = {}
        for side, arm, leg in ((1, LEFT_ARM, LEFT_LEG), (-1, RIGHT_ARM, RIGHT_LEG)):
            shoulder = self.neck + LEFT * side * SHOULDERS / 2
            hip = self.hips + LEFT * side * HIPS / 2
            self.limbs[arm] = _chain(shoulder, motion.limbs[:, arm], UPPER_ARM, FOREARM, side)
            self.limbs[leg] = _chain(hip, motion.limbs[:, leg], THIGH * legs, SHIN * legs, side)
            foot = direction(motion.limbs[:, leg, LOWER, PITCH] * 0.5 + 82, still, side)
            self.limbs[leg].append(self.limbs[leg][-1] + FOOT * foot)
        # The feet, not the hips, stay where they are; the lower one touches the ground.
        ankles = np.stack([self.limbs[LEFT_LEG][2], self.limbs[RIGHT_LEG][2]])
        forward = motion.travel - ankles[..., 0].mean(axis=0)
        up = motion.lift + ANKLE - ankles[..., 1].min(axis=0)
        self._move(np.stack([forward, up, still], axis=-1))

    def _move(self, offset: Array) -> None:
        self.hips, self.neck, self.head = (
            joint + offset for joint in (self.hips, self.neck, self.head)
        )
        self.limbs = {k: [joint + offset for joint in chain] for k, chain in self.limbs.items()}


def _chain(root: Array, angles: Array, upper: float, lower: float, side: int) -> list[Array]:
    middle = root + upper * direction(angles[:, UPPER, PITCH], angles[:, UPPER, SPREAD], side)
    end = middle + lower * direction(angles[:, LOWER, PITCH], angles[:, LOWER, SPREAD], side)
    return [root, middle, end]
