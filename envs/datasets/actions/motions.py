"""How each action moves: joint angles over time, written as one short program per action."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = range(4)
UPPER, LOWER = range(2)
PITCH, SPREAD = range(2)


Program = Callable[[Array, np.random.Generator], "Motion"]


@dataclass
class Motion:
    """A figure's joints over T moments.

    Angles are in degrees and absolute, not relative to the parent limb. Pitch 0 hangs down, 90
    points forward, 180 up; spread turns a limb away from the body's middle plane (90: straight to
    the side).

    Attributes:
        limbs: float (T, 4, 2, 2): limb, segment (upper, lower), angle (pitch, spread).
        lean: float (T,), forward tilt of the trunk.
        lift: float (T,), height of the lower foot above the ground, in body heights.
        travel: float (T,), way gone forward, in body heights.
        seat: whether a stool stands behind the figure.
    """

    limbs: Array
    lean: Array
    lift: Array
    travel: Array
    seat: bool = False

    def arms(self, segment: int, pitch: Array | float, spread: Array | float) -> None:
        """Set one segment of both arms alike."""
        for arm in (LEFT_ARM, RIGHT_ARM):
            self.bone(arm, segment, pitch, spread)

    def bone(
        self, limb: int, segment: int, pitch: Array | float, spread: Array | float | None = None
    ) -> None:
        """Set one segment of one limb; the spread stays where none is given."""
        self.limbs[:, limb, segment, PITCH] = pitch
        if spread is not None:
            self.limbs[:, limb, segment, SPREAD] = spread

    def crouch(self, depth: Array) -> None:
        """Bend both knees; depth 0 stands, 1 sits on the heels."""
        for leg in (LEFT_LEG, RIGHT_LEG):
            self.limbs[:, leg, UPPER, PITCH] += 100 * depth
            self.limbs[:, leg, LOWER, PITCH] -= 42 * depth
        self.lean += 35 * depth


def stand(u: Array, rng: np.random.Generator) -> Motion:
    """Somebody at rest, never twice in the same pose: the start of most programs."""
    limbs = np.zeros((len(u), 4, 2, 2))
    for arm in (LEFT_ARM, RIGHT_ARM):
        pitch = rng.uniform(-12, 15)
        limbs[:, arm, :, PITCH] = pitch + np.array([0.0, rng.uniform(3, 25)])
        limbs[:, arm, :, SPREAD] = rng.uniform(5, 20)
    for leg in (LEFT_LEG, RIGHT_LEG):
        limbs[:, leg, :, SPREAD] = rng.uniform(1, 9)
        limbs[:, leg, :, PITCH] = rng.uniform(-5, 5)
    sway = rng.uniform(0, 2.5, 4) * np.sin(
        2 * np.pi * (rng.uniform(0.4, 1.2) * u[:, None] + rng.random(4))
    )
    limbs[..., PITCH] += sway[:, :, None]
    still = np.zeros_like(u)
    return Motion(limbs, still + rng.uniform(-3, 6), still.copy(), still.copy())


def once(u: Array, rng: np.random.Generator) -> Array:
    """Progress 0..1 of a movement made once: a pause, a smooth passage, a pause."""
    length = rng.uniform(0.4, 0.8)
    x = np.clip((u - rng.uniform(0.05, 0.95 - length)) / length, 0, 1)
    return x * x * (3 - 2 * x)


def cycle(u: Array, rng: np.random.Generator, low: float, high: float) -> Array:
    """Phase in radians of a movement repeated `low` to `high` times in a clip."""
    return 2 * np.pi * (rng.uniform(low, high) * u + rng.random())


def _gait(
    u: Array,
    rng: np.random.Generator,
    *,
    tempo: tuple[float, float],
    stride: tuple[float, float],
    knee: tuple[float, float],
    elbow: tuple[float, float],
    lean: tuple[float, float],
    flight: float,
    speed: tuple[float, float],
) -> Motion:
    move, phase = stand(u, rng), cycle(u, rng, *tempo)
    hip, bend, fold = rng.uniform(*stride), rng.uniform(*knee), rng.uniform(*elbow)
    swing = hip * rng.uniform(0.6, 1.2)
    for side, (arm, leg) in enumerate(((LEFT_ARM, LEFT_LEG), (RIGHT_ARM, RIGHT_LEG))):
        angle = phase + np.pi * side
        thigh = hip * np.sin(angle) + 4
        # The knee folds while its leg swings forward, so that the foot clears the ground.
        shin = thigh - 6 - bend * np.clip(np.cos(angle), 0, None) ** 1.5
        move.bone(leg, UPPER, thigh, 2)
        move.bone(leg, LOWER, shin, 2)
        upper = -swing * np.sin(angle) - 5
        move.bone(arm, UPPER, upper)
        move.bone(arm, LOWER, upper + fold)
    move.lean[:] = rng.uniform(*lean)
    move.lift[:] = flight * np.clip(np.cos(2 * phase), 0, None)
    move.travel[:] = rng.uniform(*speed) * (u - 0.5)
    return move


def walk(u: Array, rng: np.random.Generator) -> Motion:
    """About one slow step pair; arms and lean overlap with those of `run`."""
    return _gait(
        u, rng, tempo=(0.75, 1.1), stride=(22, 34), knee=(30, 60), elbow=(10, 70), lean=(-1, 12),
        flight=0, speed=(0.1, 0.5),
    )  # fmt: skip


def run(u: Array, rng: np.random.Generator) -> Motion:
    """Twice the tempo of `walk`, with knees up and a moment in the air."""
    return _gait(
        u, rng, tempo=(1.6, 2.3), stride=(28, 44), knee=(50, 90), elbow=(45, 95), lean=(4, 18),
        flight=0.04, speed=(0.25, 0.9),
    )  # fmt: skip


def sit_down(u: Array, rng: np.random.Generator) -> Motion:
    """From standing to the stool behind."""
    move, p = stand(u, rng), once(u, rng)
    for leg in (LEFT_LEG, RIGHT_LEG):
        move.limbs[:, leg, UPPER, PITCH] += p * rng.uniform(82, 92)
        move.limbs[:, leg, LOWER, PITCH] -= p * rng.uniform(0, 8)
    move.lean += rng.uniform(20, 40) * np.sin(np.pi * p)
    for arm in (LEFT_ARM, RIGHT_ARM):
        move.limbs[:, arm, UPPER, PITCH] += p * rng.uniform(10, 35)
        move.limbs[:, arm, LOWER, PITCH] += p * rng.uniform(40, 65)
    move.seat = True
    return move


def raise_arms(u: Array, rng: np.random.Generator) -> Motion:
    """Both arms from the sides to above the head, to the side or in front."""
    move, p = stand(u, rng), once(u, rng)
    angle = PITCH if rng.random() < 0.5 else SPREAD
    top, late = rng.uniform(145, 175), rng.uniform(0, 15)
    for arm in (LEFT_ARM, RIGHT_ARM):
        for segment, lag in ((UPPER, 0.0), (LOWER, late)):
            rest = move.limbs[:, arm, segment, angle]
            move.limbs[:, arm, segment, angle] = rest + p * (top - rest) - lag * np.sin(np.pi * p)
    return move


def push(u: Array, rng: np.random.Generator) -> Motion:
    """Both hands from the chest to straight ahead, with a step's weight behind them."""
    move, p = stand(u, rng), once(u, rng)
    ahead = int(rng.integers(2))
    split = rng.uniform(12, 24)
    for leg, sign in ((LEFT_LEG + ahead, 1), (RIGHT_LEG - ahead, -1)):
        move.bone(leg, UPPER, sign * split + 14 * (1 - p) * (sign > 0))
        move.bone(leg, LOWER, sign * split - 14 - 8 * p * (sign < 0))
    reach, level = rng.uniform(72, 88), rng.uniform(-6, 8)
    move.arms(UPPER, -35 + p * (reach + 35), rng.uniform(4, 14))
    move.arms(LOWER, 100 + level - p * (100 - reach), rng.uniform(-8, 2))
    move.lean[:] = rng.uniform(-14, -4) + p * rng.uniform(24, 34)
    return move


def wave(u: Array, rng: np.random.Generator) -> Motion:
    """One hand above the shoulder, to and fro."""
    move, phase = stand(u, rng), cycle(u, rng, 1.6, 3.0)
    arm = int(rng.integers(2))
    middle, width = rng.uniform(150, 185), rng.uniform(28, 45)
    move.bone(arm, UPPER, rng.uniform(0, 30), rng.uniform(85, 125) + 6 * np.sin(phase))
    move.bone(arm, LOWER, rng.uniform(0, 15), middle + width * np.sin(phase))
    return move


def clap(u: Array, rng: np.random.Generator) -> Motion:
    """Both hands meet in front of the chest, again and again."""
    move, phase = stand(u, rng), cycle(u, rng, 1.6, 3.2)
    apart = 0.5 - 0.5 * np.cos(phase)
    level = rng.uniform(35, 65)
    move.arms(UPPER, level, 8 + apart * rng.uniform(25, 40))
    move.arms(LOWER, level + rng.uniform(30, 60), -24 + apart * rng.uniform(55, 75))
    return move


def jump(u: Array, rng: np.random.Generator) -> Motion:
    """A short bend, then into the air, arms along."""
    move, phase = stand(u, rng), cycle(u, rng, 1.0, 1.7)
    bend = np.clip(-np.sin(phase), 0, None)
    flight = np.clip(np.sin(phase), 0, None)
    move.crouch(rng.uniform(0.4, 0.75) * bend)
    move.lift[:] = rng.uniform(0.12, 0.22) * flight
    top = rng.uniform(20, 120)
    move.arms(UPPER, -30 * bend + top * flight + 10, rng.uniform(8, 25))
    move.arms(LOWER, -20 * bend + (top + 15) * flight + 25, rng.uniform(5, 20))
    return move


def squat(u: Array, rng: np.random.Generator) -> Motion:
    """Knee bends with the feet on the ground, arms forward as a counterweight."""
    move, phase = stand(u, rng), cycle(u, rng, 0.9, 1.5)
    depth = 0.5 - 0.5 * np.cos(phase)
    move.crouch(rng.uniform(0.6, 0.95) * depth)
    reach = rng.uniform(10, 90)
    move.arms(UPPER, 5 + reach * depth, rng.uniform(5, 20))
    move.arms(LOWER, 20 + reach * depth, rng.uniform(0, 15))
    return move


def backwards(program: Program) -> Program:
    """The same movement played from its end to its start."""

    def program_backwards(u: Array, rng: np.random.Generator) -> Motion:
        return program(1 - u, rng)

    return program_backwards


PROGRAMS: dict[str, Program] = {
    "walk": walk,
    "run": run,
    "sit_down": sit_down,
    "stand_up": backwards(sit_down),
    "raise_arms": raise_arms,
    "lower_arms": backwards(raise_arms),
    "push": push,
    "pull": backwards(push),
    "wave": wave,
    "clap": clap,
    "jump": jump,
    "squat": squat,
}
