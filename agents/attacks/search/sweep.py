"""Sweep: boxes of the distortion toggled one by one, from coarse to fine; nothing is learned."""

from collections.abc import Iterator

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.envs.game.mask import cell_edges

Box = tuple[slice, slice, slice]


class Sweep(Attack):
    """Greedy search over boxes of the mask (T, G, G) in rounds that tile it, each in random order.

    Those of the first round have a quarter of the side and the whole length; each round halves both,
    down to one cell and `shortest` frames, then starts anew. A box that is mostly distorted is undone,
    any other is distorted wholly; it stays so if the margin falls.

    Args:
        threat_model: see ThreatModel.
        shortest: length of the last rounds' boxes in frames.
        levels: size of a stroke where the bound has no edge, in levels of 0-255.
    """

    name = "sweep"
    shrinks = False

    def __init__(self, threat_model: ThreatModel, shortest: int = 2, levels: float = 16.0) -> None:
        super().__init__(threat_model)
        if shortest < 1:
            raise ValueError(f"shortest={shortest}: must be at least 1")
        self.shortest, self.levels = shortest, levels

    def moves(self, task: Task) -> Proposals:
        """One box a query."""
        clean, goal, grid = task.bound.clean, task.ledger.goal, self.threat_model.game.grid
        rows, cols = (cell_edges(n, grid) for n in clean.shape[1:3])
        theta = np.zeros(clean.shape, np.float32)
        mask = np.zeros((len(clean), grid, grid), np.float32)
        gap, stroke = goal.gap(task.clean), task.bound.stroke(self.levels)
        for box in boxes(mask.shape, self.shortest, task.rng):
            times, high, wide = box
            pixels = (
                times,
                slice(rows[high.start], rows[high.stop]),
                slice(cols[wide.start], cols[wide.stop]),
            )
            on = mask[box].mean() <= 0.5
            signs = 1.0 if task.bound.low == 0 else task.rng.choice([-1.0, 1.0], 3)
            before = theta[pixels].copy()
            theta[pixels] = signs * stroke if on else 0.0
            answers = yield task.bound.render(theta)[None]
            found = goal.gap(answers[0])
            if found < gap:
                gap, mask[box] = found, on
            else:
                theta[pixels] = before


def boxes(shape: tuple[int, ...], shortest: int, rng: np.random.Generator) -> Iterator[Box]:
    """Endless boxes of a mask (T, G, G), in rounds that tile it, in random order; see `Sweep`."""
    frames, grid = shape[:2]
    while True:
        side, length = -(-grid // 4), frames
        while True:
            tiles = [
                (
                    slice(t, min(t + length, frames)),
                    slice(r, min(r + side, grid)),
                    slice(c, min(c + side, grid)),
                )
                for t in range(0, frames, length)
                for r in range(0, grid, side)
                for c in range(0, grid, side)
            ]
            for index in rng.permutation(len(tiles)):
                yield tiles[index]
            if side == 1 and length <= shortest:
                break
            side, length = max(side // 2, 1), max(length // 2, min(shortest, frames))
