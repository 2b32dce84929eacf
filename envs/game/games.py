"""N games side by side, and one victim call a step for all of them: what the vector forms are made of."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import concatenate, create_empty_array
from numpy.typing import NDArray

from video_attack.envs.game.environment import Step, VideoAttackEnv
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.ledger import run_batched

MODES = {
    "next_step": AutoresetMode.NEXT_STEP,
    "same_step": AutoresetMode.SAME_STEP,
    "disabled": AutoresetMode.DISABLED,
}


class Played(NamedTuple):
    """What became of one game in a step; `last` is the step that ended it, where it was reset since."""

    observations: dict[str, Any]
    rewards: dict[str, float]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: dict[str, dict[str, Any]]
    last: Step | None = None


class Games:
    """N games, each call of which is held as one conversation with the victim.

    Args:
        game: what all are like; they share its victim, data set and distortion.
        count: N.
        autoreset: next_step, same_step or disabled.

    Raises:
        ValueError: no game, or no such mode.
    """

    def __init__(self, game: VideoAttackEnv, count: int, autoreset: str) -> None:
        if count < 1:
            raise ValueError(f"num_envs={count}: must be at least 1")
        if autoreset not in MODES:
            raise ValueError(f"autoreset={autoreset!r}: choose one of {', '.join(MODES)}")
        self.games, self.autoreset = game.siblings(count), autoreset
        self.victim = game.victim
        self._ended = [True] * count

    def reset(self, seed: Any, options: Mapping[str, Any] | None) -> dict[int, tuple[dict, dict]]:
        """Start the games that `options["reset_mask"]` chooses, or all; (observations, infos) of each."""
        options, count = dict(options or {}), len(self.games)
        chosen = np.asarray(options.pop("reset_mask", np.ones(count, bool)))
        if chosen.shape != (count,) or chosen.dtype != bool:
            raise ValueError(f"reset_mask: give {count} booleans, one a game")
        seeds = [None] * count if seed is None else seed
        if not isinstance(seeds, Sequence | np.ndarray):
            seeds = [int(seed) + i for i in range(count)]
        if len(seeds) != count:
            raise ValueError(f"seed: give one number, or {count} of them, not {len(seeds)}")
        which = [i for i in range(count) if chosen[i]]
        coroutines = [self.games[i].reset_coroutine(seeds[i], dict(options)) for i in which]
        found = {which[k]: result for k, result in run_batched(self.victim, coroutines, count)}
        for i in which:
            self._ended[i] = False
        return dict(sorted(found.items()))

    def step(self, actions: Sequence[dict[str, Any]]) -> list[Played]:
        """Step all games, by one victim call."""
        if self.autoreset != "next_step" and any(self._ended):
            raise RuntimeError(
                f"game {self._ended.index(True)} is over: call reset(), of the games that ended by "
                "options={'reset_mask': mask}"
            )
        for game, ended, moves in zip(self.games, self._ended, actions, strict=True):
            if not ended:  # all of them before any game moves, since a wrong action is refused
                for agent in AGENTS:
                    game.form.check(agent, moves[agent])
        coroutines = [self._coroutine(i, actions[i]) for i in range(len(self.games))]
        return [
            played for _, played in sorted(run_batched(self.victim, coroutines, len(coroutines)))
        ]

    def _coroutine(self, i: int, actions: dict[str, Any]) -> Generator[Any, Any, Played]:
        game, last = self.games[i], None
        if not self._ended[i]:
            step = yield from game.step_coroutine(actions)
            self._ended[i] = not game.agents
            if game.agents or self.autoreset != "same_step":
                return Played(*step)
            last = step
        observations, infos = yield from game.reset_coroutine()
        self._ended[i] = False
        if last is not None:
            return Played(observations, *last[1:4], infos, last)
        idle = dict.fromkeys(AGENTS, False)
        return Played(observations, dict.fromkeys(AGENTS, 0.0), idle, dict(idle), infos)


def flags(played: Sequence[Played], agent: str) -> tuple[NDArray, NDArray, NDArray]:
    """An agent's rewards float32 (N,), terminations and truncations bool (N,)."""
    return (
        np.array([one.rewards[agent] for one in played], np.float32),
        np.array([one.terminations[agent] for one in played], np.bool_),
        np.array([one.truncations[agent] for one in played], np.bool_),
    )


def told(one: Played, agent: str, final: Any = None) -> dict[str, Any]:
    """Infos of an agent, with the end of the game before where it was reset since."""
    if one.last is None:
        return one.infos[agent]
    end = one.last[0][agent] if final is None else final
    return {**one.infos[agent], "final_obs": end, "final_info": one.last[4][agent]}


def gathered(facts: Mapping[int, Mapping[str, Any]], count: int) -> dict[str, Any]:
    """Infos of rows as arrays (count,) beside masks of who said it, as gymnasium's vectors give them."""
    infos: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in facts.values() for key in one):
        said = {i: one[key] for i, one in facts.items() if key in one}
        mask = np.zeros(count, bool)
        mask[list(said)] = True
        first = next(iter(said.values()))
        if isinstance(first, Mapping) and key != "final_obs":
            infos[key] = gathered(said, count)
        else:
            plain = isinstance(first, bool | int | float | np.number | np.ndarray)
            loose = key == "final_obs" or not plain
            shape = () if loose else np.shape(first)
            kind = object if loose else np.asarray(first).dtype
            infos[key] = (
                np.zeros((count, *shape), kind) if not loose else np.full(count, None, kind)
            )
            for i, value in said.items():
                infos[key][i] = value
        infos[f"_{key}"] = mask
    return infos


def stacked(space: spaces.Space, items: Sequence[Any]) -> Any:
    """Items of a space as one batch, in memory of its own."""
    return concatenate(space, items, create_empty_array(space, len(items)))
