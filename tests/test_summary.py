"""Protects the figures of an attack: the summary of its records and its curve, by hand."""

import numpy as np
import pytest

from video_attack.envs.metrics.rates import (
    clopper_pearson,
)
from video_attack.envs.metrics.summary import MEANS, success_curve, summary

# Summary


def record(id, queries=0, success=False, attacked=True, budget=100, **figures):
    return {
        "id": id,
        "label": 0,
        "attacked": attacked,
        "success": success,
        "queries": queries,
        "budget": budget,
        **figures,
    }


def figures(value):
    return dict.fromkeys(MEANS, value)


RECORDS = [
    record("a", queries=10, success=True, **figures(1.0)),
    record("b", queries=40, success=True, **figures(3.0)),
    record("c", queries=97, **figures(50.0)),  # a failure that stopped early, with figures
    record("d", queries=100),
    record("e", queries=1, attacked=False),
]


def test_summary_by_hand():
    result = summary(RECORDS)
    assert result["clips"] == 5 and result["attacked"] == 4 and result["successes"] == 2
    assert result["clean_accuracy"] == 0.8
    assert (result["clean_accuracy_low"], result["clean_accuracy_high"]) == clopper_pearson(4, 5)
    assert result["asr"] == 0.5
    assert (result["asr_low"], result["asr_high"]) == clopper_pearson(2, 4)
    assert result["aq"] == (10 + 40 + 100 + 100) / 4
    assert result["median_queries"] == 25
    assert {name: result[name] for name in MEANS} == figures(2.0)


@pytest.mark.parametrize("records", [[], RECORDS[-1:]])
def test_summary_without_attacked_clips_is_nan_not_zero(records):
    result = summary(records)
    assert (result["clips"], result["attacked"], result["successes"]) == (len(records), 0, 0)
    for name in ("asr", "asr_low", "asr_high", "aq", "median_queries", *MEANS):
        assert np.isnan(result[name]), name
    assert result["clean_accuracy"] == 0 if records else np.isnan(result["clean_accuracy"])


def test_summary_without_successes():
    result = summary(RECORDS[2:4])
    assert result["asr"] == 0 and result["aq"] == 100
    assert np.isnan([result[name] for name in ("median_queries", *MEANS)]).all()


def test_summary_names_the_record_that_lacks_a_figure():
    with pytest.raises(ValueError, match="'f', a success, lacks 'l2'"):
        summary([*RECORDS, record("f", queries=3, success=True)])


def test_success_curve_by_hand():
    queries, share = success_curve([*RECORDS, record("f", queries=10, success=True)])
    assert queries.tolist() == [0, 10, 40, 100]
    assert share.tolist() == pytest.approx([0, 2 / 5, 3 / 5, 3 / 5])


def test_success_curve_ends_at_the_success_rate_even_at_the_last_query():
    queries, share = success_curve([record("a", queries=100, success=True), record("b")])
    assert queries.tolist() == [0, 100] and share.tolist() == [0, 0.5]


def test_success_curve_without_attacked_clips_is_nan():
    queries, share = success_curve(RECORDS[-1:])
    assert queries.tolist() == [0] and np.isnan(share).all()
