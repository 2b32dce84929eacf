"""White box: how small a change can be at all. A yardstick, and no competitor."""

import numpy as np
import torch
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.surrogate import innermost
from video_attack.agents.attacks.queries import Queries
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.game.bound import shortened
from video_attack.envs.game.observation import cell_means
from video_attack.envs.victims.base import Victim

Change = NDArray[np.int64]  # (T, H, W, 3), levels against the clean clip


class WhiteBox(Attack):
    """**No black-box attack**: takes the gradients of the victim's own network, uncounted.

    Says how far from the limit the competitors stay: the smallest L2, Linf and L0 that it finds, one
    after another. Every clip that it claims anything of is whole levels, passes the ledger like any
    other, and is counted; gradients are not. What it finds is an upper bound of the limit. The victim's
    network must run in this process. Behind a defence, gradients are the bare network's, and the
    answers are the defended one's. Give it the queries to go on after its first success
    (`env.cleanup`), or it stops there; `bound=none` shows the limit itself.

    - L2: decoupled direction and norm (Rony et al., CVPR 2019), with what is rounded up chosen by the
      largest fractions, see `video_attack.envs.game.bound.shortened`.
    - Linf: momentum sign steps (Dong et al., CVPR 2018) at 1, 2, 4, ... levels until the label flips.
    - L0: pixels are driven to the ends of their scale, a few at a time, where the gradient promises
      most; then taken back, the least useful first, many at a time.

    Args:
        threat_model: see ThreatModel.
        steps: iterations for L2.
        radius: L2 norm at which that begins, on the [0, 1] scale.
        factor: by how much of itself that norm falls after a success, and grows otherwise; less with
            every turn from one to the other.
        tries: iterations at each number of levels, for Linf.
        growth: pixels added at a time, as a share of those there are; at least four.
        max_pixels: the most pixels, for L0.

    Raises:
        ValueError: a constant out of its range.
        ConfigError: (see `prepare`) the victim shows no gradients.
    """

    name = "whitebox"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        steps: int = 60,
        radius: float = 0.5,
        factor: float = 0.05,
        tries: int = 10,
        growth: float = 0.15,
        max_pixels: int = 5000,
    ) -> None:
        super().__init__(threat_model)
        if min(steps, tries, max_pixels) < 1 or radius <= 0 or not 0 < factor < 1 or growth < 0:
            raise ValueError(
                f"steps={steps}, tries={tries}, max_pixels={max_pixels}, radius={radius}, factor={factor}, "
                f"growth={growth}: must be above 0, factor below 1"
            )
        self.steps, self.radius, self.factor = steps, radius, factor
        self.tries, self.growth, self.max_pixels = tries, growth, max_pixels
        self.victim: Victim | None = None

    def prepare(self, victim: Victim) -> None:
        """Take hold of the network behind the victim."""
        self.victim = innermost(victim)
        if not hasattr(self.victim, "logits"):
            raise ConfigError(
                f"attack=whitebox needs the victim's gradients, and {type(self.victim).__name__} shows "
                "none: choose a model whose network runs in this process, such as tiny3d or i3d"
            )

    def moves(self, task: Task) -> Proposals:
        """One clip at a time."""
        yield from self.smallest_l2(task)
        yield from self.smallest_linf(task)
        yield from self.smallest_l0(task)

    def smallest_l2(self, task: Task) -> Proposals:
        """Steps along the slope on a sphere that shrinks after a success and grows otherwise."""
        clean = task.bound.clean
        change, radius, factor, before = np.zeros(clean.shape), self.radius, self.factor, False
        for step in range(self.steps):
            whole = shortened(change, radius)
            reached = step > 0 and (yield from self.flips(task, whole))
            if step > 0:
                factor *= 0.8 if reached != before else 1
                radius, before = radius * (1 - factor if reached else 1 + factor), reached
            rate = 0.01 + 0.99 * (1 + np.cos(np.pi * step / self.steps)) / 2
            change = change + 255 * radius * rate * self.downhill(task, whole)
            change *= 255 * radius / max(float(np.linalg.norm(change)), 1e-12)
            change = np.clip(change, -clean.astype(float), 255.0 - clean)

    def smallest_linf(self, task: Task) -> Proposals:
        """Corners of ever larger boxes around the clean clip."""
        clean = task.bound.clean
        levels = 1
        while levels <= 255:
            heading, change = np.zeros(clean.shape), np.zeros(clean.shape, np.int64)
            for _ in range(self.tries):
                down = self.downhill(task, change)
                heading += down / max(float(np.abs(down).sum()), 1e-30)
                change = levels * np.sign(heading).astype(np.int64)
                if (yield from self.flips(task, change)):
                    return
            levels *= 2

    def smallest_l0(self, task: Task) -> Proposals:
        """Pixels added until the label flips, then taken back."""
        clean = task.bound.clean.astype(np.int64)
        change = np.zeros_like(clean)
        chosen = np.zeros(clean.shape[:3], bool)
        while chosen.sum() < min(self.max_pixels, chosen.size):
            down = self.downhill(task, change)
            ends = np.where(down > 0, 255, 0) - clean
            promise = np.where(chosen, 0, (down * ends).sum(3))
            add = max(4, int(self.growth * chosen.sum()))
            new = np.unravel_index(np.argsort(-promise, axis=None)[:add], chosen.shape)
            chosen[new] = True
            change[new] = ends[new]
            if (yield from self.flips(task, change)):
                break
        else:
            return
        many = max(1, int(chosen.sum()) // 2)
        while True:
            down = self.downhill(task, change)
            places = np.flatnonzero(change.any(3))
            worth = (down * change).sum(3).ravel()[places]
            weakest = np.unravel_index(places[np.argsort(worth)[:many]], chosen.shape)
            fewer = change.copy()
            fewer[weakest] = 0
            if fewer.any() and (yield from self.flips(task, fewer)):
                change = fewer
            elif many == 1:
                return
            else:
                many = max(1, many // 2)

    def flips(self, task: Task, change: Change) -> Queries[bool]:
        """Ask about a change; notes where the best clip is changed."""
        clip = np.clip(task.bound.clean + change, 0, 255).astype(np.uint8)
        answers = yield clip[None]
        best = task.ledger.best
        if best is not None:
            size = np.abs(best.astype(np.float32) - task.bound.clean).mean(3) / 255
            task.notes["mask"] = cell_means(size, self.threat_model.game.grid)
        return len(answers) > 0 and task.ledger.goal.reached(answers[0])

    def downhill(self, task: Task, change: Change) -> NDArray[np.float64]:
        """Down the slope of the logits' margin, of the L2 norm 1, at a change of the clean clip."""
        goal, clip = task.ledger.goal, np.clip(task.bound.clean + change, 0, 255)
        x = torch.tensor(clip[None], dtype=torch.float32, requires_grad=True)
        assert self.victim is not None  # by prepare()
        logits = self.victim.logits(x)[0]  # type: ignore[attr-defined] # prepare() saw to it
        wins = goal.label if goal.target is None else goal.target
        gap = logits[wins] - torch.cat([logits[:wins], logits[wins + 1 :]]).max()
        (slope,) = torch.autograd.grad(gap if goal.target is None else -gap, x)
        down = -slope[0].double().numpy(force=True)
        return down / max(float(np.linalg.norm(down)), 1e-30)
