"""The trained agents as an attack on clips that they never saw."""

from pathlib import Path
from typing import Any

from video_attack.agents.attacks.base import Task, ThreatModel
from video_attack.agents.attacks.play.play_attack import PlayAttack
from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import Policy
from video_attack.envs.game.episode import Episode


class Marl(PlayAttack):
    """Both trained agents act on their observations; no weight is changed on the attacked clip.

    Args:
        threat_model: see ThreatModel.
        policy: a policy, the path of its file, or of the folder of its run; see PlayAttack.
        greedy: take the likeliest action instead of drawing one.

    Raises:
        PolicyError: no policy is given, or it does not fit.
    """

    name = "marl"

    def __init__(
        self, threat_model: ThreatModel, policy: Policy | str | Path | None, greedy: bool = False
    ) -> None:
        if policy is None:
            raise PolicyError(
                "no trained policy: run train.py first, or name one by checkpoint=..."
            )
        super().__init__(threat_model, policy)
        self.greedy = greedy

    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Actions of both agents' networks."""
        assert self.policy is not None  # as the constructor saw to
        return self.policy.act(episode.observations(), task.rng, self.greedy)
