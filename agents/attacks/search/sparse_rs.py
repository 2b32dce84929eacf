"""Sparse-RS, pixels (Croce et al., Sparse-RS: a versatile framework for sparse attacks, AAAI 2022)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.search.boxes import Search, Theta

# (queries of 10,000, divisor of alpha from there on), as published.
SCHEDULE = (
    (0, 1), (50, 2), (200, 4), (500, 5), (1000, 6), (2000, 8), (4000, 10), (6000, 15), (8000, 20),
)  # fmt: skip


def share(alpha: float, done: float) -> float:
    """Alpha after the share `done` of the budget, by the published schedule."""
    return alpha / [divisor for start, divisor in SCHEDULE if start <= 10_000 * done][-1]


def corner_colours(task: Task, colours: NDArray[np.bool_], where: Any) -> Theta:
    """Theta of pixels at the ends of their bound.

    Args:
        task: see Task.
        colours: (..., 3), whether a channel is at its most (else least); a distortion has one end.
        where: index of the pixels in (T, H, W, 3).
    """
    bound = task.bound
    if bound.low == 0:
        return np.ones(colours.shape, np.float32)
    ends = np.where(colours, bound.upper[where], bound.lower[where])
    return (ends - bound.clean[where].astype(np.float32)) / bound.delta[where]


class SparseRs(Attack):
    """Random search over few pixels of a clip, each at a corner of the colours that the bound allows.

    Each query moves a share of the pixels to new places with new colours, fewer and fewer, and keeps
    that if the margin falls. It ends at the first success.

    Args:
        threat_model: see ThreatModel.
        pixels: how many pixels of the clip are changed, at least 1.
        alpha: share of them that moves at first, in (0, 1].

    Raises:
        ValueError: a constant out of its range.
    """

    name = "sparse_rs"
    shrinks = True

    def __init__(self, threat_model: ThreatModel, *, pixels: int = 600, alpha: float = 0.3) -> None:
        super().__init__(threat_model)
        if pixels < 1 or not 0 < alpha <= 1:
            raise ValueError(f"pixels={pixels}, alpha={alpha}: at least 1, and a share in (0, 1]")
        self.pixels, self.alpha = pixels, alpha

    def moves(self, task: Task) -> Proposals:
        """One change a query."""
        rng, shape = task.rng, task.bound.clean.shape
        total = int(np.prod(shape[:3]))
        with Search(task, self.threat_model.game.grid) as search:
            chosen = rng.choice(total, min(self.pixels, total), replace=False)
            yield from search.ask(self._painted(task, search.theta, chosen), min_drop=-np.inf)
            for step in range(task.ledger.budget):
                if search.flipped:
                    return
                count = max(1, int(share(self.alpha, step / task.ledger.budget) * len(chosen)))
                places = rng.permutation(len(chosen))
                gone, kept = chosen[places[:count]], chosen[places[count:]]
                free = np.setdiff1d(
                    rng.choice(total, min(4 * self.pixels, total), replace=False), kept
                )
                new = rng.permutation(free)[:count]
                theta = search.theta.copy()
                theta[np.unravel_index(gone, shape[:3])] = 0
                theta = self._painted(task, theta, new)
                yield from search.ask(theta)
                if search.theta is theta:
                    chosen = np.concatenate([kept, new])

    @staticmethod
    def _painted(task: Task, theta: Theta, pixels: NDArray[np.int64]) -> Theta:
        """Theta with pixels, numbered over (T, H, W), in random corners."""
        where = np.unravel_index(pixels, theta.shape[:3])
        painted = theta.copy()
        painted[where] = corner_colours(task, task.rng.random((len(pixels), 3)) < 0.5, where)
        return painted
