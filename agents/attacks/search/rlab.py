"""RLAB-style search: a sensitivity sweep, then steps that add and remove distortion at once.

After Sarkar et al., "Robustness with Query-efficient Adversarial Attack using Reinforcement
Learning" (arXiv 2310.18626) and RLAB (arXiv 2501.14122), as their released code plays it: greedily.
"""

from dataclasses import dataclass

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.queries import Queries
from video_attack.agents.attacks.search.boxes import Region, Search, Theta, runs


@dataclass
class Cell:
    """A patch over a group of frames.

    Attributes:
        region: its pixels.
        value: theta where it is distorted.
        worth: what its distortion takes from the margin, by the latest measurement.
        on: whether it is distorted now.
    """

    region: Region
    value: float
    worth: float = 0.0
    on: bool = False


class Rlab(Attack):
    """Sensitivity of each (group of frames, patch), dual action, clean-up; every probe counted.

    A sweep toggles each cell alone. Then each step distorts the `add` most sensitive clean cells
    and cleans the `remove` distorted ones that do least (less than those now added promise), and
    is kept if the margin falls. Where it falls by less than was promised, the cells that were added
    lose worth in proportion, so that they are the next to go. When no sensitive cell is left it
    sweeps again from where it stands, until a round brings nothing. At success the clean-up, as far
    as `env.cleanup` lets it, cleans cells from the least worthy on, many at a time at first, and
    keeps what leaves the label flipped.

    The published code sweeps before every step, which no budget of hundreds allows on a clip. It
    knows no sign: unless the bound is a distortion, a cell is probed raised, and one that raises the
    margin is taken to be worth as much lowered, so that a sweep costs one query a cell. Where the
    bound has no edge, a round that brings nothing is followed by one that distorts twice as far.

    Args:
        threat_model: see ThreatModel.
        frames: length of a group of frames, at least 1.
        add: N, cells distorted in a step, at least 1.
        remove: cells cleaned in a step, at least 0.
        levels: how far a cell is distorted at first where the bound has no edge.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "rlab"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        frames: int = 4,
        add: int = 4,
        remove: int = 1,
        levels: float = 16.0,
    ) -> None:
        super().__init__(threat_model)
        if add < 1 or remove < 0:
            raise ValueError(f"add={add}, remove={remove}: must be at least 1 and at least 0")
        self.runs, self.add, self.remove = runs(threat_model.frames, frames), add, remove
        self.levels = levels

    def moves(self, task: Task) -> Proposals:
        """Sweep, step, clean up."""
        with Search(task, self.threat_model.game.grid, self.levels) as search:
            cells = [Cell(region, 1.0) for run in self.runs for region in search.patches(run)]
            before = float("inf")
            while (search.margin < before or search.grow()) and not search.flipped:
                before = search.margin
                yield from sweep(search, cells)
                yield from self._steps(search, cells)
            if search.flipped:
                yield from clean_up(search, [cell for cell in cells if cell.on])

    def _steps(self, search: Search, cells: list[Cell]) -> Proposals:
        fresh = sorted((c for c in cells if not c.on and c.worth > 0), key=lambda c: -c.worth)
        while fresh and not search.flipped:
            added, fresh = fresh[: self.add], fresh[self.add :]
            promise = min(cell.worth for cell in added)
            weak = sorted((c for c in cells if c.on and c.worth < promise), key=lambda c: c.worth)
            taken = weak[: self.remove]
            expected = sum(c.worth for c in added) - sum(c.worth for c in taken)
            drop = yield from toggle(search, added, taken)
            if 0 < drop < expected:
                for cell in added:
                    cell.worth *= drop / expected


def toggle(
    search: Search, added: list[Cell], taken: list[Cell], min_drop: float = 0.0
) -> Queries[float]:
    """Ask with cells distorted and others cleaned, see `Search.ask`; they are marked if it moves."""
    theta: Theta = search.theta.copy()
    for cell in taken:
        theta[cell.region] = 0
    for cell in added:
        theta[cell.region] = cell.value
    drop = yield from search.ask(
        theta, [c.region for c in added], [c.region for c in taken], min_drop
    )
    if search.theta is theta:
        for cell in added + taken:
            cell.on = not cell.on
    return drop


def sweep(search: Search, cells: list[Cell]) -> Proposals:
    """Measure the worth of every cell, one query each: distorted alone, or cleaned if it is on."""
    for cell in cells:
        if cell.on:
            drop = yield from toggle(search, [], [cell], min_drop=np.inf)
            cell.worth = -drop
        else:
            cell.value = search.stroke
            drop = yield from toggle(search, [cell], [], min_drop=np.inf)
            cell.worth = drop
            if drop < 0 and -search.stroke in search.values:
                cell.value, cell.worth = -search.stroke, -drop
        if search.flipped:
            return


def clean_up(search: Search, cells: list[Cell]) -> Proposals:
    """Clean the distorted cells, the least worthy first, keeping what leaves the goal reached."""
    queue = sorted(cells, key=lambda cell: cell.worth)
    many = max(len(queue) // 2, 1)
    while queue:
        tried, rest = queue[:many], queue[many:]
        theta = search.theta.copy()
        for cell in tried:
            theta[cell.region] = 0
        drop = yield from search.ask(theta, (), [cell.region for cell in tried], min_drop=np.inf)
        if search.reached:
            search.theta, search.margin = theta, search.margin - drop
            queue = rest
        elif many == 1:
            queue = rest
        many = max(1, many if search.reached else many // 2)
