"""HopSkipJump (Chen, Jordan and Wainwright, HopSkipJumpAttack, IEEE S&P 2020), its L2 form."""

from collections.abc import Sequence

import numpy as np

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.decision.label_only import LabelOnly, Theta
from video_attack.agents.attacks.gradient.estimate import block_noise, check_block
from video_attack.agents.attacks.queries import Queries


class HopSkipJump(LabelOnly):
    """Label only: a step off the boundary along its estimated normal, and back to it by bisection.

    From a corner that flips the label (see `LabelOnly`), drawn in to the boundary. Iteration t asks
    about `probes` sqrt(t) random points around it; the mean of those that flip, less that of the
    others, estimates the normal. A step of distance / sqrt(t) along it, halved until it flips, ends
    in another bisection.

    A probe has the length distance / d in the paper, d values, which no clip of whole levels can
    show: it is raised to `min_levels`. White noise is nearly blind to the boundary of so many
    values; `block` makes it constant over blocks (as Li et al., QEBA, CVPR 2020, do in images).

    Args:
        threat_model: see ThreatModel.
        probes: of the first iteration.
        max_probes: the most probes of an iteration.
        block: frames and side of a block in pixels; [1, 1] is white noise, as published.
        tolerance: of a bisection, as a share of the distance, in (0, 1).
        min_levels: the least root mean square of a probe, in levels of 0-255.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "hopskipjump"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        probes: int = 25,
        max_probes: int = 10000,
        block: Sequence[int] = (1, 8),
        tolerance: float = 0.01,
        min_levels: float = 1.0,
    ) -> None:
        super().__init__(threat_model)
        if not 2 <= probes <= max_probes:
            raise ValueError(
                f"probes={probes}, max_probes={max_probes}: at least 2, and no more than max_probes"
            )
        if not 0 < tolerance < 1 or min_levels <= 0:
            raise ValueError(f"tolerance={tolerance}, min_levels={min_levels}: above 0, below 1")
        self.probes, self.max_probes, self.block = probes, max_probes, check_block(block)
        self.tolerance, self.min_levels = tolerance, min_levels

    def moves(self, task: Task) -> Proposals:
        """One clip at a time."""
        theta = yield from self.start(task)
        theta = yield from self.drawn_in(task, theta)
        iteration = 0
        while True:
            iteration += 1
            normal = yield from self.normal(task, theta, iteration)
            length = float(np.linalg.norm(theta)) / np.sqrt(iteration)
            stepped = theta
            for _ in range(20):
                stepped = task.bound.inside(theta + np.float32(length) * normal)
                if (yield from self.flips(task, stepped)):
                    break
                length /= 2
            else:
                stepped = theta
            found = yield from self.drawn_in(task, stepped)
            if np.linalg.norm(found) < np.linalg.norm(theta):
                theta = found

    def drawn_in(self, task: Task, theta: Theta) -> Queries[Theta]:
        """The boundary between a flipped point and the clean clip, from the flipped side."""
        share = yield from self.bisect(task, theta, 0.0, 1.0, self.tolerance)
        return theta * np.float32(share)

    def normal(self, task: Task, theta: Theta, iteration: int) -> Queries[Theta]:
        """The estimated normal at a point of the boundary, of the length 1, towards the flipped side."""
        delta = task.bound.delta
        levels = float(np.sqrt(np.mean(np.square(theta * delta)))) / theta.size
        width = max(float(np.sqrt(np.mean(np.square(delta)))), 1e-6)
        size = np.float32(max(levels, self.min_levels) / width)
        count = min(int(self.probes * np.sqrt(iteration)), self.max_probes)
        flipped = np.zeros_like(theta)
        held, hits = np.zeros_like(theta), 0
        for _ in range(count):
            point = task.bound.inside(theta + size * block_noise(theta.shape, self.block, task.rng))
            if (yield from self.flips(task, point)):
                flipped += point - theta
                hits += 1
            else:
                held += point - theta
        # Each answer less their mean, as the paper's equation 16 has it, up to a factor.
        normal = flipped / max(hits, 1) - held / max(count - hits, 1)
        length = max(float(np.linalg.norm(normal)), 1e-12)
        return (normal / np.float32(length)).astype(np.float32)
