"""SurFree (Maho, Furon and Le Merrer, SurFree: a fast surrogate-free black-box attack, CVPR 2021)."""

from collections.abc import Callable

import numpy as np
from scipy.fft import dctn, idctn

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.decision.label_only import LabelOnly, Theta
from video_attack.agents.attacks.queries import Queries
from video_attack.envs.clip import Frames

SIGNS = np.array([-1, 1], np.float32)


class Surfree(LabelOnly):
    """Label only: from a flipped point to a nearer one along circles through it and the clean clip.

    From a corner that flips the label (see `LabelOnly`), drawn in to the boundary by bisection. With
    u the direction of the present point, at the distance d, and v a random one orthogonal to it, the
    points d cos(a) (u cos(a) + v sin(a)) are nearer for every angle a. Angles are tried from the
    largest, in both turns; from the first that flips, the largest that does is found by bisection.
    Where no angle flips, the next v is tried. The largest angle shrinks by `adapt` after a v in vain
    and grows by it after another, so that queries are not lost on turns that never flip (ours).
    Directions are low frequencies of the discrete cosine
    transform of frames, rows and columns, as strong as the clean clip's own, of random signs, and
    orthogonal to the last `memory`.

    Args:
        threat_model: see ThreatModel.
        angle: the largest at first, in degrees, in (0, 90).
        tries: how many angles of a turn are tried.
        adapt: factor of the largest angle after a direction in vain, in (0, 1]; 1 keeps it.
        low: share of the frequencies of each axis of a frame that a direction has, in (0, 1]; all
            of those in time.
        memory: number of directions that a new one is orthogonal to.
        tolerance: of the first bisection, as a share of the distance; that of angles is a
            hundredth of the largest.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "surfree"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        angle: float = 30.0,
        tries: int = 1,
        adapt: float = 0.8,
        low: float = 0.15,
        memory: int = 100,
        tolerance: float = 0.01,
    ) -> None:
        super().__init__(threat_model)
        if not 0 < angle < 90 or tries < 1:
            raise ValueError(f"angle={angle}, tries={tries}: in (0, 90) and at least 1")
        if not 0 < adapt <= 1:
            raise ValueError(f"adapt={adapt}: must be above 0, at most 1")
        if not 0 < low <= 1 or not 0 < tolerance < 1 or memory < 0:
            raise ValueError(f"low={low}, tolerance={tolerance}, memory={memory}: shares in (0, 1)")
        self.angle, self.tries, self.adapt, self.low = float(np.deg2rad(angle)), tries, adapt, low
        self.memory, self.tolerance = memory, tolerance

    def moves(self, task: Task) -> Proposals:
        """One clip at a time."""
        theta = yield from self.start(task)
        share = yield from self.bisect(task, theta, 0.0, 1.0, self.tolerance)
        theta = theta * np.float32(share)
        strength, largest = self.strength(task.bound.clean), self.angle
        before: list[Theta] = []
        while True:
            length = np.float32(np.linalg.norm(theta))
            towards = theta / length
            aside = idctn(strength * task.rng.choice(SIGNS, strength.shape), axes=(0, 1, 2))
            for known in (*before, towards):
                aside -= np.vdot(known, aside) * known
            aside = (aside / max(float(np.linalg.norm(aside)), 1e-12)).astype(np.float32)

            def point(
                a: float, u: Theta = towards, v: Theta = aside, d: np.float32 = length
            ) -> Theta:
                return (
                    d
                    * np.float32(np.cos(a))
                    * (u * np.float32(np.cos(a)) + v * np.float32(np.sin(a)))
                )

            angle = yield from self.turn(task, point, largest)
            largest = min(largest / self.adapt if angle else largest * self.adapt, self.angle)
            if angle:
                theta = point(angle)
            before = [*before, aside][-self.memory :] if self.memory else []

    def turn(self, task: Task, point: Callable[[float], Theta], largest: float) -> Queries[float]:
        """The largest angle found that flips the label, with its sign; 0 if none does."""
        step = largest / self.tries
        for number in range(self.tries, 0, -1):
            for sign in (1, -1):
                low = sign * number * step
                if not (yield from self.flips(task, point(low))):
                    continue
                high = sign * (number + 1) * step
                while number < self.tries and abs(high - low) > largest / 100:
                    middle = (low + high) / 2
                    if (yield from self.flips(task, point(middle))):
                        low = middle
                    else:
                        high = middle
                return float(low)
        return 0.0

    def strength(self, clip: Frames) -> Theta:
        """How strong each coefficient of a direction is, float32 (T, H, W, 3), 0 above `low`."""
        found = np.abs(dctn(clip.astype(np.float32) / 255, axes=(0, 1, 2), norm="ortho"))
        # tanh, as published: strong frequencies do not drown the others.
        found = np.tanh(found)
        for axis in (1, 2):
            kept = max(1, int(self.low * clip.shape[axis]))
            found[(slice(None),) * axis + (slice(kept, None),)] = 0
        return found
