"""The reward is its formula, the episode ends when the rules say, and its work never grows."""

from dataclasses import replace

import cloudpickle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import QuadrantClips, QuadrantVictim, brighten, sample, toy_env

from video_attack.envs.game.config import GameConfig, RewardWeights
from video_attack.envs.game.mask import perturbation_norm
from video_attack.envs.game.threat import visible

WEIGHTS = RewardWeights(margin=1.7, flip=0.9, norm=2.3, flicker=0.6, query=0.05)


def by_hand(goal, scores):
    """The margin, written out anew: a difference of logs cut at -10, in tenths."""
    logs = np.maximum(np.log(np.maximum(scores.astype(np.float64), 1e-300)), -10)
    chosen = goal.label if goal.target is None else goal.target
    gap = logs[chosen] - max(value for i, value in enumerate(logs) if i != chosen)
    return (gap if goal.target is None else -gap) / 10


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 999),
    norm=st.sampled_from(["l2", "l1", "l0", "linf"]),
    answers=st.sampled_from(["scores", "topk", "label"]),
    target=st.sampled_from(["none", "random"]),
    draws=st.integers(1, 2),
    power=st.sampled_from([1.0, 2.0]),
    one_in=st.sampled_from([1, 3]),
)
def test_the_reward_is_its_formula(seed, norm, answers, target, draws, power, one_in):
    victim = QuadrantVictim()
    env = toy_env(
        victim, QuadrantClips(), norm=norm, answers=answers, top_k=2, target=target, draws=draws,
        budget=12, cleanup=4, levels=3, reward=replace(WEIGHTS, power=power),
        sizes=[[1, 1], [4, 4, one_in]],
    )  # fmt: skip
    for agent in env.possible_agents:
        env.action_space(agent).seed(seed)
    env.reset(seed=seed)
    masked, ledger = env.episode.masked, env.episode.ledger
    scale = max(perturbation_norm(masked.original, d, norm) for d in masked.distorted)

    def measure():
        scores = visible(victim.answer(masked.frames[None]), answers, 2)[0]
        mask = masked.mask.astype(np.float64)
        flicker = np.abs(np.diff(mask, axis=0)).mean()
        size = perturbation_norm(masked.original, masked.frames, norm) / scale
        return by_hand(ledger.goal, scores), size, flicker

    before = measure()
    while env.agents:
        unsolved = ledger.first_success is None
        _, rewards, *_ = env.step(sample(env))
        now = measure()
        drop = max(before[0], 0) - max(now[0], 0)  # what lies beyond the flip is worth nothing
        growth, flicker = now[1] ** power - before[1] ** power, now[2] - before[2]
        bonus = unsolved and ledger.first_success == ledger.spent
        expected = 1.7 * drop + 0.9 * bonus - 2.3 * growth - 0.6 * flicker - 0.05
        assert rewards["spatial"] == pytest.approx(expected, abs=2e-4)
        assert env.episode.margin == pytest.approx(now[0], abs=1e-5)
        before = now


def test_scattered_moves_paint_their_share_of_the_box_and_differ_by_chance_only():
    env = toy_env(budget=40, sizes=[[4, 4, 4]], windows=[16])
    actions = {"spatial": np.array([0, 0, 1, 0, 0, 0]), "temporal": np.zeros(4, int)}

    def painted(seed):
        env.reset(seed=seed, options={"clip": 0})
        env.step(actions)
        return env.episode.masked.level > 0

    assert np.mean([painted(seed).mean() for seed in range(20)]) == pytest.approx(0.25, abs=0.05)
    assert np.array_equal(painted(3), painted(3))
    assert not np.array_equal(painted(3), painted(4))


@pytest.mark.parametrize("cleanup", [0, 1, 4, 100])
def test_the_clean_up_takes_exactly_its_queries_or_the_rest_of_the_budget(cleanup):
    env = toy_env(budget=25, cleanup=cleanup)
    ends = set()
    for seed in range(25):
        env.reset(seed=seed)
        ledger, norms = env.episode.ledger, []
        while env.agents:
            _, _, terminated, truncated, infos = env.step(sample(env))
            if ledger.first_success is not None:
                norms.append(ledger.best_norm)
        ends.add(terminated["spatial"])
        assert norms == sorted(norms, reverse=True), "the best success never gets worse"
        if terminated["spatial"]:
            assert ledger.spent == ledger.first_success + cleanup
        else:
            assert truncated["spatial"] and ledger.spent == ledger.budget
        assert infos["spatial"]["success"] == (ledger.first_success is not None)
    assert (cleanup == 100) == (True not in ends)


def test_the_best_success_is_the_smallest_of_all_successful_clips():
    env = toy_env(budget=40, cleanup=39)
    victim = env.victim
    for seed in range(8):
        env.reset(seed=seed)
        ledger, smallest, solved_at = env.episode.ledger, float("inf"), None
        while env.agents:
            env.step(sample(env))
            clip = env.episode.masked.frames
            if victim.answer(clip[None])[0].argmax() != ledger.clip.label:
                solved_at = solved_at or ledger.spent
                smallest = min(smallest, perturbation_norm(ledger.clip.frames, clip))
        assert ledger.first_success == solved_at
        assert ledger.best_norm == pytest.approx(smallest, rel=1e-9)
        if solved_at:
            assert victim.answer(ledger.best[None])[0].argmax() != ledger.clip.label


@pytest.mark.parametrize(("answers", "shown"), [("scores", 6), ("topk", 2), ("label", 1)])
def test_the_agents_see_no_more_scores_than_the_victim_shows(answers, shown):
    env = toy_env(QuadrantVictim(), QuadrantClips(), answers=answers, top_k=2)
    for seed in range(5):
        env.reset(seed=seed)
        while env.agents:
            seen = env.episode.scores
            assert (seen > 0).sum() == shown
            if answers == "label":
                assert seen.max() == 1
            env.step(sample(env))


def test_hidden_scores_change_nothing_that_is_seen():
    """With label-only answers, a victim of other confidence and the same labels looks the same."""

    class Surer(QuadrantVictim):
        def answer(self, clips):
            scores = super().answer(clips) ** 4
            return scores / scores.sum(1, keepdims=True)

    seen = []
    for victim in (QuadrantVictim(), Surer()):
        env = toy_env(victim, QuadrantClips(), answers="label")
        env.action_space("spatial").seed(1), env.action_space("temporal").seed(2)
        env.reset(seed=6)
        trace = [env.state()]
        while env.agents:
            _, rewards, *_ = env.step(sample(env))
            trace += [env.state(), rewards["spatial"]]
        seen.append(trace)
    assert len(seen[0]) == len(seen[1])
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))


def test_the_state_of_an_episode_does_not_grow_with_its_steps():
    env = toy_env(budget=500, cleanup=500, draws=2)
    env.action_space("spatial").seed(0), env.action_space("temporal").seed(0)
    env.reset(seed=0)
    sizes = []
    while env.agents:
        env.step(sample(env))
        # Functions are left out: what they are pickled to is none of the episode's state.
        state = {
            k: v for k, v in vars(env.episode).items() if k not in ("ledger", "config", "moves")
        }
        ledger = {k: v for k, v in vars(env.episode.ledger).items() if k != "_norm"}
        sizes.append(len(cloudpickle.dumps((state, ledger))))
    assert len(sizes) == 499
    assert max(sizes[200:]) - min(sizes[200:]) < 200


def test_observations_given_out_are_not_changed_by_later_steps():
    env = toy_env()
    observations, _ = env.reset(seed=0)
    kept = {a: {k: v.copy() for k, v in part.items()} for a, part in observations.items()}
    while env.agents:
        env.step(sample(env))
    for agent, part in kept.items():
        assert all(np.array_equal(observations[agent][key], part[key]) for key in part)


def test_the_memory_credits_drops_to_the_cells_that_were_changed():
    env = toy_env(sizes=[[1, 1]], windows=[4], cleanup=9)
    env.reset(seed=0)
    episode = env.episode
    assert np.isnan(episode.memory.picture()).all()

    def move(patch, frame, level, undo=0):
        """Distort one patch; with `undo`, clean the watched one (row 1, column 1, frames 4-7)."""
        before = episode.margin
        spatial = np.array([patch, 0, level, 0, 5, undo])
        env.step({"spatial": spatial, "temporal": np.array([frame, 0, 5, 0])})
        return before - episode.margin, episode.memory.picture()

    half, picture = move(5, 5, level=0)
    assert half > 0.1
    assert np.isfinite(picture).sum() == 4
    assert picture[4:8, 1, 1] == pytest.approx(half, rel=1e-5)
    full, picture = move(5, 5, level=1)
    assert picture[4:8, 1, 1] == pytest.approx((half + full) / 2, rel=1e-5)
    undone, picture = move(15, 1, level=0, undo=1)
    assert undone == pytest.approx(-(half + full), rel=1e-5)
    assert picture[4:8, 1, 1] == pytest.approx((half + full) * 0.75, rel=1e-5)
    assert picture[0:4, 3, 3] == pytest.approx(undone, rel=1e-5), "credited to the cell added then"
    assert np.isfinite(picture).sum() == 8


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("budget", 0), ("budget", -3), ("cleanup", -1), ("grid", 0), ("levels", 0), ("draws", 0),
        ("norm", "l3"), ("target", "-1"), ("target", "cat"),
        ("target", "²"), ("sizes", []), ("sizes", [[1, 9]]), ("sizes", [[1]]), ("windows", []),
        ("windows", [0]), ("levels", 256), ("draws", 257),
    ],
)  # fmt: skip
def test_rules_out_of_range_are_named(key, value):
    with pytest.raises(ValueError, match=rf"env\.{key}"):
        GameConfig(**{key: value})


def test_a_clip_of_another_length_than_the_game_is_refused():
    with pytest.raises(ValueError, match="frames"):
        toy_env(dataset=QuadrantClips(frames=16)).reset(seed=0)


def test_a_first_draw_that_changes_nothing_keeps_rewards_bounded():
    """The wholly distorted clip is the reward's scale; other draws may still change the clip."""

    def sparing(clip, severity, rng, draw):
        return clip.copy() if draw == 0 else brighten(clip, severity, rng)

    env = toy_env(distort=sparing, draws=2)
    for seed in range(3):
        env.reset(seed=seed)
        while env.agents:
            _, rewards, *_ = env.step(sample(env))
            assert abs(rewards["spatial"]) < 100


def test_memory_credits_only_cells_that_a_move_changed():
    env = toy_env(budget=30)
    for agent in env.possible_agents:
        env.action_space(agent).seed(1)
    changes = 0
    for seed in range(6):
        env.reset(seed=seed)
        memory, masked = env.episode.memory, env.episode.masked
        while env.agents:
            level, drop, tried = masked.level.copy(), memory.drop.copy(), memory.tried.copy()
            margin = env.episode.margin
            env.step(sample(env))
            up, down = masked.level > level, masked.level < level
            gained = margin - env.episode.margin
            untouched = ~(up | down)
            assert np.array_equal(memory.drop[untouched], drop[untouched])
            assert np.array_equal(memory.tried > 0, (tried > 0) | up | down)
            for cells, credit in ((up, gained), (down, -gained)):
                new, old = cells & (tried == 0), cells & (tried > 0)
                assert memory.drop[new] == pytest.approx(credit, abs=1e-6)
                assert memory.drop[old] == pytest.approx((drop[old] + credit) / 2, abs=1e-6)
                changes += int(cells.sum())
    assert changes > 100
