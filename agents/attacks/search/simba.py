"""SimBA in a basis of space-time blocks (Guo et al., Simple Black-box Attacks, ICML 2019)."""

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.search.boxes import Region, Search, runs


class Simba(Attack):
    """Random directions without repetition, each tried forwards, then backwards, kept if better.

    A direction is one patch of the game's grid over a run of frames: the three colour channels
    together when the bound is a distortion, else each of its own. A try that changes
    nothing, such as undoing what was never distorted, costs no query. When all directions are used
    up it goes through them again (the paper stops there), until a whole round brings nothing.

    Args:
        threat_model: see ThreatModel.
        frames: length of a run of frames, at least 1.
        step: of theta along a direction, in (0, 1]; 1 goes to the edge of the bound at once.
        levels: of a step, where the bound has no edge.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "simba"
    shrinks = False

    def __init__(
        self, threat_model: ThreatModel, *, frames: int = 4, step: float = 1.0, levels: float = 16.0
    ) -> None:
        super().__init__(threat_model)
        if not 0 < step <= 1:
            raise ValueError(f"step={step}: choose a step above 0 and at most 1")
        self.runs, self.step, self.levels = runs(threat_model.frames, frames), step, levels

    def moves(self, task: Task) -> Proposals:
        """One try a query."""
        with Search(task, self.threat_model.game.grid, self.levels) as search:
            channels = range(3) if task.bound.low < 0 else [slice(None)]
            basis = [
                (region, channel)
                for run in self.runs
                for region in search.patches(run)
                for channel in channels
            ]
            before = float("inf")
            while search.margin < before and not search.flipped:
                before = search.margin
                for index in task.rng.permutation(len(basis)):
                    yield from self._try(search, *basis[index])
                    if search.flipped:
                        return

    def _try(self, search: Search, region: Region, channel: int | slice) -> Proposals:
        for step in (self.step * search.stroke, -self.step * search.stroke):
            theta = search.theta.copy()
            block = theta[region][..., channel]
            moved = (block + step).clip(search.task.bound.low, 1)
            if (moved == block).all():
                continue
            block[...] = moved
            regions = [region]
            added, taken = (regions, []) if moved.any() else ([], regions)
            drop = yield from search.ask(theta, added, taken)
            if drop > 0:
                return
