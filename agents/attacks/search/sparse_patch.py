"""Sparse-RS, a patch (Croce et al., Sparse-RS: a versatile framework for sparse attacks, AAAI 2022)."""

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.search.boxes import Region, Search, Theta
from video_attack.agents.attacks.search.sparse_rs import corner_colours, share

REACH = 0.75  # of the clip's sides, the farthest move at first, as published; it falls to 0


class SparsePatch(Attack):
    """Random search for the place and the picture of one square over a run of frames.

    The patch shows corners of the colours that the bound allows. Each query either paints a square
    of it, over a run of its frames, in one new colour, smaller and smaller, or (one in
    `move_every`) moves it in time and space, less and less far; what lowers the margin is kept. It begins
    as stripes of random colours and ends at the first success.

    Args:
        threat_model: see ThreatModel.
        area: share of a frame that the patch covers, in (0, 1].
        frames: how many frames it lasts; None: all.
        alpha: share of its picture that is painted at first, in (0, 1].
        move_every: one query in so many moves the patch, at least 2.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "sparse_patch"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        area: float = 0.02,
        frames: int | None = None,
        alpha: float = 0.4,
        move_every: int = 5,
    ) -> None:
        super().__init__(threat_model)
        if not 0 < area <= 1 or not 0 < alpha <= 1:
            raise ValueError(f"area={area}, alpha={alpha}: choose shares above 0, at most 1")
        if move_every < 2 or (frames is not None and frames < 1):
            raise ValueError(f"move_every={move_every}, frames={frames}: at least 2, at least 1")
        self.area, self.frames, self.alpha, self.move_every = area, frames, alpha, move_every

    def moves(self, task: Task) -> Proposals:
        """One change a query."""
        rng, (T, H, W, _) = task.rng, task.bound.clean.shape
        side = max(1, min(round(np.sqrt(self.area * H * W)), H, W))
        size = (min(self.frames or T, T), side, side)
        room = np.array([T, H, W]) - size
        at = rng.integers(room + 1)
        picture = np.repeat(rng.random((size[0], 1, side, 3)) < 0.5, side, axis=1)
        with Search(task, self.threat_model.game.grid) as search:
            yield from search.ask(self._shown(task, picture, at), min_drop=-np.inf)
            for step in range(task.ledger.budget):
                if search.flipped:
                    return
                done = step / task.ledger.budget
                there, drawn = at, picture
                if step % self.move_every == self.move_every - 1:
                    far = np.maximum(1, (REACH * (1 - done) * np.array([T, H, W])).astype(int))
                    there = np.clip(at + rng.integers(-far, far + 1), 0, room)
                else:
                    drawn = self._repainted(picture, share(self.alpha, done), rng)
                theta = self._shown(task, drawn, there)
                yield from search.ask(theta)
                if search.theta is theta:
                    at, picture = there, drawn

    @staticmethod
    def _repainted(picture: np.ndarray, part: float, rng: np.random.Generator) -> np.ndarray:
        frames, side = picture.shape[:2]
        square = max(1, round(np.sqrt(part) * side))
        run = int(rng.integers(1, frames + 1))
        t, r, c = (
            int(rng.integers(n - k + 1)) for n, k in ((frames, run), (side, square), (side, square))
        )
        drawn = picture.copy()
        drawn[t : t + run, r : r + square, c : c + square] = rng.random(3) < 0.5
        return drawn

    @staticmethod
    def _shown(task: Task, picture: np.ndarray, at: np.ndarray) -> Theta:
        where: Region = tuple(slice(a, a + n) for a, n in zip(at, picture.shape, strict=False))  # type: ignore[assignment] # three
        theta = np.zeros(task.bound.clean.shape, np.float32)
        theta[where] = corner_colours(task, picture, where)
        return theta
