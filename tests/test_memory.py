"""The memory of an episode is the stated posterior, and grows more certain with each answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.memory import PRIOR, SensitivityMemory


def shares(*cells):
    found = np.zeros((2, 2, 2), np.float32)
    for cell, share in cells:
        found[cell] = share
    return found


def test_the_posterior_by_hand():
    memory = SensitivityMemory((2, 2, 2))
    memory.credit(shares(((0, 0, 0), 1.0)), drop=6.0, norm=2.0)  # slope 3
    memory.credit(shares(((0, 0, 0), 0.25), ((1, 1, 1), 0.75)), drop=-0.5, norm=0.5)  # slope -1
    mean = (9 + 1) / 2  # of squared slopes, over all answers
    third = 1 / 3  # of the cell that got most
    known = {
        (0, 0, 0): (1 + third, 9 + third, 3 - third),
        (1, 1, 1): (1.0, 1.0, -1.0),
        (0, 1, 0): (0.0, 0.0, 0.0),
    }
    for cell, (answers, squares, drop) in known.items():
        assert memory.answers[cell] == pytest.approx(answers)
        assert memory.drop[cell] == pytest.approx(drop)
        variance = (PRIOR * mean + squares) / (PRIOR + answers)
        expected = np.log2(variance / mean) / 8
        assert memory.sensitivity()[cell] == pytest.approx(expected, abs=1e-6)
        assert memory.certainty()[cell] == pytest.approx(answers / (answers + PRIOR))
    assert memory.picture()[0, 0, 0] == pytest.approx(np.sqrt((9 + third) / (1 + third)))
    assert np.isnan(memory.picture()[0, 1, 0])


def test_nothing_known_is_nothing_said():
    memory = SensitivityMemory((2, 2, 2))
    memory.credit(shares(((0, 0, 0), 1.0)), drop=6.0, norm=0.0)
    memory.credit(shares(), drop=6.0, norm=1.0)
    assert not memory.sensitivity().any() and not memory.certainty().any()
    assert np.isnan(memory.picture()).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**16), answers=st.integers(1, 20))
def test_certainty_grows_and_all_stays_in_range(seed, answers):
    rng, memory = np.random.default_rng(seed), SensitivityMemory((2, 2, 2))
    before = memory.certainty()
    for _ in range(answers):
        where = rng.random((2, 2, 2)).astype(np.float32) * (rng.random((2, 2, 2)) < 0.5)
        where /= max(float(where.sum()), 1e-9)
        drop, norm = rng.normal(0, 10 ** rng.uniform(-6, 3)), rng.uniform(0.01, 1)
        memory.credit(where, float(drop), float(norm))
        now = memory.certainty()
        assert (now[where > 0] >= before[where > 0]).all()
        assert now.sum() > before.sum() or not where.any()
        assert np.array_equal(now[where == 0], before[where == 0])
        before, known = now, memory.sensitivity()
        assert known.dtype == np.float32 and np.isfinite(known).all()
        assert np.abs(known).max() <= 1 and 0 <= now.min() <= now.max() <= 1


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**16), strongest=st.integers(0, 7))
def test_the_most_sensitive_cell_is_found(seed, strongest):
    rng, memory = np.random.default_rng(seed), SensitivityMemory((2, 2, 2))
    for number in range(160):
        where = np.zeros(8, np.float32)
        where[number % 8] = 1
        spread, norm = 10.0 if number % 8 == strongest else 1.0, rng.uniform(0.5, 4)
        memory.credit(where.reshape(2, 2, 2), float(rng.normal(0, spread) * norm), float(norm))
    assert memory.sensitivity().argmax() == strongest
