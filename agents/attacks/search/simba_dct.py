"""SimBA-DCT in three dimensions (Guo et al., Simple Black-box Attacks, ICML 2019, section 3.2)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.search.boxes import Search, Theta


class SimbaDct(Attack):
    """Random cosines of space-time without repetition, tried forwards, then backwards, kept if better.

    A direction is one basis vector of the discrete cosine transform over frames, rows and columns,
    among the lowest frequencies of each: of one colour channel, or of all three when the bound is a
    distortion. Where the bound has no edge it has a free norm, as published: each step is `step`
    long. Under an edge the wave's peak moves by `edge_step` of the way to it and is cut there. When all
    directions are used up it goes through them again, until a whole round brings nothing. It ends at
    the first success.

    Args:
        threat_model: see ThreatModel.
        frames: how many of the lowest frequencies in time, at least 1.
        side: how many of the lowest frequencies along rows and along columns, at least 1.
        step: L2 norm of a step on the [0, 1] scale where the bound has no edge, above 0.
        edge_step: peak of a step in units of theta where it has one, above 0.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "simba_dct"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        frames: int = 4,
        side: int = 14,
        step: float = 4.0,
        edge_step: float = 4.0,
    ) -> None:
        super().__init__(threat_model)
        if min(frames, side) < 1:
            raise ValueError(f"frames={frames}, side={side}: must be at least 1")
        if min(step, edge_step) <= 0:
            raise ValueError(f"step={step}, edge_step={edge_step}: must be above 0")
        self.frames, self.side, self.step, self.edge_step = frames, side, step, edge_step

    def moves(self, task: Task) -> Proposals:
        """One try a query."""
        shape = task.bound.clean.shape
        counts = [
            min(n, k) for n, k in zip(shape, (self.frames, self.side, self.side), strict=False)
        ]
        channels = 3 if task.bound.low < 0 else 1
        with Search(task, self.threat_model.game.grid) as search:
            before = float("inf")
            while search.margin < before and not search.flipped:
                before = search.margin
                for index in task.rng.permutation(channels * int(np.prod(counts))):
                    *frequency, channel = np.unravel_index(index, (*counts, channels))
                    wave = cosine(shape[:3], frequency) * self.length(task)
                    where = (..., slice(None) if channels == 1 else slice(channel, channel + 1))
                    yield from self._try(search, wave[..., None], where)
                    if search.flipped:
                        return

    def length(self, task: Task) -> float:
        """Of a step of theta, whose wave has the L2 norm 1."""
        if not task.bound.edged:
            return self.step
        # A product of three cosines of unit norm, each with a peak of sqrt(2 / n).
        return self.edge_step / float(np.sqrt(8 / np.prod(task.bound.clean.shape[:3])))

    @staticmethod
    def _try(search: Search, wave: Theta, where: tuple[Any, ...]) -> Proposals:
        for sign in (1, -1):
            theta = search.theta.copy()
            theta[where] += sign * wave
            drop = yield from search.ask(theta)
            if drop > 0:
                return


def cosine(shape: Sequence[int], frequency: Sequence[int]) -> NDArray[np.float32]:
    """One basis vector of the orthonormal DCT-II, float32 of this shape, of the L2 norm 1."""
    wave = np.ones((), np.float32)
    for n, k in zip(shape, frequency, strict=True):
        axis = np.cos(np.pi / n * (np.arange(n) + 0.5) * k) * np.sqrt((2 if k else 1) / n)
        wave = wave[..., None] * axis.astype(np.float32)
    return wave
