"""The trained agents as an attack on clips that they never saw."""

from pathlib import Path
from typing import Any

from video_attack.agents.attacks.base import Rules, Task
from video_attack.agents.attacks.play.play_attack import PATIENCE, PlayAttack
from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import Policy
from video_attack.envs.game.episode import Episode


class Marl(PlayAttack):
    """Both trained agents act on their observations; nothing is learned on the attacked clip.

    Args:
        rules: the comparison's rules.
        policy: a policy, the path of its file, or of the folder of its run; see PlayAttack.
        greedy: take the likeliest action instead of drawing one.
        patience: queries without a flip after which the sweep begins; see PlayAttack.

    Raises:
        PolicyError: no policy is given, or it does not fit.
    """

    name = "marl"

    def __init__(
        self,
        rules: Rules,
        policy: Policy | str | Path | None,
        greedy: bool = False,
        patience: int = PATIENCE,
    ) -> None:
        if policy is None:
            raise PolicyError(
                "no trained policy: run train.py first, or name one by checkpoint=..."
            )
        super().__init__(rules, policy, patience)
        self.greedy = greedy

    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Actions of both agents' networks."""
        assert isinstance(self.policy, Policy)  # as the constructor saw to
        return self.policy.act(episode.observations(), task.rng, self.greedy)
