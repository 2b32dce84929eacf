"""Norm against queries: what an attack has reached after so many, from the curves of its records.

Two numbers, the queries of the first success and the norm of the last, hide the trade between them.
A record's `curves` hold, for each norm, every improvement of the least norm so far as [query, norm];
a record without them counts as one success of its final norm at its last query.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.metrics.record import Record

Floats = NDArray[np.float64]

NORMS = ("l2", "linf", "l0_pixels", "map")
FOLLOWED = {"l2": "l2", "l1": "map", "l0": "l0_pixels", "linf": "linf"}  # of env.norm
MARKS = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000)  # budgets that tables show


def curve(record: Record, norm: str = "l2") -> list[tuple[int, float]]:
    """A record's improvements of a norm as (query, norm), falling; nothing of a failure."""
    if not record["success"]:
        return []
    found = (record.get("curves") or {}).get(norm)
    if found:
        return [(int(query), float(size)) for query, size in found]
    size = record.get(norm)
    return [] if size is None or np.isnan(size) else [(int(record["queries"]), float(size))]


def norm_at(record: Record, queries: int, norm: str = "l2") -> float:
    """The least norm of a success within so many queries; infinity where there is none."""
    reached = [size for query, size in curve(record, norm) if query <= queries]
    return reached[-1] if reached else float("inf")


def counted_norm(record: Record, queries: int, norm: str = "l2") -> float:
    """The same, but a failure counts as the largest change that the bound admits.

    That is what the record says under `full`: the wholly distorted clip's norm where the bound is a
    distortion; each value at its farther end under an Linf bound or none; cut to the ball under an L2
    bound. A record that does not say it counts as infinity.
    """
    found = norm_at(record, queries, norm)
    full = (record.get("full") or {}).get(norm, float("inf"))
    return found if np.isfinite(found) else float(full)


def median_norm(records: Sequence[Record], queries: int, norm: str = "l2") -> float:
    """Median over attacked clips of `counted_norm`; nan when none was attacked."""
    sizes = [counted_norm(r, queries, norm) for r in records if r["attacked"]]
    return _median(np.array(sizes)) if sizes else float("nan")


def success_at(
    records: Sequence[Record], queries: int | None = None, size: float = np.inf, norm: str = "l2"
) -> float:
    """Share of the attacked clips with a success within so many queries and of at most such a norm.

    Args:
        records: one a clip.
        queries: None: the whole budget.
        size: infinity: any norm.
        norm: of `size`.
    """
    attacked = [record for record in records if record["attacked"]]
    if not attacked:
        return float("nan")
    within = np.iinfo(np.int64).max if queries is None else queries
    sizes = [norm_at(record, within, norm) for record in attacked]
    return float(np.mean([np.isfinite(n) and n <= size for n in sizes]))


def median_curve(records: Sequence[Record], norm: str = "l2") -> tuple[NDArray[np.int64], Floats]:
    """The median norm after every number of queries, as a falling step function.

    Returns:
        queries: int64 (n,), increasing: 0, each number at which it changes, and the budget.
        medians: float64 (n,), from that number up to the next one; see `median_norm`.
    """
    attacked = [record for record in records if record["attacked"]]
    steps = {query for record in attacked for query, _ in curve(record, norm)}
    budget = max((int(record["budget"]) for record in attacked), default=0)
    queries = sorted({0, budget, *steps})
    grid = sizes_over(attacked, queries, norm)
    medians = (
        np.array([_median(column) for column in grid.T])
        if attacked
        else np.full(len(queries), np.nan)
    )
    kept = [0, *(i for i in range(1, len(queries)) if medians[i] != medians[i - 1])]
    if kept[-1] != len(queries) - 1:
        kept.append(len(queries) - 1)
    return np.array(queries, np.int64)[kept], medians[kept]


def sizes_over(
    records: Sequence[Record], queries: Sequence[int], norm: str = "l2", counted: bool = True
) -> Floats:
    """`counted_norm` (or `norm_at`) of each record at each of increasing numbers of queries, (n, q)."""
    marks = np.asarray(queries)
    found = np.empty((len(records), len(marks)))
    for row, record in zip(found, records, strict=True):
        steps = curve(record, norm)
        at = np.searchsorted([query for query, _ in steps], marks, side="right")
        none = counted_norm(record, 0, norm) if counted else np.inf
        row[:] = np.array([none, *(size for _, size in steps)])[at]
    return found


def marks(budget: int) -> list[int]:
    """The budgets that a table shows: those of MARKS below the run's, and the run's."""
    return [*(mark for mark in MARKS if mark < budget), budget]


def _median(column: Floats) -> float:
    """Not np.median, which makes nan of two infinities."""
    ordered = np.sort(column)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low if low == high else (low + high) / 2)
