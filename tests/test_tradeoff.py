"""Protects norm against queries and optimality: by hand, and what must hold of any records."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.metrics.curves import area_under
from video_attack.envs.metrics.optimality import (
    common,
    leaders,
    optimality_curves,
    ranks,
    standings,
)
from video_attack.envs.metrics.summary import in_clip_order
from video_attack.envs.metrics.tradeoff import (
    counted_norm,
    marks,
    median_curve,
    median_norm,
    norm_at,
    sizes_over,
    success_at,
)


def record(id, *steps, full=100.0, attacked=True, budget=50, **more):
    """A record with a curve of L2; without steps a failure."""
    found = {
        "id": id, "attacked": attacked, "success": bool(steps), "budget": budget,
        "queries": steps[-1][0] if steps else budget, "full": {"l2": full}, **more,
    }  # fmt: skip
    if steps:
        found |= {"l2": steps[-1][1], "curves": {"l2": [list(step) for step in steps]}}
    return found


A = [
    record("a", (5, 40.0), (9, 20.0)),
    record("b", (30, 10.0)),
    record("c"),
    record("n", attacked=False),
]
B = [record("a", (7, 30.0)), record("b", (10, 20.0)), record("c"), record("n", attacked=False)]


def test_norms_at_queries_by_hand():
    assert [norm_at(A[0], q) for q in (4, 5, 8, 9, 50)] == [np.inf, 40, 40, 20, 20]
    assert [counted_norm(A[0], q) for q in (4, 5)] == [100, 40]
    assert [median_norm(A, q) for q in (4, 5, 9, 29, 30)] == [100, 100, 100, 100, 20]
    queries, medians = median_curve(A)
    assert queries.tolist() == [0, 30, 50] and medians.tolist() == [100, 20, 20]
    assert area_under(queries, medians, 50) == pytest.approx((30 * 100 + 20 * 20) / 50)


def test_success_at_queries_and_norm_by_hand():
    assert [success_at(A, q) for q in (4, 5, 30, None)] == [0, 1 / 3, 2 / 3, 2 / 3]
    assert [success_at(A, size=s) for s in (9.9, 10, 20)] == [0, 1 / 3, 2 / 3]
    assert success_at(A, 8, 30.0) == 0 and success_at(A, 9, 30.0) == 1 / 3
    assert np.isnan(success_at(A[-1:])) and np.isnan(median_norm(A[-1:], 9))


def test_a_record_without_a_curve_counts_from_its_last_query():
    old = {k: v for k, v in A[0].items() if k not in ("curves", "full")}
    assert [norm_at(old, q) for q in (8, 9)] == [np.inf, 20]
    assert counted_norm(old, 8) == np.inf
    assert median_norm([old, {**A[2], "full": {}}], 50) == np.inf


def test_optimality_by_hand():
    found = {"A": A, "B": B}
    curves = optimality_curves(found, [4, 5, 7, 10, 50])
    # Clip a: 40 against none; 40, 30; then 20, 30. Clip b: none against 20; then 10, 20.
    assert curves["A"][1:].tolist() == pytest.approx([1, 30 / 40, (1 + 0) / 2, 1])
    assert curves["B"][1:].tolist() == pytest.approx(
        [0, 1, (20 / 30 + 1) / 2, (20 / 30 + 10 / 20) / 2]
    )
    assert np.isnan(curves["A"][0])
    assert leaders(found, [4, 5, 7, 10, 50]) == [None, "A", "B", "B", "A"]
    end = standings(found, 50)
    assert (end["A"].rank, end["B"].rank, end["A"].clips) == (1, 2, 2)
    assert end["A"].low == end["A"].high == 1 and end["A"].rank_high == 1
    assert (end["B"].low, end["B"].high) == pytest.approx((0.5, 20 / 30))


def test_only_clips_that_all_attacked_are_compared():
    shared = common({"A": A, "B": [B[1], B[0]]})
    assert [r["id"] for r in shared["A"]] == [r["id"] for r in shared["B"]] == ["a", "b"]


def test_nobody_stands_before_the_first_success():
    found = standings({"A": A[2:3], "B": B[2:3]}, 50)
    assert np.isnan(found["A"].optimality) and found["A"].clips == 0


def test_equal_attacks_share_the_place():
    assert ranks(np.array([[0.5], [0.9], [0.5], [0.1]]))[:, 0].tolist() == [2, 1, 2, 4]


def test_marks_end_at_the_budget():
    assert marks(50) == [10, 30, 50] and marks(100) == [10, 30, 100] and marks(2) == [2]


steps = st.lists(st.tuples(st.integers(2, 60), st.floats(0.1, 90)), max_size=5).map(
    lambda found: [
        (q, 100 - s)
        for q, s in zip(sorted({q for q, _ in found}), sorted(s for _, s in found), strict=False)
    ]
)
found_lists = st.integers(1, 6).flatmap(
    lambda clips: st.dictionaries(
        st.sampled_from("xyz"),
        st.lists(steps, min_size=clips, max_size=clips).map(
            lambda rows: [record(str(i), *row, budget=60) for i, row in enumerate(rows)]
        ),
        min_size=1,
    )
)


@settings(max_examples=60, deadline=None)
@given(found=found_lists)
def test_more_queries_never_cost_norm_and_someone_is_best(found):
    queries = list(range(61))
    for records in found.values():
        medians = [median_norm(records, q) for q in queries]
        assert all(np.diff(medians) <= 0) and all(
            np.diff([success_at(records, q) for q in queries]) >= 0
        )
        at, values = median_curve(records)
        assert [values[np.searchsorted(at, q, side="right") - 1] for q in queries] == medians
        grid = sizes_over(records, queries)
        assert grid.tolist() == [[counted_norm(r, q) for q in queries] for r in records]
    curves = np.stack(list(optimality_curves(found, queries).values()))
    known = ~np.isnan(curves[0])
    assert ((curves[:, known] >= 0) & (curves[:, known] <= 1)).all()
    shared = common(found)
    for name, standing in standings(found, 60).items():
        if standing.clips:
            assert standing.low <= standing.optimality + 1e-12 <= standing.high + 2e-12
            assert 1 <= standing.rank_low <= standing.rank_high <= len(found)
        assert standing.clips == sum(
            any(r[i]["success"] for r in shared.values()) for i in range(len(shared[name]))
        )
    if len(found) == 1 and known.any():
        assert (curves[:, known] == 1).all()


def test_records_are_put_in_order_of_the_clips():
    found = [{"id": "b", "index": 2}, {"id": "x"}, {"id": "a", "index": 0}]
    assert [r["id"] for r in in_clip_order(found)] == ["a", "b", "x"]
