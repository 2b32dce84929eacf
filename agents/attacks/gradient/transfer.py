"""Transfer: one query, made on a surrogate alone.

After Wei et al., "Cross-modal transferable adversarial attacks from images to videos" (CVPR 2022), who
lower the cosine between an image network's features of a clip's frames and those of the clean ones.
"""

from typing import Any

import numpy as np

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.estimate import note_pictures
from video_attack.agents.attacks.search.boxes import Search
from video_attack.agents.attacks.search.simba_ods import SimbaOds


class Transfer(SimbaOds):
    """Sign steps down a surrogate's loss (see Surrogate), then the one query; nothing is learned from it.

    The loss is the likeness of features to the clean clip's, or, where the surrogate knows the
    victim's classes, its margin. The authors take 60 steps of Adam.

    Args:
        threat_model: see ThreatModel.
        iterations: steps on the surrogate, at least 1; together they are twice as long as the bound.
        levels: how far a value may move where the bound has no edge, of 0-255.
        **constants: see SimbaOds; `step` and `edge_step` are not used.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "transfer"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        iterations: int = 10,
        levels: float = 16.0,
        **constants: Any,
    ) -> None:
        super().__init__(threat_model, **constants)
        if iterations < 1 or not 0 < levels <= 255:
            raise ValueError(
                f"iterations={iterations}, levels={levels}: at least 1, and in (0, 255]"
            )
        self.iterations, self.levels = iterations, levels

    def moves(self, task: Task) -> Proposals:
        """One clip."""
        bound, goal = task.bound, task.ledger.goal
        edge = np.float32(bound.stroke(self.levels))
        theta = np.zeros(bound.clean.shape, np.float32)
        with Search(task, self.threat_model.game.grid) as search:
            for _ in range(self.iterations):
                down = self.surrogate.descent(
                    self.here(task, theta), bound.clean, goal, self.classes
                )
                down = np.sign(down * np.sign(bound.delta))
                theta = np.clip(theta + 2 * edge / self.iterations * down, -edge, edge)
                theta = bound.inside(theta)
            yield from search.ask(theta)
        note_pictures(task, theta, theta, self.threat_model.game.grid)
