"""What searches over boxes of space-time share: the perturbation as it stands, and what moved it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Task
from video_attack.agents.attacks.queries import Queries
from video_attack.envs.game.mask import cell_edges
from video_attack.envs.game.memory import SensitivityMemory
from video_attack.envs.game.observation import cell_means

Region = tuple[slice, slice, slice]  # frames, rows and columns, in pixels
Theta = NDArray[np.float32]


def runs(frames: int, length: int) -> list[slice]:
    """Runs of `length` neighbouring frames that make up a clip of `frames`; the last may be shorter.

    Raises:
        ValueError: a length below 1.
    """
    if length < 1:
        raise ValueError(f"frames={length}: a group must have at least 1 frame")
    return [slice(start, min(start + length, frames)) for start in range(0, frames, length)]


class Search:
    """One clip's search, a context: however it ends, mask and sensitivity are left in the notes.

    Attributes:
        theta: float32 (T, H, W, 3), the point of the bound where the search stands; clean at first.
        margin: of the clip at theta, see `Goal.gap`.
        reached: whether the last answer reached the goal.
        memory: what the answers said of the cells, (T, G, G); probes and undone steps included.
    """

    def __init__(self, task: Task, grid: int, levels: float = 255.0) -> None:
        """Start at the clean clip.

        Args:
            task: see Task.
            grid: cells a side in the notes.
            levels: of a stroke where the bound has no edge.
        """
        self.task, self.grid = task, grid
        shape = task.bound.clean.shape
        self.edges = [cell_edges(side, grid) for side in shape[1:3]]
        self.theta: Theta = np.zeros(shape, np.float32)
        self.margin = task.ledger.goal.gap(task.clean)
        self.reached = False
        self.stroke = task.bound.stroke(levels)
        self.memory = SensitivityMemory((shape[0], grid, grid))

    def __enter__(self) -> "Search":
        return self

    def __exit__(self, *_: object) -> None:
        size = np.abs(self.task.bound.inside(self.theta)).mean(axis=-1)
        self.task.notes["mask"] = cell_means(size, self.grid)
        self.task.notes["sensitivity"] = self.memory.picture()

    @property
    def flipped(self) -> bool:
        """Whether any answer has reached the goal."""
        return self.task.ledger.first_success is not None

    @property
    def values(self) -> tuple[float, ...]:
        """What distorting may mean: a stroke and, where the bound has two sides, its opposite."""
        return (self.stroke, -self.stroke) if self.task.bound.low < 0 else (self.stroke,)

    def grow(self) -> bool:
        """Double the stroke; False where it already reaches the edge of the bound."""
        before, self.stroke = self.stroke, min(2 * self.stroke, 1.0)
        return self.stroke > before

    def patches(self, frames: slice) -> list[Region]:
        """The G * G cells of a run of frames, row by row."""
        rows, columns = (
            [slice(*ends) for ends in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
            for edges in self.edges
        )
        return [(frames, row, column) for row in rows for column in columns]

    def painted(self, region: Region, value: float | NDArray[np.floating]) -> Theta:
        """A copy of theta with a region set to a value, or to one a channel (3,)."""
        theta = self.theta.copy()
        theta[region] = value
        return theta

    def ask(
        self,
        theta: Theta,
        added: Iterable[Region] = (),
        taken: Iterable[Region] = (),
        min_drop: float = 0.0,
    ) -> Queries[float]:
        """One query, at theta; the search moves there if the margin falls by more than `min_drop`.

        It also moves to the first clip that reaches the goal, whatever `min_drop` is.

        Args:
            theta: float32 (T, H, W, 3).
            added: the regions that gained distortion, for the sensitivity.
            taken: the regions that lost it.
            min_drop: inf for a probe that must leave the search where it is, -inf to move anyhow.

        Returns:
            By how much the margin falls against the point where the search stood.
        """
        before = self.flipped
        answers = yield self.task.bound.render(theta)[None]
        goal = self.task.ledger.goal
        margin, self.reached = goal.gap(answers[0]), goal.reached(answers[0])
        drop = self.margin - margin
        change = (theta - self.theta) * self.task.bound.delta
        self.memory.credit(
            self._shares([*added, *taken]), drop, float(np.linalg.norm(change)) / 255
        )
        if drop > min_drop or self.flipped != before:
            self.theta, self.margin = theta, margin
        return drop

    def _shares(self, regions: Iterable[Region]) -> NDArray[np.float32]:
        """The cells (T, G, G) that regions overlap, as equal shares of 1."""
        cells = np.zeros(self.memory.answers.shape, np.float32)
        for frames, *sides in regions:
            place = [
                slice(
                    int(np.searchsorted(edges, side.start, "right")) - 1,
                    int(np.searchsorted(edges, side.stop, "left")),
                )
                for edges, side in zip(self.edges, sides, strict=True)
            ]
            cells[frames, place[0], place[1]] = 1
        return cells / max(float(cells.sum()), 1.0)
