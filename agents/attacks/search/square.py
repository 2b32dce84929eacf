"""Square Attack in space-time boxes (Andriushchenko et al., ECCV 2020, arXiv 1912.00049)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Rules, Task
from video_attack.agents.attacks.search.boxes import Region, Search, Theta


class Square(Attack):
    """Random search with boxes of one colour sign, ever smaller, each kept if the margin falls.

    A box is a square in space, as published, and a run of frames in time. Under an Linf bound it
    starts from vertical stripes and sets a box to a random sign a channel, so that the clip stays
    in the corners of the bound. When the bound is a distortion, it starts from the clean clip and
    distorts a box wholly or undoes it. It ends at the first success.

    Args:
        rules: see Rules.
        p_init: share of a frame's area that a box covers at first, above 0, at most 1.
        halve_at: shares of the budget in (0, 1), rising; p halves when each is passed.
        windows: lengths of the runs of frames, one drawn for each box; longer than the clip means
            all of it.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "square"

    def __init__(
        self, rules: Rules, *, p_init: float, halve_at: Sequence[float], windows: Sequence[int]
    ) -> None:
        super().__init__(rules)
        if not 0 < p_init <= 1:
            raise ValueError(f"p_init={p_init}: choose a share above 0 and at most 1")
        if not all(0 < a < 1 for a in halve_at) or sorted(halve_at) != list(halve_at):
            raise ValueError(f"halve_at={list(halve_at)}: write rising shares between 0 and 1")
        if not windows or min(windows) < 1:
            raise ValueError(f"windows={list(windows)}: name at least one length of 1 or more")
        self.p_init, self.halve_at = p_init, tuple(halve_at)
        self.windows = tuple(windows)

    def share(self, done: float) -> float:
        """p, the share of a frame that a box covers, after the share `done` of the budget."""
        return float(self.p_init / 2 ** sum(done > border for border in self.halve_at))

    def moves(self, task: Task) -> Proposals:
        """One box a query."""
        signed, rng = task.bound.low < 0, task.rng
        with Search(task, self.rules.game.grid) as search:
            if signed:
                stripes = rng.choice([-1.0, 1.0], (1, 1, search.theta.shape[2], 3))
                start = np.broadcast_to(stripes, search.theta.shape).astype(np.float32)
                # Whatever the answer: the search moves among the corners of the bound.
                yield from search.ask(start, least=-np.inf)
            step, budget = 0, task.ledger.budget
            while not search.flipped:
                region = self._box(search, self.share(step / budget), rng)
                value = self._value(search.theta[region], signed, rng)
                added, taken = ([], [region]) if not value.any() else ([region], [])
                yield from search.ask(search.painted(region, value), added, taken)
                step += 1

    @staticmethod
    def _value(here: Theta, signed: bool, rng: np.random.Generator) -> NDArray[np.float64]:
        """A sign for each channel (3,), or 1 or 0 for all (1,), that changes what is there."""
        while True:
            value = rng.choice([-1.0, 1.0], 3) if signed else rng.choice([0.0, 1.0], 1)
            if (here != value).any():
                return value

    def _box(self, search: Search, p: float, rng: np.random.Generator) -> Region:
        T, H, W = search.theta.shape[:3]
        side = int(np.clip(round(np.sqrt(p * H * W)), 1, max(min(H, W) - 1, 1)))
        run = min(int(rng.choice(self.windows)), T)
        t, r, c = (
            int(rng.integers(n - k + 1)) for n, k in zip((T, H, W), (run, side, side), strict=True)
        )
        return slice(t, t + run), slice(r, r + side), slice(c, c + side)
