"""The game turn by turn (PettingZoo AECEnv): the spatial agent moves, then the temporal one."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import AECEnv

from video_attack.envs.clip import Frames
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import AGENTS


class TurnsEnv(AECEnv):
    """A VideoAttackEnv as PettingZoo's agent environment cycle.

    Both moves of a step are chosen on the same observations: the victim is asked after the second. Both
    agents are then given the step's reward: `rewards` holds it until the next move, and
    `_cumulative_rewards`, which `last()` returns, until the agent's own next turn. A library must read it
    there: one that takes `rewards` for the move just made (Tianshou) gives the spatial agent 0 for ever;
    there, use `video_attack.envs.game.joint.JointEnv`.

    Args:
        game: the parallel environment; all forms of its spaces pass through.
    """

    def __init__(self, game: VideoAttackEnv) -> None:
        super().__init__()
        self.game = game
        self.metadata, self.render_mode = dict(game.metadata), game.render_mode
        self.possible_agents = list(AGENTS)
        self.observation_spaces, self.action_spaces = game.observation_spaces, game.action_spaces
        self.state_space = game.state_space
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> spaces.Space:
        """The same space object on every call."""
        return self.game.observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space:
        """The same space object on every call."""
        return self.game.action_space(agent)

    def reset(self, seed: int | None = None, options: dict | None = None) -> None:
        """Start on a new clip."""
        self._observations, self.infos = self.game.reset(seed, options)
        self.agents = list(AGENTS)
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)
        self._actions: dict[str, Any] = {}
        self.agent_selection = AGENTS[0]

    def observe(self, agent: str) -> Any:
        """What the agent saw last: after the spatial move, the temporal agent knows nothing of it."""
        return self._observations[agent]

    def step(self, action: Any) -> None:
        """Make the move of the agent whose turn it is; None where it is out of the game."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        actions = {**self._actions, agent: action}
        if agent == AGENTS[-1]:  # before anything is changed, since a wrong action is refused
            step = self.game.step(actions)
            self._observations, self.rewards, self.terminations, self.truncations, self.infos = step
            actions = {}
        else:
            self.game.form.check(agent, action)
            self._clear_rewards()
        self._actions = actions
        self._cumulative_rewards[agent] = 0.0
        self._accumulate_rewards()
        self.agent_selection = AGENTS[(AGENTS.index(agent) + 1) % len(AGENTS)]

    def state(self) -> NDArray[np.float32]:
        """Joint state, see VideoAttackEnv."""
        return self.game.state()

    def render(self) -> Frames | str | None:
        """See VideoAttackEnv."""
        return self.game.render()

    def close(self) -> None:
        """Nothing to release; the victim belongs to the caller."""
