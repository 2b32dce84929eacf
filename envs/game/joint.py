"""The game for single-agent libraries: one agent makes both moves (gymnasium.Env)."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.forms import Form, choices


class Join:
    """Spaces of one agent that does both agents' work, and how values of both become its own.

    observations: of a game with `flat_obs`, one Box, spatial then temporal; else a Dict with a key a part,
    such as "spatial_planes" and "temporal_rows". actions: MultiDiscrete, spatial parts, then temporal ones.

    Args:
        form: of the game for two.

    Raises:
        ValueError: a game of equal spaces or with masks, which are for two agents.
    """

    def __init__(self, form: Form) -> None:
        if form.equal or form.mask:
            raise ValueError("one agent for both moves: leave out equal_spaces and mask")
        seen = form.observation_spaces
        self.flat = form.flat_obs
        size = sum(int(np.prod(space.shape or ())) for space in seen.values())
        self.observation_space: spaces.Space = (
            spaces.Box(-1, 1, (size,), np.float32) if self.flat else spaces.Dict(named(seen))
        )
        self._parts = {agent: choices(form.action_spaces[agent]) for agent in AGENTS}
        self._single = {
            agent: isinstance(form.action_spaces[agent], spaces.Discrete) for agent in AGENTS
        }
        self.action_space = spaces.MultiDiscrete(np.concatenate(list(self._parts.values())))

    def observation(self, both: Mapping[str, Any]) -> Any:
        """One observation of both agents'."""
        return np.concatenate([both[agent] for agent in AGENTS]) if self.flat else named(both)

    def actions(self, action: Any) -> dict[str, Any]:
        """Both agents' actions, of one."""
        middle = len(self._parts[AGENTS[0]])
        halves = zip(AGENTS, np.split(np.asarray(action), [middle]), strict=True)
        return {agent: half[0] if self._single[agent] else half for agent, half in halves}


class JointEnv(gymnasium.Env):
    """A VideoAttackEnv as one agent's environment: both moves are one action, see `Join`.

    Reward, end and `reset(options={"clip": i})` are the game's; info is one agent's. `unwrapped.game` is
    the environment below.

    Args:
        game: the parallel environment, with flat_obs and flat_actions as wanted.
    """

    def __init__(self, game: VideoAttackEnv) -> None:
        self.game, self.join = game, Join(game.form)
        self.metadata, self.render_mode = dict(game.metadata), game.render_mode
        self.observation_space = self.join.observation_space
        self.action_space = self.join.action_space

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Any, dict]:
        """Start on a new clip."""
        super().reset(seed=seed)
        observations, infos = self.game.reset(seed, options)
        return self.join.observation(observations), infos[AGENTS[0]]

    def step(self, action: NDArray[np.int64]) -> tuple[Any, float, bool, bool, dict]:
        """Make both moves and ask the victim once."""
        step = self.game.step(self.join.actions(action))
        reward, terminated, truncated, info = (part[AGENTS[0]] for part in step[1:])
        return self.join.observation(step[0]), reward, terminated, truncated, info

    def render(self) -> Frames | str | None:  # type: ignore[override] # gymnasium's own type is narrower
        """See VideoAttackEnv."""
        return self.game.render()


def named(both: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of both agents' Dict by the names of agent and part."""
    return {f"{agent}_{key}": part for agent in AGENTS for key, part in both[agent].items()}
