"""SignHunter over boxes of space-time (Al-Dujaili and O'Reilly, Sign bits are all you need, ICLR 2020)."""

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.search.boxes import Search
from video_attack.agents.attacks.search.halving import halvings


class SignHunter(Attack):
    """Flips the signs of ever smaller boxes, each flip kept if the margin falls.

    Published for the signs of a flat vector that is halved again and again; here a clip is halved
    along its axes, so that a part is a box. All signs begin alike. In a bound that is a distortion
    a value is wholly distorted or clean in place of the two signs. Where the bound has no edge a
    value moves by `levels`. When single values are reached it begins again. Ends at the first success.

    Args:
        threat_model: see ThreatModel.
        levels: how far each value moves where the bound has no edge, of 0-255.
        shuffle: go through the boxes of a size in random order; else, as published, in theirs.

    Raises:
        ValueError: levels out of (0, 255].
    """

    name = "signhunter"
    shrinks = True

    def __init__(
        self, threat_model: ThreatModel, *, levels: float = 8.0, shuffle: bool = False
    ) -> None:
        super().__init__(threat_model)
        if not 0 < levels <= 255:
            raise ValueError(f"levels={levels}: choose a number above 0, at most 255")
        self.levels, self.shuffle = levels, shuffle

    def moves(self, task: Task) -> Proposals:
        """One flip a query."""
        with Search(task, self.threat_model.game.grid, self.levels) as search:
            yield from search.ask(np.full_like(search.theta, search.stroke), min_drop=-np.inf)
            # What the flip of a value is: from one end to the other.
            ends = search.stroke + (-search.stroke if task.bound.low < 0 else 0.0)
            while not search.flipped:
                for parts in halvings(search.theta.shape):
                    order = np.arange(len(parts))
                    for index in task.rng.permutation(order) if self.shuffle else order:
                        part = parts[index]
                        theta = search.theta.copy()
                        theta[part] = np.float32(ends) - theta[part]
                        yield from search.ask(theta, [part[:3]])
                        if search.flipped:
                            return
