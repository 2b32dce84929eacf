"""SimBA-ODS (Tashiro, Song and Ermon, Diversity can be transferred, NeurIPS 2020)."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.surrogate import Direction, Surrogate
from video_attack.agents.attacks.search.boxes import Search, Theta
from video_attack.envs.victims.base import Victim

log = logging.getLogger(__name__)


class SimbaOds(Attack):
    """Directions that change a surrogate's outputs at random, each tried both ways, kept if better.

    Ends at the first success. See Surrogate for what may serve as one; it is never the victim.

    Args:
        threat_model: see ThreatModel.
        surrogate: keys of a model, or None for the image network.
        step: L2 norm of a step on the [0, 1] scale where the bound has no edge, above 0.
        edge_step: root mean square of a step in units of theta where it has one, above 0.
        weights: of the image network, see Features.
        network: see Features.
        device: of the image network.

    Attributes:
        surrogate: the network; its `source` says what it is.

    Raises:
        ValueError: a constant out of its range.
        ConfigError: the surrogate shows no gradients, or (see `prepare`) is the victim.
    """

    name = "simba_ods"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        surrogate: Mapping[str, Any] | None = None,
        step: float = 2.0,
        edge_step: float = 0.5,
        weights: str | None = None,
        network: str = "efficientnet_lite0",
        device: str = "auto",
    ) -> None:
        super().__init__(threat_model)
        if min(step, edge_step) <= 0:
            raise ValueError(f"step={step}, edge_step={edge_step}: must be above 0")
        self.surrogate = Surrogate(surrogate, weights=weights, network=network, device=device)
        self.step, self.edge_step = step, edge_step
        self.classes: tuple[str, ...] = ()

    def prepare(self, victim: Victim) -> None:
        """Refuse a victim that is the surrogate; its class names are no secret."""
        self.surrogate.refuse(victim)
        log.info("%s: the surrogate is %s", self.name, self.surrogate.source)
        self.classes = victim.classes

    def moves(self, task: Task) -> Proposals:
        """One try a query."""
        with Search(task, self.threat_model.game.grid) as search:
            for direction in self.directions(task, search):
                for sign in (1, -1):
                    drop = yield from search.ask(
                        search.theta + sign * self.stepped(task, direction)
                    )
                    if search.flipped:
                        return
                    if drop > 0:
                        break

    def directions(self, task: Task, search: Search) -> Iterator[Direction]:
        """Endlessly, the next direction from where the search stands."""
        while True:
            yield self.surrogate.random_direction(self.here(task, search.theta), task.rng)

    @staticmethod
    def here(task: Task, theta: Theta) -> Direction:
        """The clip at theta, not rounded, float32 on the 0-255 scale."""
        return np.clip(task.bound.clean + task.bound.inside(theta) * task.bound.delta, 0, 255)

    def stepped(self, task: Task, direction: Direction) -> Theta:
        """A step of theta along a direction of the pixels."""
        bound = task.bound
        if not bound.edged:
            return np.float32(self.step) * direction
        along = direction * np.sign(bound.delta) if bound.low == 0 else direction
        size = float(np.sqrt(np.mean(np.square(along))))
        return along * np.float32(self.edge_step / max(size, 1e-30))
