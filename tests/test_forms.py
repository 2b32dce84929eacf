"""Protects the forms of the spaces: both agents alike keep all of their moves, masks name just these, and
what a plain library needs is what it gets."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest

from tests.toys import BrightnessVictim, DarkClips, brighten, sample, toy_env
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.forms import choices
from video_attack.envs.game.observation import flatten
from video_attack.envs.video_attack_v1 import parallel_env

EQUAL = [{"equal_spaces": True}, {"equal_spaces": True, "flat_actions": True}]


@pytest.mark.parametrize("variant", EQUAL, ids=str)
def test_equal_spaces_are_equal_and_tell_the_agents_apart(variant):
    env = toy_env(**variant)
    for spaces in (env.observation_spaces, env.action_spaces):
        assert spaces["spatial"] == spaces["temporal"]
    observations, _ = env.reset(seed=0)
    plain, _ = toy_env().reset(seed=0)
    for place, agent in enumerate(AGENTS):
        own = flatten(plain[agent])
        assert np.array_equal(observations[agent][: len(own)], own)
        assert not observations[agent][len(own) : -2].any()
        assert observations[agent][-2:].tolist() == [float(place == 0), float(place == 1)]


@pytest.mark.parametrize("variant", EQUAL, ids=str)
def test_chance_in_equal_spaces_is_chance_in_the_agents_own(variant):
    """What padding by other means gets wrong: all choices beyond an agent's own as one and the same."""
    env, own = toy_env(**variant), toy_env(flat_actions=variant.get("flat_actions", False))
    for agent in AGENTS:
        space, count = env.action_space(agent), int(choices(own.action_space(agent))[0])
        drawn = [env.form.actions({agent: space.sample()})[agent] for _ in range(4000)]
        assert all(own.action_space(agent).contains(action) for action in drawn)
        shares = np.bincount([np.ravel(action)[0] for action in drawn], minlength=count) / 4000
        assert len(shares) == count and shares.max() < 3 / count + 0.02


@pytest.mark.parametrize("variant", EQUAL, ids=str)
def test_a_masked_choice_is_the_agents_own_unchanged(variant):
    env = toy_env(**variant, mask="infos")
    _, infos = env.reset(seed=0)
    for agent in AGENTS:
        for _ in range(50):
            action = env.action_space(agent).sample(infos[agent]["action_mask"])
            meant = np.ravel(env.form.actions({agent: action})[agent])
            assert np.array_equal(meant, np.ravel(action)[: len(meant)])
            assert not np.ravel(action)[len(meant) :].any()


def test_masks_lie_in_one_place_only():
    equal = {"equal_spaces": True, "flat_actions": True}
    env = toy_env(**equal, mask="observations")
    observations, infos = env.reset(seed=0)
    masks = toy_env(**equal, mask="infos").reset(seed=0)[1]
    for agent in AGENTS:
        assert env.observation_space(agent).contains(observations[agent])
        assert "action_mask" not in infos[agent]
        assert np.array_equal(observations[agent]["action_mask"], masks[agent]["action_mask"])
    assert masks["temporal"]["action_mask"].sum() < masks["spatial"]["action_mask"].sum()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mask": "both"}, "infos, observations or None"),
        ({"mask": "observations"}, "flat_actions=True"),
        ({"config": {"bugdet": 5}}, "did you mean budget"),
        ({"config": {"reward": {"flop": 5}}}, r"reward\.flop"),
        ({"config": 500}, "'budget': 500"),
        ({"max_cycles": 0}, "max_cycles=0"),
        ({"render_mode": "window"}, "human, rgb_array, ansi"),
    ],
    ids=str,
)
def test_what_is_misspelt_is_named_with_what_to_write(wrong, words):
    with pytest.raises(ValueError, match=words):
        VideoAttackEnv(BrightnessVictim(), DarkClips(), brighten, **wrong)


def test_names_are_sent_to_where_they_are_taken():
    with pytest.raises(TypeError, match=r"video_attack\.make\(model='i3d'\)"):
        parallel_env(victim="i3d")


def test_rules_as_a_dict_are_the_default_but_for_what_it_names():
    env = parallel_env(config={"budget": 500, "reward": {"flip": 2.0}}, bound="none")
    assert (env.config.budget, env.config.grid, env.config.reward.flip) == (500, 7, 2.0)
    assert env.config.reward.margin == parallel_env().config.reward.margin
    assert env.bound.kind == "none"


def test_flat_observations_are_not_gymnasiums_and_hold_the_same():
    dict_env, flat_env = toy_env(), toy_env(flat_obs=True)
    seen, flat = dict_env.reset(seed=3)[0]["spatial"], flat_env.reset(seed=3)[0]["spatial"]
    theirs = gymnasium.spaces.flatten(dict_env.observation_space("spatial"), seen)
    assert theirs.shape == flat.shape and not np.array_equal(theirs, flat)
    scaled = np.concatenate(
        [seen["planes"].ravel(), seen["status"], seen["thumbnail"].ravel() / 255]
    )
    assert np.allclose(np.sort(scaled), np.sort(flat), atol=1e-6) and np.abs(flat).max() <= 1


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_in_mid_episode_goes_on_alike_and_by_itself(twin):
    env = toy_env(budget=9)
    env.reset(seed=1)
    env.step(sample(env))
    other = twin(env)
    assert (other.victim is env.victim) == (twin is copy.deepcopy)
    while env.agents:
        actions = sample(env)
        mine, others = env.step(actions), other.step(actions)
        assert mine[1:4] == others[1:4] and mine[4] == others[4]
        assert np.array_equal(env.state(), other.state())
    env.reset(seed=2)
    assert other.agents == [] and other.episode.ledger.clip.frames is not None


def test_siblings_share_the_victim_and_nothing_else():
    env = toy_env()
    env.reset(seed=0)
    games = env.siblings(6)
    clips = {game.reset()[1] and game.episode.ledger.clip.id for game in games}
    assert len(clips) > 1, "each has chance of its own"
    assert all(game.victim is env.victim and game.queries == 1 for game in games)


def test_max_cycles_truncates_and_the_budget_terminates():
    for cycles, budget, ends in (
        (3, 9, (False, True)),
        (8, 9, (True, False)),
        (None, 4, (True, False)),
    ):
        env = toy_env(budget=budget, max_cycles=cycles)
        env.reset(seed=0)
        steps = 0
        while env.agents:
            _, _, terminated, truncated, _ = env.step(sample(env))
            steps += 1
        assert steps == min(cycles or budget, budget - 1)
        assert (terminated["temporal"], truncated["temporal"]) == ends


def test_text_renders_as_a_line(capsys):
    env = toy_env(render_mode="ansi")
    assert env.render() == "no episode yet"
    env.reset(seed=0)
    assert env.render().startswith("dark-") and "query 1 of 20" in env.render()
    env = toy_env(render_mode="human")
    env.reset(seed=0)
    env.step(sample(env))
    assert env.render() is None
    assert [line.split(":")[1][:8] for line in capsys.readouterr().out.splitlines()] == [
        " query 1",
        " query 2",
    ]
