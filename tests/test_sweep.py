"""The sweep covers every cell, once a round, from coarse to fine; what does not pay is taken back."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import TOY_GAME, BrightnessVictim, DarkClips, brighten

from video_attack.agents.attacks.base import ThreatModel
from video_attack.agents.attacks.search.sweep import Sweep, boxes
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig

BOUNDS = (
    BoundConfig(), BoundConfig("linf", eps=40), BoundConfig("l2", radius=9.0), BoundConfig("none"),
)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(grid=st.integers(1, 9), shortest=st.sampled_from([1, 2, 4, 50]))
def test_each_round_tiles_the_clip_and_is_no_coarser_than_the_one_before(grid, shortest):
    moves, sizes = boxes((8, grid, grid), shortest, np.random.default_rng(0)), []
    while not sizes or sizes[-1] > min(shortest, 8):
        met, largest = np.zeros((8, grid, grid), int), 0
        while (met == 0).any():
            box = next(moves)
            met[box] += 1
            largest = max(largest, met[box].size)
        assert (met == 1).all()
        sizes.append(largest)
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.kind)
def test_it_keeps_what_lowers_the_margin_and_stays_in_the_bound(bound):
    class Watched(BrightnessVictim):
        def answer(self, clips):
            seen.extend(clips)
            return super().answer(clips)

    seen, victim, clip = [], Watched(), DarkClips()[0]
    game = GameConfig(**{**TOY_GAME, "budget": 60})
    result = Sweep(ThreatModel(game, brighten, 5, 3, 8, bound)).run(victim, clip)
    assert result.ledger.spent == victim.clips == len(seen)
    if bound.kind != "distortion":
        limits = bound.around(clip.frames, [clip.frames])
        for frames in seen:
            assert np.array_equal(limits.project(frames[None])[0], frames)
    bright = victim.answer(np.stack(seen))[:, 1]
    assert max(bright) > bright[0]


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="shortest=0"):
        Sweep(ThreatModel(GameConfig(), brighten, 5, 3, 8), shortest=0)


def test_rounds_start_anew_when_they_are_fine():
    first = [box for box in itertools.islice(boxes((2, 1, 1), 2, np.random.default_rng(0)), 3)]
    assert first == [(slice(0, 2), slice(0, 1), slice(0, 1))] * 3
