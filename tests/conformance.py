"""A stricter check than PettingZoo's: exact keys, order, dtypes, flags and spaces at every step."""

import math

import numpy as np
from gymnasium import spaces
from toys import sample

AGENTS = ["spatial", "temporal"]


def check_in_space(value, space, where):
    """`value` lies in `space` with exactly its dtype, shape and (for a Dict) keys."""
    if isinstance(space, spaces.Dict):
        assert isinstance(value, dict), where
        assert set(value) == set(space.spaces), where
        for key, part in space.spaces.items():
            check_in_space(value[key], part, f"{where}[{key!r}]")
        return
    assert isinstance(value, np.ndarray), where
    assert value.dtype == space.dtype, f"{where} is {value.dtype}, its space {space.dtype}"
    assert value.shape == space.shape, f"{where} is {value.shape}, its space {space.shape}"
    assert np.isfinite(value).all(), f"{where} holds NaN or infinity"
    assert space.contains(value), f"{where}: {value.min()} to {value.max()} is outside {space}"


def check_spaces(env):
    """Agents in order, and one space object an agent, whatever happens in between."""
    assert env.possible_agents == AGENTS
    for spaces_, one in (
        (env.observation_spaces, env.observation_space),
        (env.action_spaces, env.action_space),
    ):
        assert list(spaces_) == AGENTS
        for agent in AGENTS:
            assert one(agent) is one(agent) is spaces_[agent]


def check_state(env):
    check_in_space(env.state(), env.state_space, "state")


def play(env, seed=None, options=None):
    """One random episode, checked at every step; returns its rewards."""
    check_spaces(env)
    result = env.reset(seed=seed, options=options)
    assert isinstance(result, tuple) and len(result) == 2
    known = {agent: (env.observation_space(agent), env.action_space(agent)) for agent in AGENTS}
    observations, infos = result
    rewards = []
    while True:
        for part in (observations, infos):
            assert type(part) is dict and list(part) == AGENTS
        for agent in AGENTS:
            check_in_space(observations[agent], known[agent][0], f"observation of {agent}")
            assert env.observation_space(agent) is known[agent][0]
            assert env.action_space(agent) is known[agent][1]
            assert set(infos[agent]) == {"queries", "margin", "norm", "success"}
        assert infos["spatial"] == infos["temporal"]
        assert infos["spatial"] is not infos["temporal"], "a wrapper may add to one of them"
        check_state(env)
        if rewards and not env.agents:
            return rewards
        assert env.agents == AGENTS
        step = env.step(sample(env))
        assert isinstance(step, tuple) and len(step) == 5
        for part in step:
            assert type(part) is dict and list(part) == AGENTS
        observations, reward, terminated, truncated, infos = step
        assert type(reward["spatial"]) is float and math.isfinite(reward["spatial"])
        assert reward["spatial"] is reward["temporal"]
        for flags in (terminated, truncated):
            assert type(flags["spatial"]) is bool
            assert flags["spatial"] is flags["temporal"]
        assert not truncated["spatial"], "the budget's end is a rule of the game, and observed"
        assert bool(env.agents) != terminated["spatial"]
        rewards.append(reward["spatial"])
