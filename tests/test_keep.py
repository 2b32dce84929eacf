"""Moves stay or are taken back, to the bit, by the measure that the game or the sweep says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import QuadrantClips, QuadrantVictim, sample, toy_env

from video_attack.agents.attacks.play.sweep import sweep, tidy
from video_attack.envs.game.config import RewardWeights
from video_attack.envs.game.mask import Box, MaskedClip

WEIGHTS = RewardWeights(margin=1.7, flip=0.9, norm=2.3, flicker=0.6, query=0.05)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), answers=st.sampled_from(["scores", "topk", "label"]))
def test_a_move_that_does_not_pay_is_taken_back_and_costs_the_query_only(seed, answers):
    victim = QuadrantVictim()
    env = toy_env(
        victim, QuadrantClips(), answers=answers, top_k=2, budget=20, cleanup=8, levels=2,
        keep="paying", reward=WEIGHTS,
    )  # fmt: skip
    for agent in env.possible_agents:
        env.action_space(agent).seed(seed)
    env.reset(seed=seed)
    episode, taken_back = env.episode, 0
    while env.agents:
        before, margin = episode.masked.frames.copy(), episode.margin
        flipped = episode.flipped
        _, rewards, *_ = env.step(sample(env))
        reward = rewards["spatial"]
        if (episode.masked.frames == before).all():
            taken_back += reward == -WEIGHTS.query
            assert episode.margin == margin
        else:
            excused = not flipped and (episode.margin == margin or episode.flipped)
            assert reward > -WEIGHTS.query or excused
        again = MaskedClip(
            episode.masked.original, episode.masked.distorted, 4, 2, episode.masked.norm_name
        )
        for t, r, c in np.argwhere(episode.masked.level):
            level, draw = episode.masked.level[t, r, c], episode.masked.draw[t, r, c]
            again.paint(Box(t, t + 1, r, r + 1, c, c + 1), level, draw)
        assert np.array_equal(again.frames, episode.masked.frames)
        assert again.norm() == pytest.approx(episode.masked.norm())
        if episode.flipped:  # it never leaves the success that it stands on
            assert episode.ledger.goal.reached(victim.answer(episode.masked.frames[None])[0])
    if answers != "label":  # of which no answer says that a move is in vain
        assert taken_back


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), answers=st.sampled_from(["scores", "topk", "label"]))
def test_a_sweep_keeps_what_lowers_the_margin_at_any_norm_then_what_is_smaller(seed, answers):
    victim = QuadrantVictim()
    env = toy_env(
        victim, QuadrantClips(), answers=answers, top_k=3, budget=80, cleanup=20,
        reward=RewardWeights(norm=1000.0),
    )  # fmt: skip
    env.reset(seed=seed)
    episode, ledger = env.episode, env.episode.ledger
    moves, undoing = (how(episode.masked, 2, np.random.default_rng(seed)) for how in (sweep, tidy))
    episode.insists = True
    while not any(episode.over):
        margin, flipped = episode.margin, episode.flipped
        before, norm = episode.masked.frames.copy(), episode.masked.norm()
        move = next(undoing if flipped else moves, None)
        if move is None:
            break
        asked = ledger.admit(episode.make(move)).copy()
        tried = episode.masked.norm()
        answer = ledger.settle(asked, victim.answer(asked))[0]
        episode.finish(answer)
        now = ledger.goal.margin(answer)
        reached = ledger.goal.reached(answer)
        # An answer that says nothing leaves the move as it is.
        stays = (reached and tried < norm) if flipped else (reached or now <= margin)
        assert np.array_equal(episode.masked.frames, asked[0] if stays else before)
        assert episode.margin == (now if stays else margin)
