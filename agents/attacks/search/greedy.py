"""Greedy hierarchical baseline: probe groups of frames, then patches inside the best ones."""

from collections.abc import Iterable
from typing import NamedTuple

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.queries import Queries
from video_attack.agents.attacks.search.boxes import Region, Search, runs


class Probe(NamedTuple):
    """The best that distorting one region alone does: the drop of the margin, and with which value."""

    drop: float
    value: float
    region: Region


class Greedy(Attack):
    """What any learned choice of where and when must beat at the same counted queries.

    Each group of frames is distorted alone, as a whole; then, group by group from the most
    sensitive, each patch of the game's grid inside it; then the patches that helped are applied one
    after another, best first, one query each, and those that do not lower the margin any further
    are dropped. Unless the bound is a distortion, a region is raised and, if that does not help,
    lowered, all channels together: the sign that helps is kept. When all groups are done it begins
    again from where it stands, until a whole round brings nothing; where the bound has no edge, it
    then moves regions twice as far. It ends at the first success.

    Args:
        threat_model: see ThreatModel.
        frames: length of a group of frames, at least 1.
        groups: how many groups are opened at once; their patches are ranked together.
        levels: how far a region is moved at first where the bound has no edge.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "greedy"
    shrinks = False

    def __init__(
        self, threat_model: ThreatModel, *, frames: int = 4, groups: int = 1, levels: float = 16.0
    ) -> None:
        super().__init__(threat_model)
        if groups < 1:
            raise ValueError(f"groups={groups}: at least one group must be opened at a time")
        self.runs, self.groups, self.levels = runs(threat_model.frames, frames), groups, levels

    def moves(self, task: Task) -> Proposals:
        """One probe, or one more patch, a query."""
        with Search(task, self.threat_model.game.grid, self.levels) as search:
            before = float("inf")
            while (search.margin < before or search.grow()) and not search.flipped:
                before = search.margin
                yield from self._round(search)

    def _round(self, search: Search) -> Proposals:
        _, H, W = search.theta.shape[:3]
        frames = [(run, slice(0, H), slice(0, W)) for run in self.runs]
        opened = yield from ranked(search, frames)
        for first in range(0, len(opened), self.groups):
            group = opened[first : first + self.groups]
            patches = [cell for probe in group for cell in search.patches(probe.region[0])]
            for probe in (yield from ranked(search, patches)):
                if search.flipped:
                    return
                if probe.drop > 0:
                    yield from search.ask(search.painted(probe.region, probe.value), [probe.region])


def ranked(search: Search, regions: Iterable[Region]) -> Queries[list[Probe]]:
    """Distort each region alone, from where the search stands; the most sensitive first.

    A region that already is as it would be made is not asked about. Stops at a success.
    """
    probes = []
    for region in regions:
        best = Probe(float("-inf"), 0.0, region)
        for value in search.values:
            if (search.theta[region] == value).all():
                continue
            theta = search.painted(region, value)
            drop = yield from search.ask(theta, [region], min_drop=float("inf"))
            best = max(best, Probe(drop, value, region), key=lambda probe: probe.drop)
            if search.flipped or best.drop > 0:
                break
        probes.append(best)
        if search.flipped:
            break
    return sorted(probes, key=lambda probe: -probe.drop)
