"""The sweep covers every cell, once a round, and begins when patience ends, never to lose ground."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import (
    BrightnessVictim,
    CountingVictim,
    DarkClips,
    QuadrantClips,
    QuadrantVictim,
    brighten,
)

from video_attack.agents.attacks.base import Rules
from video_attack.agents.attacks.play.random_moves import RandomMoves
from video_attack.agents.attacks.play.sweep import sweep, tidy
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.mask import Box, MaskedClip


def rules(**kwargs):
    game = GameConfig(**{"grid": 4, "budget": 40, "sizes": [[1, 1], [2, 2]], **kwargs})
    return Rules(game, brighten, severity=5, classes=5, frames=8)


def masked(grid, levels=2, versions=1):
    clean = DarkClips()[0].frames
    bright = brighten(clean, 5, np.random.default_rng(0))
    return MaskedClip(clean, [bright] * versions, grid, levels)


@settings(deadline=None, max_examples=30)
@given(
    grid=st.integers(1, 9),
    shortest=st.sampled_from([1, 2, 4, 50]),
    versions=st.sampled_from([1, 3]),
)
def test_each_round_tiles_the_clip_and_is_no_coarser_than_the_one_before(grid, shortest, versions):
    clip = masked(grid, versions=versions)
    moves, sizes = sweep(clip, shortest, np.random.default_rng(0)), []
    for _ in range(5):
        met = np.zeros(clip.level.shape, int)
        largest = 0
        while (met == 0).any():
            move = next(moves)
            assert move.undo is None, "nothing is painted, so nothing is to be undone"
            met[move.add.cells] += 1
            largest = max(largest, met[move.add.cells].size)
        assert (met == 1).all()
        sizes.append(largest)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == min(shortest, 8)


@pytest.mark.parametrize("versions", [1, 3])
def test_what_is_painted_is_undone_or_painted_with_another_version(versions):
    clip = masked(4, versions=versions)
    moves = sweep(clip, 2, np.random.default_rng(0))
    for move in itertools.islice(moves, 16):
        clip.paint(move.add, move.level, move.draw)
    assert (clip.level == 2).all()
    move = next(moves)
    assert (move.add is None) == (versions == 1)
    assert (move.undo is None) == (versions > 1)


@pytest.mark.parametrize("patience", [0, 1, 6])
def test_the_agents_act_until_patience_ends_and_never_after(patience):
    acted_at = set()

    class Watched(RandomMoves):
        def act(self, episode, task):
            acted_at.add(task.ledger.spent)
            return super().act(episode, task)

    result = Watched(rules(budget=20), patience=patience).run(CountingVictim(), DarkClips()[0])
    assert result.ledger.spent == 20
    assert acted_at == set(range(1, patience or 20))


def test_a_clip_that_the_agents_do_not_flip_is_flipped_by_the_sweep():
    class Stubborn(RandomMoves):
        def act(self, episode, task):
            """Always the first patch, and the last one undone; the watched cell is another."""
            return {"spatial": np.array([0, 0, 0, 0, 15, 1]), "temporal": np.zeros(4, int)}

    for index in range(4):
        alone, swept = (
            Stubborn(rules(budget=60), patience=patience).run(
                BrightnessVictim(), DarkClips()[index]
            )
            for patience in (0, 5)
        )
        assert not alone.ledger.first_success
        assert swept.ledger.first_success > 5


def test_patience_below_zero_is_refused():
    with pytest.raises(ValueError, match="patience=-1"):
        RandomMoves(rules(), patience=-1)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), cleanup=st.sampled_from([1, 10, 60]))
def test_the_clean_up_undoes_never_loses_the_success_and_keeps_to_its_queries(seed, cleanup):
    victim = QuadrantVictim()
    attack = RandomMoves(rules(budget=200, cleanup=cleanup))
    ledger = attack.run(victim, QuadrantClips()[seed % 12], seed).ledger
    alone = RandomMoves(rules(budget=200)).run(victim, QuadrantClips()[seed % 12], seed).ledger
    assert ledger.first_success == alone.first_success, "the same play up to the flip"
    assert ledger.spent <= ledger.first_success + cleanup
    assert ledger.goal.reached(victim.answer(ledger.best[None])[0])
    assert ledger.best_norm <= alone.best_norm


def test_the_clean_up_makes_successes_smaller():
    sizes = [
        [
            RandomMoves(given).run(QuadrantVictim(), clip).ledger.best_norm
            for clip in QuadrantClips()
        ]
        for given in (rules(budget=200), rules(budget=200, cleanup=40))
    ]
    assert np.mean(sizes[1]) < 0.8 * np.mean(sizes[0])


def test_tidying_ends_when_nothing_is_painted():
    clip = masked(4)
    assert next(tidy(clip, 2, np.random.default_rng(0)), None) is None
    clip.paint(Box(0, 8, 1, 2, 1, 2), 2)
    undone = 0
    for move in tidy(clip, 2, np.random.default_rng(0)):
        clip.paint(move.undo, 0)
        undone += 1
    assert undone == 1 and not clip.level.any()
