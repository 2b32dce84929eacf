"""Random moves in the same game: the floor that learning must beat."""

from typing import Any

from video_attack.agents.attacks.base import Task
from video_attack.agents.attacks.play.play_attack import PlayAttack
from video_attack.envs.game.episode import Episode


class RandomMoves(PlayAttack):
    """Both agents choose uniformly from their action spaces, until the sweep; see PlayAttack."""

    name = "random"

    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Uniform actions."""
        return {
            agent: task.rng.integers(0, space.nvec)  # type: ignore[attr-defined] # not flat, so MultiDiscrete
            for agent, space in self.move_space.spaces.items()
        }
