"""Square Attack in space-time boxes (Andriushchenko et al., ECCV 2020, arXiv 1912.00049)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.search.boxes import Region, Search, Theta
from video_attack.agents.attacks.search.square_l2 import Ball


class Square(Attack):
    """Random search with boxes of one colour sign, ever smaller, each kept if the margin falls.

    A box is a square in space, as published, and a run of frames in time.

    - Under an Linf bound it starts from vertical stripes and sets a box to random signs, so that the
      clip stays in the corners of the bound. With `flicker` a clip is a picture of T * 3 channels, as
      the authors' code would take it: every channel of every frame has stripes and signs of its own.
      Without, stripes and signs are the same in all frames of the clip or the box.
    - When the bound is a distortion, it starts from the clean clip and distorts a box wholly or
      undoes it.
    - Where the bound has no edge it is the authors' L2 attack, see `Ball`, within the bound's radius
      or, without a bound, the key's. After a success it goes on in an ever smaller ball.

    Otherwise it ends at the first success.

    Args:
        threat_model: see ThreatModel.
        p_init: share of a frame's area that a box covers at first, above 0, at most 1.
        halve_at: shares of the budget in (0, 1), rising; p halves when each is passed.
        windows: lengths of the runs of frames, one drawn for each box; longer than the clip means
            all of it, and so does None.
        flicker: signs are drawn for each frame.
        radius: of the L2 attack where there is no bound, on the [0, 1] scale.
        shrink: each success of the L2 attack makes its ball smaller by this factor, in (0, 1).

    Raises:
        ValueError: a constant out of its range.
    """

    name = "square"
    shrinks = True  # in its L2 form; under other bounds it ends at the success

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        p_init: float = 0.8,
        halve_at: Sequence[float] = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
        windows: Sequence[int] | None = None,
        flicker: bool = True,
        radius: float = 30.0,
        shrink: float = 0.9,
    ) -> None:
        super().__init__(threat_model)
        if not 0 < p_init <= 1:
            raise ValueError(f"p_init={p_init}: choose a share above 0 and at most 1")
        if not all(0 < a < 1 for a in halve_at) or sorted(halve_at) != list(halve_at):
            raise ValueError(f"halve_at={list(halve_at)}: write rising shares between 0 and 1")
        if windows is not None and (not windows or min(windows) < 1):
            raise ValueError(f"windows={list(windows)}: name at least one length of 1 or more")
        if radius <= 0 or not 0 < shrink < 1:
            raise ValueError(f"radius={radius}, shrink={shrink}: above 0, and shrink below 1")
        self.p_init, self.halve_at, self.flicker = p_init, tuple(halve_at), flicker
        self.windows = tuple(windows) if windows else (threat_model.frames,)
        self.radius, self.shrink = radius, shrink

    def share(self, done: float) -> float:
        """p, the share of a frame that a box covers, after the share `done` of the budget."""
        return float(self.p_init / 2 ** sum(done > border for border in self.halve_at))

    def moves(self, task: Task) -> Proposals:
        """One box a query."""
        if task.bound.edged:
            yield from self._edged(task)
        else:
            yield from self._ball(task)

    def _edged(self, task: Task) -> Proposals:
        signed, rng = task.bound.low < 0, task.rng
        with Search(task, self.threat_model.game.grid) as search:
            T, _, W, _ = search.theta.shape
            if signed:
                stripes = rng.choice([-1.0, 1.0], (T if self.flicker else 1, 1, W, 3))
                start = np.broadcast_to(stripes, search.theta.shape).astype(np.float32)
                # Whatever the answer: the search moves among the corners of the bound.
                yield from search.ask(start, min_drop=-np.inf)
            step, budget = 0, task.ledger.budget
            while not search.flipped:
                region = self._box(search.theta.shape, self.share(step / budget), rng)
                value = self._value(search.theta[region], signed, rng)
                added, taken = ([], [region]) if not value.any() else ([region], [])
                yield from search.ask(search.painted(region, value), added, taken)
                step += 1

    def _ball(self, task: Task) -> Proposals:
        rng, budget = task.rng, task.ledger.budget
        ball = Ball(task.bound.clean.shape, task.bound.radius or self.radius, self.flicker, rng)
        with Search(task, self.threat_model.game.grid) as search:
            yield from search.ask(ball.tiles(), min_drop=-np.inf)
            for step in range(budget):
                if search.reached:
                    ball.radius *= self.shrink
                    yield from search.ask(ball.fitted(search.theta), min_drop=-np.inf)
                    continue
                p = self.share(step / budget)
                region, other = (self._box(search.theta.shape, p, rng) for _ in range(2))
                theta = ball.moved(search.theta, region, other)
                yield from search.ask(theta, [region], [other])

    def _value(self, here: Theta, signed: bool, rng: np.random.Generator) -> NDArray[np.float64]:
        """Signs for a box, one a channel (and frame), or 1 or 0 for all, that change what is there."""
        while True:
            if signed:
                value = rng.choice([-1.0, 1.0], (len(here) if self.flicker else 1, 1, 1, 3))
            else:
                value = rng.choice([0.0, 1.0], 1)
            if (here != value).any():
                return value

    def _box(self, shape: tuple[int, ...], p: float, rng: np.random.Generator) -> Region:
        T, H, W = shape[:3]
        side = int(np.clip(round(np.sqrt(p * H * W)), 1, max(min(H, W) - 1, 1)))
        run = min(int(rng.choice(self.windows)), T)
        t, r, c = (
            int(rng.integers(n - k + 1)) for n, k in zip((T, H, W), (run, side, side), strict=True)
        )
        return slice(t, t + run), slice(r, r + side), slice(c, c + side)
