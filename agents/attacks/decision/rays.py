"""RayS (Chen and Gu, RayS: a ray searching method for hard-label adversarial attack, KDD 2020)."""

import numpy as np

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.decision.label_only import LabelOnly, Theta
from video_attack.agents.attacks.search.halving import halvings


class Rays(LabelOnly):
    """Label only: the signs along which the label flips at the smallest distance in Linf.

    The signs of ever smaller boxes are flipped; a flip is kept if the label changes a little nearer
    than before, and how near is then found by bisection. The authors halve a flat vector and begin
    with all signs alike; here a clip is halved along its axes, and the first signs are those of the
    corner that flipped the label (see `LabelOnly`). In a bound that is a distortion a value is
    distorted or clean in place of the two signs. Ends when the label flips at one level.

    Args:
        threat_model: see ThreatModel.
        tolerance: of a bisection, as a share of the distance, in (0, 1).

    Raises:
        ValueError: a constant out of its range.
    """

    name = "rays"
    shrinks = True

    def __init__(self, threat_model: ThreatModel, *, tolerance: float = 0.05) -> None:
        super().__init__(threat_model)
        if not 0 < tolerance < 1:
            raise ValueError(f"tolerance={tolerance}: must lie between 0 and 1")
        self.tolerance = tolerance

    def moves(self, task: Task) -> Proposals:
        """One clip at a time."""
        start = yield from self.start(task)
        level = 1 / float(np.abs(task.bound.delta).max(initial=1.0))
        distance = float(np.abs(start).max())
        signs: Theta = start / np.float32(distance)
        distance = yield from self.bisect(task, signs, 0.0, distance, self.tolerance)
        while distance > level:
            before = distance
            for parts in halvings(signs.shape):
                for part in parts:
                    flipped = signs.copy()
                    flipped[part] = -signs[part] if task.bound.low < 0 else 1 - signs[part]
                    near = distance - max(self.tolerance * distance, level / 2)
                    if (yield from self.flips(task, flipped * np.float32(near))):
                        signs = flipped
                        distance = yield from self.bisect(task, signs, 0.0, near, self.tolerance)
                    if distance <= level:
                        return
            if distance == before:
                return
