"""A policy file gives back the same actions, and one that does not fit is refused by name."""

import numpy as np
import pytest
import torch
from toys import TOY_GAME, brighten, toy_env

from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import FORMAT, Policy
from video_attack.envs.distortions.texture import texture
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.observation import STATUS
from video_attack.envs.game.palette import Palette
from video_attack.envs.victims.base import VictimError

RULES = {key: TOY_GAME[key] for key in ("grid", "sizes")}


def moves(frames=8, distort=brighten, bound="distortion"):
    config, bound = GameConfig(**RULES), BoundConfig(bound)
    return Moves(config, Palette(distort, bound, config), frames)


@pytest.fixture
def policy():
    torch.manual_seed(0)
    fresh = Policy.fresh(moves(), hidden=8, distortion={"_target_": "a.b"})
    with torch.no_grad():
        for actor in fresh.actors.values():
            for parameter in actor.parameters():  # fresh heads are nearly zero: make choices differ
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return fresh


@pytest.fixture
def observations():
    env = toy_env(variants=1)
    views = [env.reset(seed=0)[0]]
    while env.agents:
        views.append(env.step({a: env.action_space(a).sample() for a in env.agents})[0])
    return views


def actions(policy, observations, greedy, seed=0):
    rng = np.random.default_rng(seed)
    return [np.concatenate(list(policy.act(view, rng, greedy).values())) for view in observations]


@pytest.mark.parametrize("greedy", [True, False])
def test_save_and_load_give_the_same_actions(policy, observations, greedy, tmp_path):
    policy.facts["iteration"] = 12
    policy.save(tmp_path / "policy.pt")
    loaded = Policy.load(tmp_path / "policy.pt")
    assert (loaded.game, loaded.hidden, loaded.facts) == (policy.game, 8, {"iteration": 12})
    assert (loaded.frames, loaded.distortion) == (8, {"_target_": "a.b"})
    pairs = zip(
        actions(policy, observations, greedy), actions(loaded, observations, greedy), strict=True
    )
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert [file.name for file in tmp_path.iterdir()] == ["policy.pt"]


def test_actions_lie_in_the_spaces(policy, observations):
    env, rng = toy_env(), np.random.default_rng(0)
    for view in observations:
        for agent, action in policy.act(view, rng, greedy=False).items():
            assert env.action_space(agent).contains(action)


def test_greedy_is_deterministic_and_uses_no_random_numbers(policy, observations):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    first, second = (policy.act(observations[-1], rng, greedy=True) for _ in range(2))
    assert all(np.array_equal(first[agent], second[agent]) for agent in first)
    assert rng.bit_generator.state == before


def test_drawn_actions_follow_the_logits(policy, observations):
    view, rng = observations[0], np.random.default_rng(0)
    drawn = np.array([policy.act(view, rng, greedy=False)["temporal"] for _ in range(2000)])
    obs = {key: torch.from_numpy(value)[None] for key, value in view["temporal"].items()}
    with torch.inference_mode():
        logits = policy.actors["temporal"](obs)[0].split(policy.actors["temporal"].parts)
    for part, choices in zip(logits, drawn.T, strict=True):
        shares = np.bincount(choices, minlength=len(part)) / len(choices)
        assert shares == pytest.approx(part.softmax(0).numpy(), abs=0.05)


def test_both_agents_see_the_clip(policy, observations):
    """The outputs depend on every part of an observation."""
    for agent, actor in policy.actors.items():
        obs = {k: torch.from_numpy(v)[None] for k, v in observations[0][agent].items()}
        plain = actor(obs)
        for key in obs:
            assert not torch.allclose(actor({**obs, key: obs[key] + 1}), plain), (agent, key)


def test_it_brings_its_game_and_the_comparison_its_budget_norm_and_goal(policy):
    rules = GameConfig(grid=9, budget=7, norm="l1", cleanup=3, target="2", acceptance="always")
    game = policy.game_under(rules)
    assert game == GameConfig(**RULES, budget=7, norm="l1", cleanup=3, target="2")


def content(policy, path):
    policy.save(path)
    return torch.load(path, weights_only=True)


def test_a_file_of_another_format_or_of_other_agents_is_refused(policy, tmp_path):
    path = tmp_path / "policy.pt"
    good = content(policy, path)
    for bad, word in (
        ({**good, "format": 1}, f"format {FORMAT}"),
        ({"weight": torch.zeros(2)}, "no policy file"),
        ({**good, "actors": {"spatial": good["actors"]["spatial"]}}, r"agents \['spatial'\]"),
        ({key: value for key, value in good.items() if key != "game"}, "policy"),
    ):
        torch.save(bad, path)
        with pytest.raises(PolicyError, match=word):
            Policy.load(path)


@pytest.mark.parametrize(
    "claim",
    [
        {"hidden": 10**7},  # some hundred terabytes
        {"hidden": 10**30},
        {"hidden": -1},
        {"hidden": "2"},
        {"parts": {"spatial": [10**12], "temporal": [3]}},
        {"parts": {}},
        {"parts": None},
        {"extents": [1]},
        {"actors": 3},
        {"actors": {"spatial": 3, "temporal": {}}},
        {"actors": {"spatial": {"a": torch.zeros(2)}, "temporal": {}}},
    ],
)
def test_what_a_strangers_file_claims_costs_one_sentence(policy, tmp_path, claim):
    path = tmp_path / "policy.pt"
    torch.save({**content(policy, path), **claim}, path)
    with pytest.raises((PolicyError, VictimError), match=r"policy\.pt") as error:
        Policy.load(path)
    assert "\n" not in str(error.value)


def test_a_cut_off_or_missing_file_is_named(policy, tmp_path):
    path = tmp_path / "policy.pt"
    policy.save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises((PolicyError, VictimError), match=r"policy\.pt is not a checkpoint"):
        Policy.load(path)
    with pytest.raises((PolicyError, VictimError), match=r"nowhere\.pt"):
        Policy.load(tmp_path / "nowhere.pt")


def test_weights_of_another_size_are_refused(policy, tmp_path):
    path = tmp_path / "policy.pt"
    bad = content(policy, path)
    bad["hidden"] = 16
    torch.save(bad, path)
    with pytest.raises((PolicyError, VictimError), match="does not fit Actor"):
        Policy.load(path)


def test_weights_are_taken_over(policy, observations):
    torch.manual_seed(1)
    other = Policy.fresh(moves(), hidden=8)
    other.load_actors({agent: actor.state_dict() for agent, actor in policy.actors.items()})
    pairs = zip(
        actions(policy, observations, True), actions(other, observations, True), strict=True
    )
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_tables_are_added_to_the_logits_and_travel_with_the_policy(policy, observations, tmp_path):
    for agent, actor in policy.actors.items():
        obs = {k: torch.from_numpy(v)[None] for k, v in observations[0][agent].items()}
        after = {k: v.clone() for k, v in obs.items()}
        after["status"][:, STATUS.index("flipped")] = 1.0
        plain = actor(obs), actor(after)
        table = torch.arange(float(actor.table.numel())).view_as(actor.table) / 7
        actor.table.copy_(table)
        for seen, before, row in zip((obs, after), plain, table, strict=True):
            assert torch.allclose(actor(seen), before + row, atol=1e-3), (
                "one before the flip, one after"
            )
    policy.save(tmp_path / "policy.pt")
    for agent, actor in Policy.load(tmp_path / "policy.pt").actors.items():
        assert torch.equal(actor.table, policy.actors[agent].table)


@pytest.mark.parametrize("frames", [5, 8, 20])
def test_a_policy_plays_clips_of_another_number_of_frames(policy, frames):
    from toys import BrightnessVictim, DarkClips

    policy.check(moves(frames))
    env = toy_env(BrightnessVictim(frames), DarkClips(frames=frames))
    view, rng = env.reset(seed=0)[0], np.random.default_rng(0)
    firsts = set()
    for _ in range(100):
        actions = policy.act(view, rng, greedy=False)
        assert all(env.action_space(agent).contains(actions[agent]) for agent in actions)
        firsts.add(int(actions["temporal"][0]))
    assert len(firsts) > 1


@pytest.mark.parametrize(
    "other", [{"distort": texture, "bound": "none"}, {"bound": "none"}, {"distort": texture}]
)
def test_a_policy_of_another_distortion_or_bound_is_refused_in_a_sentence(policy, other):
    with pytest.raises(PolicyError, match=r"bound=.*distortion=.*train again") as refused:
        policy.check(moves(**other))
    assert "\n" not in str(refused.value)
