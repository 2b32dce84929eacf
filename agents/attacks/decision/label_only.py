"""Attacks that look at nothing of an answer but the predicted class."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Task
from video_attack.agents.attacks.queries import Queries
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.observation import cell_means

Theta = NDArray[np.float32]  # (T, H, W, 3), see Bound


class LabelOnly(Attack):
    """What decision-based attacks share; they ask the same of scores, of top-k and of labels.

    Before the label flips, labels tell nothing, so that `corners` are tried until one flips it, or
    the budget is spent. The base class stops there: how much smaller a clip of the same label can be
    is searched with the queries of `env.cleanup` and no others.
    """

    def flips(self, task: Task, theta: Theta) -> Queries[bool]:
        """Ask about one point: whether the goal is reached there; notes where the best changes."""
        clip = task.bound.project(task.bound.render(theta)[None])[0]
        answers = yield clip[None]
        reached = len(answers) > 0 and task.ledger.goal.reached(answers[0])
        if reached and np.array_equal(clip, task.ledger.best):  # type: ignore[arg-type] # not None: reached
            task.notes["mask"] = cell_means(np.abs(theta).mean(3), self.threat_model.game.grid)
        return reached

    def start(self, task: Task) -> Queries[Theta]:
        """The first corner that flips the label."""
        for theta in corners(task.bound, task.rng):
            if (yield from self.flips(task, theta)):
                return theta
        raise AssertionError("corners never end")

    def bisect(
        self, task: Task, direction: Theta, low: float, high: float, tolerance: float
    ) -> Queries[float]:
        """The boundary between a held and a flipped multiple of a direction, from the flipped side.

        Args:
            task: see Task.
            direction: float32 (T, H, W, 3).
            low: a multiple that does not flip.
            high: one that does.
            tolerance: the distance of both at the end, as a share of the flipped one.
        """
        while high - low > tolerance * high:
            middle = (low + high) / 2
            if (yield from self.flips(task, direction * np.float32(middle))):
                high = middle
            else:
                low = middle
        return high


def corners(bound: Bound, rng: np.random.Generator) -> Iterator[Theta]:
    """Endlessly, points of the bound at which each theta is the least or the most.

    Constant, channel by channel, over blocks whose length in each axis is drawn anew for every
    point, 1, 2, 4, ... or the whole of it: fine noise seldom flips a label, stripes and patches may.
    Under an L2 bound they are drawn in to its surface.
    Where the bound is a distortion, the wholly distorted clip comes first. Where it has no edge the
    first lies 16 levels away, each further one twice as far, up to the whole scale.
    """
    shape = bound.clean.shape
    levels = 16.0
    if bound.low == 0:
        yield np.ones(shape, np.float32)
    while True:
        lengths = [min(int(2 ** rng.integers(0, np.log2(n) + 2)), n) for n in shape[:3]]
        blocks = [-(-n // length) for n, length in zip(shape, lengths, strict=False)]
        theta = rng.choice(np.array([bound.low, 1.0], np.float32), (*blocks, 3))
        for axis, length in enumerate(lengths):
            theta = theta.repeat(length, axis)
        theta *= np.float32(bound.stroke(levels))
        levels = min(2 * levels, 255.0)
        yield bound.inside(theta[: shape[0], : shape[1], : shape[2]])
