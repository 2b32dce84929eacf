"""The game for RLlib: a thin wrapper, and a vector form that asks the victim once a step."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner
from ray.rllib.env.vector.sync_vector_multi_agent_env import SyncVectorMultiAgentEnv

from video_attack.agents.cluster.remote_victim import RemoteVictim
from video_attack.agents.policy.sensitivity import Answer
from video_attack.agents.setup.attack_setup import AttackSetup, build_setup
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.ledger import run_batched

FAINT = 0.05  # L2 norm of a stroke that is lost in the rounding of clips and answers


class RllibAttackEnv(MultiAgentEnv):
    """VideoAttackEnv in RLlib's form.

    RLlib's own PettingZoo wrapper orders agents by a set, resets unseeded in its constructor (here
    that would be a query) and refuses our infos; hence this one.

    Args:
        env: the environment.
        central: add the joint state to both observations, for a centralised critic.
    """

    def __init__(self, env: VideoAttackEnv, central: bool) -> None:
        super().__init__()
        self.env, self.central = env, central
        self.possible_agents = self.agents = list(AGENTS)
        extra = {"state": env.state_space} if central else {}
        self.observation_spaces = {
            agent: spaces.Dict({**env.observation_space(agent).spaces, **extra})  # type: ignore[attr-defined] # not flat, so a Dict
            for agent in AGENTS
        }
        self.action_spaces = {agent: env.action_space(agent) for agent in AGENTS}

    def observations(self, raw: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Observations with the joint state where it is asked for."""
        extra = {"state": self.env.state()} if self.central else {}
        return {agent: {**raw[agent], **extra} for agent in AGENTS}

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Start an episode."""
        raw, _ = self.env.reset(seed, options)
        return self.observations(raw), {}

    def step(self, action_dict: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """One step on its own."""
        return self.convert(self.env.step(action_dict))

    def convert(
        self, step: tuple[dict, dict, dict, dict, dict]
    ) -> tuple[dict, dict, dict, dict, dict]:
        """A PettingZoo step in RLlib's form; the end of the budget is terminal in both."""
        raw, rewards, terminated, truncated, _ = step
        ended = {**terminated, "__all__": all(terminated.values())}
        cut = {**truncated, "__all__": all(truncated.values())}
        return self.observations(raw), rewards, ended, cut, {}


class AttackVectorEnv(SyncVectorMultiAgentEnv):
    """N games side by side; every step, resets included, is one batched victim call."""

    def __init__(self, setup: AttackSetup, num_envs: int, central: bool, seed_salt: int) -> None:
        self.victim, self._salt = setup.victim, seed_salt
        games = [RllibAttackEnv(setup.env("train"), central) for _ in range(num_envs)]
        super().__init__([lambda game=game: game for game in games], copy=False)
        self._finished: list[dict[str, float]] = []
        self._answers: list[Answer] = []
        self._reported = 0
        self._returns = [0.0] * num_envs

    def take_report(self) -> tuple[list[dict[str, float]], int]:
        """What happened since the last report.

        Returns:
            One dict (success, queries_per_clip, reward, and for successes norm) an episode that ended, and
            the number of queries of all games.
        """
        queries = sum(game.env.queries for game in self.envs)
        report = self._finished, queries - self._reported
        self._finished, self._reported = [], queries
        return report

    def take_answers(self) -> list[Answer]:
        """The answers to fresh strokes since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict | None = None
    ) -> tuple[Any, Any]:
        """Start all games; game i of a worker seeded s draws from the sequence (s, salt, i)."""
        if isinstance(seed, Sequence):
            raise ValueError("give one seed: each game's own is derived from it")
        self._autoreset_envs = np.zeros(self.num_envs, bool)
        coroutines = []
        for i, game in enumerate(self.envs):
            key = None if seed is None else np.random.SeedSequence([seed, self._salt, i])
            number = None if key is None else int(key.generate_state(1)[0])
            coroutines.append(game.env.reset_coroutine(number, options))
        for i, (raw, _) in run_batched(self.victim, coroutines, self.num_envs):
            self._observations[i], self._infos[i] = self.envs[i].observations(raw), {}
            self._returns[i] = 0.0
        return list(self._observations), list(self._infos)

    def step(self, actions: list[dict[str, Any]]) -> tuple[Any, Any, Any, Any, Any]:
        """Step every game, or reset it where it ended in the step before."""
        fresh = self._autoreset_envs.copy()
        coroutines: list[Any] = [
            game.env.reset_coroutine() if fresh[i] else game.env.step_coroutine(actions[i])
            for i, game in enumerate(self.envs)
        ]
        for i, result in run_batched(self.victim, coroutines, self.num_envs):
            if fresh[i]:
                self._note_reset(i, result)
            else:
                self._note_answer(i, actions[i])
                self._note_step(i, result)
        self._autoreset_envs = np.array([not game.env.agents for game in self.envs])
        return (
            list(self._observations), list(self._rewards), list(self._terminations),
            list(self._truncations), list(self._infos),
        )  # fmt: skip

    def _note_reset(self, i: int, result: tuple[dict, dict]) -> None:
        going_on = {**dict.fromkeys(AGENTS, False), "__all__": False}
        self._observations[i], self._infos[i] = self.envs[i].observations(result[0]), {}
        self._rewards[i] = dict.fromkeys(AGENTS, 0.0)
        self._terminations[i], self._truncations[i] = going_on, dict(going_on)
        self._returns[i] = 0.0

    def _note_answer(self, i: int, actions: dict[str, Any]) -> None:
        """Keep what the last answer said of a fresh stroke, if anything."""
        episode = self.envs[i].env.episode
        drop, norm = episode.slope
        norm = norm if norm > FAINT else 0.0
        if episode.move.act == "paint" and (norm or not np.isnan(episode.gain)):
            spatial, temporal = (np.asarray(actions[agent], np.int64) for agent in AGENTS)
            self._answers.append(Answer(spatial, temporal, drop, norm, episode.gain))

    def _note_step(self, i: int, result: tuple[dict, dict, dict, dict, dict]) -> None:
        (
            self._observations[i], self._rewards[i], self._terminations[i],
            self._truncations[i], self._infos[i],
        ) = self.envs[i].convert(result)  # fmt: skip
        self._returns[i] += result[1][AGENTS[0]]
        if not self.envs[i].env.agents:
            ledger = self.envs[i].env.episode.ledger
            success = ledger.first_success is not None
            norm = {"norm": ledger.best_norm} if success else {}
            self._finished.append(
                {
                    "success": float(success),
                    "queries_per_clip": float(ledger.spent),
                    "reward": self._returns[i],
                    **norm,
                }
            )


_setups: list[AttackSetup] = []  # of this process, while runners are made in it


@contextlib.contextmanager
def shared(setup: AttackSetup) -> Iterator[None]:
    """Runners that are made in this process meanwhile take this setup; else each builds its own."""
    _setups.append(setup)
    try:
        yield
    finally:
        _setups.pop()


def _built(context: Mapping[str, Any]) -> AttackSetup:
    """The setup of a runner in a process of its own."""
    actor = context["victim_actor"]
    return build_setup(context["setup"], RemoteVictim(actor) if actor else None)


class AttackEnvRunner(MultiAgentEnvRunner):
    """RLlib's env runner with our vector environment."""

    def make_env(self) -> None:
        """Build the games of this worker around one victim."""
        context = self.config.env_config
        if context["threads"]:
            torch.set_num_threads(context["threads"])
        setup = _setups[-1] if _setups else _built(context)
        self.env = AttackVectorEnv(
            setup, self.config.num_envs_per_env_runner, context["central"], context["seed_salt"]
        )
        self.num_envs = self.env.num_envs
        self._needs_initial_reset = True

    def take_answers(self) -> list[Answer]:
        """The answers to fresh strokes since the last call; none where only workers play."""
        return [] if self.env is None else self.env.take_answers()
