"""Vector forms: N games side by side, and one victim call a step for all of them.

Conventions of `gymnasium.vector`: batched observations, rewards and flags, infos as arrays with a mask
`_key` beside each `key`, seeds `seed, seed + 1, ...`, and one of its autoreset modes:

    next_step: a game that ended is reset by the next call of `step`, which ignores its action, returns the
        new clip's first observations, reward 0 and no flag. Every call is one victim call.
    same_step: it is reset at once; what `step` returns are the new clip's observations, those of the end are
        in infos, "final_obs" and "final_info". The resets of a step share a second victim call.
    disabled: the caller resets it, `reset(options={"reset_mask": mask})`.

A clip that the victim gets wrong is passed over, which costs the reset one call more.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space, iterate
from numpy.typing import NDArray

from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.games import MODES, Games, flags, gathered, stacked, told
from video_attack.envs.game.joint import Join


class ParallelVector:
    """N games in the form of PettingZoo's ParallelEnv, each value batched: observations (N, ...) an agent.

    `step` takes actions (N, ...) by agent, and returns rewards float32 (N,), terminations and truncations
    bool (N,), and infos, all by agent. Both agents of a game always end together.

    Args:
        game: what all games are like, in any form of its spaces.
        num_envs: N.
        autoreset: see this module.
    """

    def __init__(self, game: VideoAttackEnv, num_envs: int, autoreset: str = "next_step") -> None:
        self.batch, self.num_envs = Games(game, num_envs, autoreset), num_envs
        self.autoreset_mode = MODES[autoreset]  # where TorchRL looks for it
        self.metadata = {**game.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = game.render_mode
        self.possible_agents, self.agents = list(AGENTS), list(AGENTS)
        self._seen, self._acts = dict(game.observation_spaces), dict(game.action_spaces)
        self._all_seen = {agent: batch_space(self._seen[agent], num_envs) for agent in AGENTS}
        self._all_acts = {agent: batch_space(self._acts[agent], num_envs) for agent in AGENTS}
        self.single_state_space = game.state_space

    def single_observation_space(self, agent: str) -> spaces.Space:
        """Of one game; the same object on every call, as of the other three."""
        return self._seen[agent]

    def single_action_space(self, agent: str) -> spaces.Space:
        """Of one game."""
        return self._acts[agent]

    def observation_space(self, agent: str) -> spaces.Space:
        """Of all games."""
        return self._all_seen[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """Of all games."""
        return self._all_acts[agent]

    def reset(
        self, seed: int | Sequence[int] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Start all games; game i is seeded `seed + i`, or by the i-th of N seeds."""
        started = self.batch.reset(seed, options)
        if len(started) == self.num_envs:
            self._now = [started[i][0] for i in range(self.num_envs)]
        for i, (observations, _) in started.items():
            self._now[i] = observations
        infos = {
            agent: gathered({i: info[agent] for i, (_, info) in started.items()}, self.num_envs)
            for agent in AGENTS
        }
        return self._observations(), infos

    def step(self, actions: Mapping[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Step all games, by one victim call."""
        each = [{agent: actions[agent][i] for agent in AGENTS} for i in range(self.num_envs)]
        played = self.batch.step(each)
        self._now = [one.observations for one in played]
        infos = {
            agent: gathered({i: told(one, agent) for i, one in enumerate(played)}, self.num_envs)
            for agent in AGENTS
        }
        each_flags = {agent: flags(played, agent) for agent in AGENTS}
        rewards, ended, cut = ({agent: each_flags[agent][k] for agent in AGENTS} for k in range(3))
        return self._observations(), rewards, ended, cut, infos

    def state(self) -> NDArray[np.float32]:
        """Joint states of all games, (N, size)."""
        return np.stack([game.state() for game in self.batch.games])

    def render(self) -> tuple[Any, ...]:
        """What each game shows."""
        return tuple(game.render() for game in self.batch.games)

    def close(self) -> None:
        """Nothing to release; the victim belongs to the caller."""

    def _observations(self) -> dict[str, Any]:
        return {
            agent: stacked(self._seen[agent], [both[agent] for both in self._now])
            for agent in AGENTS
        }


class _Rows(VectorEnv, ABC):
    """What the two forms below share: every game gives `rows` rows of the batch."""

    rows: int

    def __init__(self, game: VideoAttackEnv, num_games: int, autoreset: str) -> None:
        self.batch = Games(game, num_games, autoreset)
        self.num_envs = num_games * self.rows
        self.autoreset_mode = MODES[autoreset]  # where TorchRL looks for it
        self.metadata = {**game.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = game.render_mode
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._now: list[Any] = [None] * self.num_envs

    @abstractmethod
    def split(self, observations: dict[str, Any]) -> list[Any]:
        """A game's rows."""

    @abstractmethod
    def moves(self, actions: Sequence[Any]) -> dict[str, Any]:
        """Both agents' actions, of a game's rows."""

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start all games; game i is seeded `seed + i`, or by the i-th of as many seeds as games."""
        if options and "reset_mask" in options:
            options = {**options, "reset_mask": np.asarray(options["reset_mask"])[:: self.rows]}
        facts: dict[int, dict[str, Any]] = {}
        for i, (observations, infos) in self.batch.reset(seed, options).items():
            self._note(i, observations)
            facts |= {i * self.rows + k: infos[AGENTS[k]] for k in range(self.rows)}
        return self._observations(), gathered(facts, self.num_envs)

    def step(self, actions: Any) -> tuple[Any, NDArray, NDArray, NDArray, dict[str, Any]]:
        """Step all games, by one victim call."""
        each, rows = list(iterate(self.action_space, actions)), self.rows
        chosen = [self.moves(each[i : i + rows]) for i in range(0, self.num_envs, rows)]
        played = self.batch.step(chosen)
        facts: dict[int, dict[str, Any]] = {}
        for i, one in enumerate(played):
            self._note(i, one.observations)
            last = None if one.last is None else self.split(one.last[0])
            for k in range(rows):
                facts[i * rows + k] = told(one, AGENTS[k], None if last is None else last[k])
        rewards, ended, cut = (np.repeat(part, rows) for part in flags(played, AGENTS[0]))
        return self._observations(), rewards, ended, cut, gathered(facts, self.num_envs)

    def render(self) -> tuple[Any, ...]:
        """What each game shows."""
        return tuple(game.render() for game in self.batch.games)

    def _note(self, i: int, observations: dict[str, Any]) -> None:
        self._now[i * self.rows : (i + 1) * self.rows] = self.split(observations)

    def _observations(self) -> Any:
        return stacked(self.single_observation_space, self._now)


class JointVector(_Rows):
    """N games for single-agent libraries (`gymnasium.vector.VectorEnv`): a row a game, see `JointEnv`.

    Args:
        game: what all games are like, with flat_obs and flat_actions as wanted.
        num_games: N, the number of rows.
        autoreset: see this module.
    """

    rows = 1

    def __init__(self, game: VideoAttackEnv, num_games: int, autoreset: str = "next_step") -> None:
        self.join = Join(game.form)
        self.single_observation_space = self.join.observation_space
        self.single_action_space = self.join.action_space
        super().__init__(game, num_games, autoreset)

    def split(self, observations: dict[str, Any]) -> list[Any]:
        """One row."""
        return [self.join.observation(observations)]

    def moves(self, actions: Sequence[Any]) -> dict[str, Any]:
        """Both agents' actions, of one."""
        return self.join.actions(actions[0])


class SharedVector(_Rows):
    """N games for one policy that both agents share (`gymnasium.vector.VectorEnv`): two rows a game.

    Rows are game 0 spatial, game 0 temporal, game 1 spatial ..., as SuperSuit orders them.

    Args:
        game: what all games are like, with `equal_spaces`.
        num_games: N; there are 2 N rows.
        autoreset: see this module.

    Raises:
        ValueError: the agents' spaces differ.
    """

    rows = len(AGENTS)

    def __init__(self, game: VideoAttackEnv, num_games: int, autoreset: str = "next_step") -> None:
        if not game.form.equal:
            raise ValueError("a policy that both agents share needs equal_spaces=True")
        self.single_observation_space = game.observation_spaces[AGENTS[0]]
        self.single_action_space = game.action_spaces[AGENTS[0]]
        super().__init__(game, num_games, autoreset)

    def split(self, observations: dict[str, Any]) -> list[Any]:
        """A row an agent."""
        return [observations[agent] for agent in AGENTS]

    def moves(self, actions: Sequence[Any]) -> dict[str, Any]:
        """A row an agent."""
        return dict(zip(AGENTS, actions, strict=True))
