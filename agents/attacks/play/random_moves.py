"""Chance in the same game: the floor that learning must beat."""

from typing import Any

import numpy as np

from video_attack.agents.attacks.base import Task
from video_attack.agents.attacks.play.play_attack import PlayAttack
from video_attack.envs.game.episode import Episode
from video_attack.envs.game.moves import ACTS, RESCALES, SPATIAL


class RandomMoves(PlayAttack):
    """Chance says where, when, with what and how strongly; what is done is plain random search.

    A stroke that did not pay is turned, as in SimBA (Guo et al., ICML 2019), then a fresh one is drawn;
    a flipped clip is scaled to the boundary each time. So the floor is not lowered by moves that chance
    alone would waste, and `marl` is ahead of it by what was learned.
    """

    name = "random"

    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Uniform actions, but for what is done with the stroke."""
        actions = {
            agent: np.array(task.rng.integers(0, space.nvec))  # type: ignore[attr-defined] # not flat, so MultiDiscrete
            for agent, space in self.move_space.spaces.items()
        }
        act = "opposite" if episode.may_turn else "paint"
        actions["spatial"][SPATIAL.index("act")] = ACTS.index(act)
        actions["spatial"][SPATIAL.index("rescale")] = RESCALES.index("boundary")
        return actions
