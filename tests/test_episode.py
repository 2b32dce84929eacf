"""The rules of an episode, against a victim whose answers are a script: reward, what is kept, ends,
and what is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import WEIGHTS, actions, scripted_env
from toys import (
    QuadrantClips,
    QuadrantVictim,
    sample,
    toy_env,
)

from video_attack.envs.game.boundary import INSIDE, POWERS, STEADY
from video_attack.envs.game.config import ALL, NORMS, GameConfig
from video_attack.envs.game.episode import NOTHING
from video_attack.envs.game.mask import perturbation_norm, reference_norm
from video_attack.envs.game.threat import visible


class ByHand:
    """The rules written out anew, from the clips that were asked about and the visible answers."""

    def __init__(self, env, answers):
        self.env, self.answers, self.victim, self.config = env, answers, env.victim, env.config
        self.goal = env.episode.ledger.goal
        self.clean = self.kept = self.victim.seen[-1]
        self.clean_gap = self.gap = self.told()[0]
        self.reference = self.boundary = reference_norm(self.config.norm, self.clean.shape)
        self.size, self.best, self.power = self.reference, np.inf, 1.0
        self.rough, self.flipped = 0.0, False

    def told(self):
        scores = self.victim.scores_of(len(self.victim.seen) - 1)
        return self.goal.gap(visible(scores, self.answers, 2)[0]), self.goal.reached(scores[0])

    def step(self):
        """The reward of the step just made."""
        weights, asked = self.config.reward, self.victim.seen[-1]
        gap, reached = self.told()
        norm = perturbation_norm(self.clean, asked, self.config.norm)
        fallen, boundary = self.clean_gap - gap, self.reference
        rescaled = self.env.episode.move.act == "rescale"
        if rescaled:
            before = perturbation_norm(self.clean, self.kept, self.config.norm)
            falls = fallen, self.clean_gap - self.gap
            if min(falls) > 0 and norm > 0 and abs(np.log(norm / before)) > STEADY / 2:
                power = np.log(falls[0] / falls[1]) / np.log(norm / before)
                self.power = min(max(power, POWERS[0]), POWERS[1])
        if fallen > 0 and norm > 0:
            share = self.clean_gap * (1 + INSIDE) / fallen
            boundary = min(norm * share ** (1 / self.power), self.reference)
        first = reached and not self.flipped
        if rescaled:
            stays = gap < self.clean_gap
        else:
            stays = first or (boundary < self.boundary if self.flipped else gap <= self.gap)
        stays |= self.config.acceptance == "always"
        self.flipped |= reached
        self.best = min(self.best, norm) if reached else self.best
        size = self.best if self.flipped else boundary if stays else self.size
        size = max(size, NOTHING * self.reference)
        reward = weights.norm * np.log(self.size / size) - weights.query
        self.size = size
        if not stays:
            return reward
        rough = np.abs(np.diff(self.env.episode.canvas.delta, axis=0)).mean()
        margins = [min(max(value, 0) / 10, 1) for value in (self.gap, gap)]
        reward += (
            weights.margin * (margins[0] - margins[1])
            + weights.flip * first
            - weights.flicker * (rough - self.rough)
        )
        self.kept, self.gap, self.boundary, self.rough = asked, gap, boundary, rough
        return reward


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 9999),
    norm=st.sampled_from(NORMS),
    answers=st.sampled_from(["scores", "topk", "label"]),
    acceptance=st.sampled_from(["improving", "always"]),
)
def test_the_reward_and_what_is_kept_are_their_formulas(seed, norm, answers, acceptance):
    rng = np.random.default_rng(seed)
    gaps = [5.0, *rng.normal(rng.uniform(0, 4), 2, 11)]
    env = scripted_env(
        *gaps, norm=norm, feedback=answers, top_k=2, acceptance=acceptance, budget=12
    )
    for agent in env.possible_agents:
        env.action_space(agent).seed(seed)
    hand = ByHand(env, answers)
    while env.agents:
        _, rewards, *_ = env.step(sample(env))
        assert rewards["spatial"] == pytest.approx(hand.step(), rel=1e-3, abs=1e-3)
        assert np.array_equal(env.episode.canvas.frames, hand.kept)
        assert env.episode.margin == pytest.approx(np.clip(hand.gap / 10, -1, 1), abs=1e-5)
    assert env.episode.ledger.spent == 12 == env.victim.clips


def test_before_the_flip_what_lowers_the_margin_stays_after_it_what_helps_for_its_norm():
    env = scripted_env(5.0, 4.0, 4.5, -1.0, -1.0, -0.9, budget=10)
    episode, seen = env.episode, env.victim.seen
    moves = [("paint", 5), ("paint", 6), ("paint", 9), ("paint", 10), ("weaken", 9)]
    for (act, patch), stands in zip(moves, [1, 1, 3, 3, 5], strict=True):
        env.step(actions(env, act, patch=patch, size=0))  # apart, or one could take from another
        assert np.array_equal(episode.canvas.frames, seen[stands]), (act, patch)
    assert episode.ledger.first_success == 4
    assert episode.ledger.best_norm == perturbation_norm(seen[0], seen[5])


def test_of_a_label_only_victim_moves_stay_until_the_flip_then_smaller_successes_only():
    env = scripted_env(5.0, 4.0, 6.0, -1.0, -3.0, -0.1, 2.0, feedback="label", budget=10)
    moves = [("paint", 5), ("paint", 9), ("paint", 6), ("paint", 10), ("weaken", 6), ("weaken", 5)]
    for (act, patch), stands in zip(moves, [1, 2, 3, 3, 5, 5], strict=True):
        env.step(actions(env, act, patch=patch, size=0))  # apart, or one could take from another
        assert np.array_equal(env.episode.canvas.frames, env.victim.seen[stands]), (act, patch)


def test_after_the_flip_nothing_is_paid_for_what_was_not_shown():
    """A clip far past the boundary would need a small norm, if its margin fell in a straight line."""
    env = scripted_env(5.0, -1.0, -30.0, -60.0, budget=10, acceptance="improving")
    env.step(actions(env, size=1))
    before = env.episode.ledger.best_norm
    for patch in (6, 9):
        _, rewards, *_ = env.step(actions(env, patch=patch, size=0))
        assert rewards["spatial"] <= -WEIGHTS.query
    assert env.episode.ledger.best_norm == before


def test_opposite_is_the_last_strokes_negative():
    env = scripted_env(5.0, 6.0, 4.0, budget=10)
    assert not env.episode.may_turn
    env.step(actions(env))
    assert env.episode.may_turn
    env.step(actions(env, "opposite", patch=0, scale=0, strength=0))  # whatever else is said
    assert not env.episode.may_turn
    clean, stroke, turned = (clip.astype(int) for clip in env.victim.seen)
    assert (stroke != clean).any() and np.array_equal(turned - clean, clean - stroke)


@pytest.mark.parametrize("act", ["opposite", "weaken", "undo"])
def test_where_there_is_nothing_to_turn_or_take_away_a_stroke_is_painted(act):
    env = scripted_env(5.0, 4.0, budget=10)
    env.step(actions(env, act))
    assert env.episode.move.act == "paint" and (env.victim.seen[1] != env.victim.seen[0]).any()


def test_undo_gives_the_clean_bits_back():
    env = scripted_env(5.0, 4.0, 3.0, budget=10)
    env.step(actions(env, size=2))
    env.step(actions(env, "undo", size=2))
    assert np.array_equal(env.victim.seen[2], env.victim.seen[0])


def test_the_memory_is_credited_with_the_slope_where_the_stroke_was():
    env = scripted_env(5.0, 4.0, 3.5, budget=10)
    env.step(actions(env, size=0))
    norm = perturbation_norm(*env.victim.seen)
    assert env.episode.slope == pytest.approx((1.0, norm), rel=1e-3)
    found = env.episode.memory.picture()
    assert np.nanmax(found) == pytest.approx(1 / norm, rel=1e-3)
    assert np.array_equal(env.episode.memory.answers > 0, env.episode.canvas.energy > 0)


@pytest.mark.parametrize("cleanup", [0, 1, 4, 100, ALL])
def test_the_clean_up_takes_exactly_its_queries_or_the_rest_of_the_budget(cleanup):
    env = scripted_env(5.0, 4.0, -1.0, -1.0, 3.0, budget=12, cleanup=cleanup)
    while env.agents:
        _, _, terminated, truncated, infos = env.step(actions(env))
    end = 12 if cleanup in (100, ALL) else 3 + cleanup
    assert env.episode.ledger.spent == end == env.victim.clips
    assert (terminated["spatial"], truncated["spatial"]) == (True, False)
    assert infos["spatial"]["success"]


@pytest.mark.parametrize(("answers", "shown"), [("scores", 6), ("topk", 2), ("label", 1)])
def test_the_agents_see_no_more_scores_than_the_victim_shows(answers, shown):
    env = toy_env(QuadrantVictim(), QuadrantClips(), feedback=answers, top_k=2, budget=8)
    env.reset(seed=0)
    while env.agents:
        assert (env.episode.scores > 0).sum() == shown
        env.step(sample(env))


def test_hidden_scores_change_nothing_that_is_seen():
    """With label-only answers, a victim of other confidence and the same labels looks the same."""
    seen = []
    for scale in (1.0, 3.0):
        gaps = scale * np.array([5.0, 4.0, 6.0, -1.0, -2.0, 1.0])
        env = scripted_env(*gaps, feedback="label", budget=10)
        trace = [env.state()]
        while env.agents:
            _, rewards, *_ = env.step(actions(env))
            trace += [env.state(), rewards["spatial"]]
        seen.append(trace)
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("budget", 0), ("cleanup", -1), ("cleanup", "some"), ("grid", 0), ("variants", 0),
        ("variants", 257), ("norm", "l3"), ("target", "-1"), ("target", "cat"), ("target", "²"),
        ("sizes", []), ("sizes", [1.5]), ("sizes", [0.0]), ("strengths", []),
        ("strengths", [-1.0]), ("windows", []), ("windows", [0]), ("strides", [0]),
        ("acceptance", "some"),
    ],
)  # fmt: skip
def test_rules_out_of_range_are_named(key, value):
    with pytest.raises(ValueError, match=rf"env\.{key}"):
        GameConfig(**{key: value})


def test_a_clip_of_another_length_than_the_game_is_refused():
    with pytest.raises(ValueError, match="frames"):
        toy_env(dataset=QuadrantClips(frames=16)).reset(seed=0)
