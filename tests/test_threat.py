"""What counts as success, how far away it is, and what an attacker is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from video_attack.envs.game.threat import Goal, visible

PROPERTY = settings(deadline=None, max_examples=60)
rows = hnp.arrays(np.float32, 5, elements=st.floats(0, 1, width=32)).filter(
    lambda row: row.sum() > 0.01
)


@PROPERTY
@given(row=rows, label=st.integers(0, 4), shift=st.integers(0, 4))
def test_the_margin_is_bounded_and_its_sign_agrees_with_success(row, label, shift):
    scores = row / row.sum()
    goal = Goal(label, (label + shift) % 5 if shift else None)
    margin = goal.margin(scores)
    assert -1 <= margin <= 1
    if goal.reached(scores):
        assert margin <= 0
    if margin < 0:
        assert goal.reached(scores)


def test_untargeted_margin_by_hand():
    scores = np.array([0.6, 0.3, 0.1], np.float32)
    assert Goal(0).margin(scores) == pytest.approx(np.log(2) / 10)
    assert Goal(1).margin(scores) == pytest.approx(-np.log(2) / 10)
    assert Goal(1).reached(scores) and not Goal(0).reached(scores)


def test_targeted_margin_by_hand():
    scores = np.array([0.6, 0.3, 0.1], np.float32)
    assert Goal(0, 2).margin(scores) == pytest.approx(np.log(6) / 10)
    assert Goal(1, 0).margin(scores) == pytest.approx(-np.log(2) / 10)
    assert Goal(1, 0).reached(scores)
    assert not Goal(2, 1).reached(scores), "another wrong class is not the target"


def test_the_first_of_equal_scores_is_the_prediction_and_a_tie_has_margin_zero():
    scores = np.array([0.4, 0.4, 0.2], np.float32)
    for goal, reached in (
        (Goal(0), False),
        (Goal(1), True),
        (Goal(2, 0), True),
        (Goal(2, 1), False),
    ):
        assert goal.reached(scores) is reached
        assert goal.margin(scores) == 0


def test_label_only_answers_have_the_extreme_margins():
    right, wrong = np.eye(3, dtype=np.float32)[:2]
    assert Goal(0).margin(right) == pytest.approx(1)
    assert Goal(0).margin(wrong) == pytest.approx(-1)
    assert Goal(0, 1).margin(right) == pytest.approx(1)
    assert Goal(0, 1).margin(wrong) == pytest.approx(-1)
    assert Goal(0, 2).margin(wrong) == pytest.approx(1), "flipped, but to another class"


def test_a_saturated_softmax_still_has_a_finite_margin():
    scores = np.array([1, 0, 1e-30], np.float32)
    assert Goal(0).margin(scores) == pytest.approx(1)


def test_the_target_may_not_be_the_label():
    with pytest.raises(ValueError, match="own label"):
        Goal(2, 2)


@PROPERTY
@given(
    scores=hnp.arrays(np.float32, (4, 6), elements=st.floats(0, 1, width=32)),
    k=st.integers(1, 9),
)
def test_top_k_shows_the_k_best_and_label_shows_one(scores, k):
    shown = visible(scores, "topk", k)
    hidden = np.sort(scores, axis=1)[:, : max(6 - k, 0)]
    for row, answer, low in zip(scores, shown, hidden, strict=True):
        assert np.array_equal(
            np.sort(answer), np.sort(np.r_[np.zeros_like(low), np.sort(row)[len(low) :]])
        )
        assert np.all((answer == row) | (answer == 0))
    one_hot = visible(scores, "label", k)
    assert np.array_equal(one_hot, np.eye(6, dtype=np.float32)[scores.argmax(1)])
    assert one_hot.dtype == shown.dtype == np.float32
    assert np.array_equal(visible(scores, "scores", k), scores)


def test_the_gap_shows_what_the_margin_cuts_off():
    sure, surer = np.array([1 - 1e-12, 1e-12]), np.array([1 - 1e-20, 1e-20])
    goal = Goal(0)
    assert goal.margin(sure) == pytest.approx(1) and goal.margin(surer) == pytest.approx(1)
    assert goal.gap(sure) == pytest.approx(-np.log(1e-12)) and goal.gap(surer) > goal.gap(sure)
    assert Goal(0, 1).gap(sure) == goal.gap(sure)
    unsure = np.array([0.6, 0.4])
    assert goal.gap(unsure) == pytest.approx(10 * goal.margin(unsure))
    assert np.isfinite(goal.gap(np.array([1.0, 0.0])))
