"""Protects the sentence that users quote, and the curves: limits from tables of Clopper and Pearson, areas
by hand, and no claim beyond what the records support."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.metrics.curves import area_under, norm_curve
from video_attack.envs.metrics.statement import robustness_statement
from video_attack.envs.metrics.summary import success_curve


def record(id, first=None, l2=None, attacked=True, budget=100, attack="square", queries=None):
    success = first is not None
    return {
        "attack": attack, "id": id, "label": 0, "attacked": attacked, "success": success,
        "first_success": first, "queries": queries or first or budget, "budget": budget, "l2": l2,
    }  # fmt: skip


RECORDS = [
    record("a", 10, 1.0),
    record("b", 40, 5.0),
    record("c", 70, 2.0),
    *(record(f"r{i}") for i in range(7)),
    record("not", attacked=False, budget=1),
]


# Statement


@pytest.mark.parametrize(
    ("flips", "clips", "limit"),
    [
        (0, 10, 0.258866),  # 1 - 0.05^(1/10)
        (0, 1, 0.95),
        (3, 10, 0.606624),
        (5, 10, 0.777559),
        (10, 10, 1.0),
    ],
)
def test_the_limit_is_one_sided(flips, clips, limit):
    records = [record(str(i), 5 if i < flips else None, 1.0) for i in range(clips)]
    found = robustness_statement(records)
    assert (found.flips, found.clips) == (flips, clips)
    assert found.at_most == pytest.approx(limit, abs=1e-6)


def test_the_sentence():
    assert str(robustness_statement(RECORDS)) == (
        "With 95 % confidence at most 60.7 % of such clips can be flipped by square within 100 queries "
        "(3 of 10 were)."
    )
    found = robustness_statement(RECORDS, queries=50, norm=2.5, confidence=0.99)
    # One flip in ten at 99 %: p solves (1 - p)^10 + 10 p (1 - p)^9 = 0.01.
    assert str(found) == (
        "With 99 % confidence at most 50.5 % of such clips can be flipped by square within 50 queries "
        "and L2 norm 2.5 (1 of 10 were)."
    )
    p = found.at_most
    assert (1 - p) ** 10 + 10 * p * (1 - p) ** 9 == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("queries", "norm", "flips"),
    [(100, None, 3), (69, None, 2), (70, None, 3), (9, None, 0), (100, 2.0, 2), (100, 1.9, 1),
     (39, 9.0, 1), (40, 5.0, 2), (1, 0.0, 0)],
)  # fmt: skip
def test_flips_within_both_allowances(queries, norm, flips):
    assert robustness_statement(RECORDS, queries=queries, norm=norm).flips == flips


def test_a_clean_up_does_not_hide_an_early_flip():
    records = [record("a", 10, 1.0, queries=60), record("b")]
    assert robustness_statement(records, queries=10).flips == 1
    assert robustness_statement(records, queries=10, norm=1.0).flips == 1


def test_nothing_is_claimed_beyond_the_budget():
    with pytest.raises(ValueError, match="queries=101: the run allowed 100"):
        robustness_statement(RECORDS, queries=101)
    mixed = [*RECORDS, record("short", budget=30)]
    assert robustness_statement(mixed).queries == 30
    with pytest.raises(ValueError, match="the run allowed 30"):
        robustness_statement(mixed, queries=31)


@pytest.mark.parametrize("records", [[], RECORDS[-1:]])
def test_without_attacked_clips_everything_may_flip(records):
    found = robustness_statement(records)
    assert (found.at_most, found.clips, found.flips) == (1.0, 0, 0)


def test_what_cannot_be_said_is_refused():
    with pytest.raises(ValueError, match="one statement for each attack"):
        robustness_statement([record("a"), record("a", attack="simba")])
    with pytest.raises(ValueError, match=r"confidence=0\.5"):
        robustness_statement(RECORDS, confidence=0.5)
    with pytest.raises(ValueError, match="'a', a success, lacks 'linf'"):
        robustness_statement(RECORDS, norm=0.1, norm_name="linf")
    with pytest.raises(ValueError, match="queries=0"):
        robustness_statement(RECORDS, queries=0)


def test_the_printed_share_is_never_below_the_limit():
    for clips in range(1, 60):
        found = robustness_statement([record(str(i)) for i in range(clips)])
        shown = float(str(found).split("at most ")[1].split(" %")[0])
        assert 100 * found.at_most <= shown < 100 * found.at_most + 0.1001


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(0.05, 0.9), seed=st.integers(0, 10**6))
def test_the_limit_holds_as_often_as_it_says(rate, seed):
    flips = np.random.default_rng(seed).binomial(20, rate, 400)
    limits = {
        n: robustness_statement([record(str(i), 5 if i < n else None) for i in range(20)]).at_most
        for n in set(flips.tolist())
    }
    # At least 95 %, less three standard errors of 400 draws.
    assert np.mean([limits[n] >= rate for n in flips.tolist()]) >= 0.95 - 0.033


# Curves


def test_norm_curve_by_hand():
    norms, share = norm_curve([*RECORDS, record("d", 30, 2.0)])
    assert norms.tolist() == [0, 1, 2, 5]
    assert share.tolist() == pytest.approx([0, 1 / 11, 3 / 11, 4 / 11])


def test_norm_curve_of_another_norm_and_without_it():
    records = [{**record("a", 3), "linf": 0.02}, record("b")]
    assert norm_curve(records, "linf")[0].tolist() == [0, 0.02]
    with pytest.raises(ValueError, match="'a', a success, lacks 'l2'"):
        norm_curve(records)
    norms, share = norm_curve(RECORDS[-1:])
    assert norms.tolist() == [0] and np.isnan(share).all()


def test_areas_by_hand():
    # Success 0.1 from query 10, 0.2 from 40, 0.3 from 70 to 100.
    queries, share = success_curve(RECORDS)
    assert area_under(queries, share, 100) == pytest.approx((3 + 6 + 9) / 100)
    assert area_under(queries, share, 40) == pytest.approx(3 / 40)
    assert area_under(queries, share, 10) == 0
    assert area_under(queries, share, 200) == pytest.approx((18 + 30) / 200)
    norms, share = norm_curve(RECORDS)
    assert area_under(norms, share, 10) == pytest.approx((0.1 + 3 * 0.2 + 5 * 0.3) / 10)


def test_area_of_free_success_is_one_and_of_nobody_nan():
    assert area_under(np.array([0.0]), np.array([1.0]), 7) == 1
    assert np.isnan(area_under(*success_curve(RECORDS[-1:]), 10))


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_an_area_needs_a_limit(limit):
    with pytest.raises(ValueError, match="limit="):
        area_under(*success_curve(RECORDS), limit)


def test_an_area_needs_a_curve():
    with pytest.raises(ValueError, match="increasing from 0"):
        area_under(np.array([1, 2]), np.array([0.0, 1.0]), 3)


@settings(max_examples=30, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(2, 100), st.floats(0, 9)), max_size=12),
    failures=st.integers(0, 5),
)
def test_an_area_is_the_mean_over_all_allowances(flips, failures):
    records = [record(str(i), first, l2) for i, (first, l2) in enumerate(flips)]
    records += [record(f"f{i}") for i in range(failures)]
    if records:
        n = len(records)
        queries, norms = (
            area_under(*success_curve(records), 100),
            area_under(*norm_curve(records), 9),
        )
        assert queries == pytest.approx(sum(100 - first for first, _ in flips) / 100 / n)
        assert norms == pytest.approx(sum(9 - l2 for _, l2 in flips) / 9 / n)
        assert 0 <= queries <= 1 and 0 <= norms <= 1
