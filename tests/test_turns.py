"""Protects the turn-by-turn form: PettingZoo's whole test module passes, and both agents get each reward."""

import itertools

import pettingzoo
import pytest
from pettingzoo.test import api_test, performance_benchmark, render_test, seed_test
from pettingzoo.test.max_cycles_test import max_cycles_test
from pettingzoo.test.state_test import state_test
from toys import sample, toy_env

from video_attack.envs import video_attack_v1
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.turns import TurnsEnv

FORMS = [
    {},
    {"flat_obs": True, "flat_actions": True},
    {"equal_spaces": True},
    {"equal_spaces": True, "flat_actions": True, "mask": "observations"},
    {"mask": "infos"},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # of agents without numbers, and Dict observations
def test_pettingzoo_api(form):
    flat = form.get("flat_obs") or form.get("equal_spaces")
    if pettingzoo.__version__ == "1.24.3" and not flat:
        pytest.skip("its test takes no Dict but one of observation and action_mask")
    api_test(TurnsEnv(toy_env(**form)), num_cycles=60)


@pytest.mark.parametrize("form", FORMS[:2], ids=str)
def test_pettingzoo_seed(form):
    seed_test(lambda: TurnsEnv(toy_env(**form)), num_cycles=30)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pettingzoos_tests_of_the_module():
    max_cycles_test(video_attack_v1)
    render_test(video_attack_v1.env)
    parallel = video_attack_v1.parallel_env()
    state_test(video_attack_v1.env(), parallel)


@pytest.mark.slow
def test_pettingzoo_performance(capsys):
    performance_benchmark(video_attack_v1.env())
    assert "cycles per second" in capsys.readouterr().out


def test_both_agents_are_told_every_reward():
    env, parallel = TurnsEnv(toy_env(budget=8)), toy_env(budget=8)
    env.reset(seed=4)
    parallel.reset(seed=4)
    told = {agent: [] for agent in AGENTS}
    given, actions = [], {}
    for agent in env.agent_iter():
        _, reward, terminated, truncated, _ = env.last()
        told[agent].append(reward)
        if terminated or truncated:
            env.step(None)
            continue
        if agent == "spatial":
            actions = sample(parallel)
        env.step(actions[agent])
        if agent == "temporal":
            given.append(parallel.step(actions)[1]["spatial"])
            assert env.rewards == dict.fromkeys(AGENTS, given[-1])
    assert told["spatial"] == told["temporal"] == [0.0, *given]
    assert any(given) and len(given) == 7 and env.agents == []


def test_the_victim_is_asked_after_the_second_move_only():
    env = TurnsEnv(toy_env())
    env.reset(seed=0)
    asked = []
    for agent in itertools.islice(env.agent_iter(), 6):
        env.step(env.action_space(agent).sample())
        asked.append(env.game.victim.calls)
    assert asked == [asked[0] + k for k in (0, 1, 1, 2, 2, 3)]


def test_a_wrong_move_changes_nothing():
    env = TurnsEnv(toy_env(flat_actions=True))
    env.reset(seed=0)
    for agent in AGENTS:
        assert env.agent_selection == agent
        with pytest.raises(ValueError, match=f"{agent} action"):
            env.step(10**9)
        env.step(0)
    assert env.game.queries == 2
