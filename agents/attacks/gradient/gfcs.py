"""GFCS: gradient first, coimage second.

Lord, Mueller and Bertinetto, "Attacking deep networks with surrogate-based adversarial black-box
methods is easy", ICLR 2022.
"""

from collections.abc import Iterator

from video_attack.agents.attacks.base import Task
from video_attack.agents.attacks.gradient.surrogate import Direction
from video_attack.agents.attacks.search.boxes import Search
from video_attack.agents.attacks.search.simba_ods import SimbaOds


class Gfcs(SimbaOds):
    """Gradient first, coimage second: a surrogate's own descent, and where that fails, random outputs.

    From each new point the first direction is down the surrogate's loss; if it helps neither way,
    directions are drawn as SimbaOds draws them until one does.

    Args:
        threat_model: see ThreatModel.
        **constants: see SimbaOds.
    """

    name = "gfcs"
    shrinks = True

    def directions(self, task: Task, search: Search) -> Iterator[Direction]:
        """The descent once from each point, else a random one."""
        tried = None
        while True:
            here = self.here(task, search.theta)
            if search.theta is not tried:
                tried = search.theta
                goal, clean = task.ledger.goal, task.bound.clean
                yield self.surrogate.descent(here, clean, goal, self.classes)
            else:
                yield self.surrogate.random_direction(here, task.rng)
