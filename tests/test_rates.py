"""Protects rates and their intervals: Clopper-Pearson by hand, the paired bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.metrics.rates import (
    clopper_pearson,
    paired_bootstrap_difference,
    paired_bootstrap_ratio,
)

# Rates


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.308497),  # 1 - 0.025^(1/10)
        (10, 10, 0.691503, 1.0),
        (5, 10, 0.187086, 0.812914),  # tables of Clopper and Pearson
        (1, 1, 0.025, 1.0),
    ],
)
def test_clopper_pearson_by_hand(successes, n, low, high):
    assert clopper_pearson(successes, n) == pytest.approx((low, high), abs=1e-6)


def test_clopper_pearson_at_another_confidence():
    # One trial, one failure: high solves 1 - high = alpha / 2.
    assert clopper_pearson(0, 1, confidence=0.9) == pytest.approx((0, 0.95))


def test_clopper_pearson_without_trials_knows_nothing():
    assert np.isnan(clopper_pearson(0, 0)).all()


@pytest.mark.parametrize("wrong", [(3, 2), (-1, 2), (1, 2, 1.0), (1, 2, 95)])
def test_clopper_pearson_refuses_nonsense(wrong):
    with pytest.raises(ValueError, match="give"):
        clopper_pearson(*wrong)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_clopper_pearson_holds_the_rate_and_mirrors(n, share):
    successes = round(share * n)
    low, high = clopper_pearson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert clopper_pearson(n - successes, n) == pytest.approx((1 - high, 1 - low))


def test_pairing_removes_what_clips_have_in_common():
    b = np.random.default_rng(0).uniform(10, 1000, 40)
    assert paired_bootstrap_ratio(b / 2, b) == pytest.approx((0.5, 0.5, 0.5))
    assert paired_bootstrap_difference(b - 7, b) == pytest.approx((-7, -7, -7))


def test_bootstrap_of_two_clips_by_hand():
    # Draws of two clips: both the first (1/4), both the second (1/4), one of each (1/2).
    a, b = [2, 6], [1, 2]
    assert paired_bootstrap_ratio(a, b) == pytest.approx((8 / 3, 2, 3))
    assert paired_bootstrap_difference(a, b) == pytest.approx((2.5, 1, 4))


def test_bootstrap_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(5, 2, 400)
    _, low, high = paired_bootstrap_difference(values, np.zeros(400))
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.03)


def test_bootstrap_is_reproducible_and_takes_its_seed():
    a, b = (np.random.default_rng(seed).integers(0, 256, 16).astype(float) for seed in (0, 1))
    assert paired_bootstrap_ratio(a, b, 300) == paired_bootstrap_ratio(a, b, 300)
    assert paired_bootstrap_ratio(a, b, 300) != paired_bootstrap_ratio(a, b, 300, seed=1)


def test_bootstrap_without_clips_or_without_a_denominator_is_nan():
    assert np.isnan(paired_bootstrap_ratio([], [])).all()
    assert np.isnan(paired_bootstrap_difference([], [])).all()
    assert np.isnan(paired_bootstrap_ratio([1, 2], [0, 0])).all()


def test_bootstrap_ratio_survives_draws_without_a_denominator():
    ratio, low, high = paired_bootstrap_ratio([1, 1], [0, 1])
    assert (ratio, low, high) == (2, 1, np.inf)


def test_bootstrap_refuses_unpaired_lists():
    with pytest.raises(ValueError, match="same clips in the same order"):
        paired_bootstrap_ratio([1, 2], [1, 2, 3])
