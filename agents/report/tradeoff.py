"""Norm against queries as tables and sentences: what each attack reaches at each budget, who is ahead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from video_attack.agents.report.layout import lay_out
from video_attack.envs.metrics.curves import area_under, norm_curve
from video_attack.envs.metrics.optimality import lead, standings
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.statement import TITLES
from video_attack.envs.metrics.summary import success_curve
from video_attack.envs.metrics.tradeoff import (
    curve,
    marks,
    median_curve,
    median_norm,
    success_at,
)

SIZES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
NOTE = (
    "Norm at a budget: median over all attacked clips of the least norm of a success so far; a failure "
    "counts as the largest\nchange that the bound admits (of a distortion: the wholly distorted clip), and "
    "as infinite where the records do not say it.\nMean: over all budgets up to the largest (area under "
    "that curve, divided by the budget). Optimality: per clip the least norm\nthat any attack of the table "
    "has reached, divided by this one's, 0 for a failure, mean over the clips on which one has a\nsuccess "
    "(after AttackBench, arXiv 2404.19460); in brackets 95 % bootstrap intervals over clips. Area of "
    "success: mean share of\nflipped clips over all allowances, of queries up to the budget or of the norm "
    "up to the largest of any success. whitebox sees the\n"
    "victim's gradients: a yardstick, in no rank or optimality."
)


@dataclass(frozen=True)
class Sheet:
    """A table as text: the title of each column, and one row an attack, best optimality first."""

    titles: list[str]
    rows: list[list[str]]


def budget_of(found: Found) -> int:
    """The largest budget of any record."""
    return max(int(record["budget"]) for records in found.values() for record in records)


def norm_sheet(found: Found, norm: str = "l2") -> Sheet:
    """Rank, optimality, median norm at each budget and its mean."""
    budget = budget_of(found)
    stands = standings(found, budget, norm)
    title = TITLES[norm]
    titles = [
        "attack", f"rank at {budget}", "optimality",
        *(f"{title} at {mark}" for mark in marks(budget)), f"mean {title}",
    ]  # fmt: skip
    rows = []
    for name in sorted(found, key=lambda name: (stands[name].rank, list(found).index(name))):
        stand, records = stands[name], found[name]
        rank = f"{stand.rank} [{stand.rank_low}, {stand.rank_high}]"
        optimality = f"{stand.optimality:.2f} [{stand.low:.2f}, {stand.high:.2f}]"
        if not stand.clips:
            rank = optimality = "-"
        sizes = [number(median_norm(records, mark, norm)) for mark in marks(budget)]
        area = number(area_under(*median_curve(records, norm), budget))
        rows.append([name, rank, optimality, *sizes, area])
    return Sheet(titles, rows)


def success_sheet(found: Found, norm: str = "l2") -> Sheet:
    """Share of clips flipped at each budget and within each norm, and the areas under both."""
    budget = budget_of(found)
    largest = largest_norm(found, norm)
    sizes = norm_marks(found, norm)
    title = TITLES[norm]
    titles = [
        "attack", *(f"flipped at {mark}" for mark in marks(budget)), "area",
        *(f"with {title} {size:g}" for size in sizes), f"area ({title})",
    ]  # fmt: skip
    rows = []
    for name, records in found.items():
        at = [percent(success_at(records, mark)) for mark in marks(budget)]
        within = [percent(success_at(records, None, size, norm)) for size in sizes]
        placed = [{**r, "success": bool(curve(r, norm)), norm: last_norm(r, norm)} for r in records]
        area = number(area_under(*norm_curve(placed, norm), largest)) if largest > 0 else "-"
        rows.append([name, *at, number(area_under(*success_curve(records), budget)), *within, area])
    return Sheet(titles, rows)


def tradeoff_tables(found: Found, norm: str = "l2", markdown: bool = False) -> list[str]:
    """Both tables, a legend, and who is ahead at each budget.

    Args:
        found: records by attack; nothing is said where no clip was attacked.
        norm: one of `video_attack.envs.metrics.tradeoff.NORMS`.
        markdown: Markdown tables instead of plain text.
    """
    if not any(record["attacked"] for records in found.values() for record in records):
        return []
    sheets = [norm_sheet(found, norm), success_sheet(found, norm)]
    tables = [lay_out([sheet.titles, *sheet.rows], markdown) for sheet in sheets]
    said = [ahead(found, mark, norm) for mark in marks(budget_of(found))]
    return [tables[0], tables[1], NOTE, "\n".join(sentence for sentence in said if sentence)]


def ahead(found: Found, queries: int, norm: str = "l2") -> str:
    """One sentence: who is ahead at a budget, by how much, and whether that may be chance."""
    front = lead(found, queries, norm)
    if front is None:
        return ""
    stands = standings(found, queries, norm)
    first, second = (
        f"optimality {stands[name].optimality:.2f}, median {TITLES[norm]} "
        f"{number(median_norm(found[name], queries, norm))}"
        for name in (front.first, front.second)
    )
    sure = "" if front.low > 0 else ", which may be chance"
    return (
        f"Within {queries} queries {front.first} is ahead ({first}) of {front.second} ({second}), by "
        f"{front.by:.2f} [{front.low:.2f}, {front.high:.2f}] of optimality{sure}."
    )


def last_norm(record: Record, norm: str) -> float | None:
    """The least norm of any success of a record."""
    steps = curve(record, norm)
    return steps[-1][1] if steps else None


def largest_norm(found: Found, norm: str) -> float:
    """The largest of all least norms, 0 without a success."""
    sizes = [last_norm(r, norm) for records in found.values() for r in records if r["attacked"]]
    return max((size for size in sizes if size is not None), default=0.0)


def norm_marks(found: Found, norm: str) -> Sequence[float]:
    """At most four round norms, the largest below that of the largest success."""
    return [size for size in SIZES if size < largest_norm(found, norm)][-4:]


def number(value: float) -> str:
    """Three digits; a dash for nan."""
    if np.isnan(value):
        return "-"
    return "∞" if np.isinf(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def percent(share: float) -> str:
    """A share in per cent; a dash for nan."""
    return "-" if np.isnan(share) else f"{100 * share:.0f} %"
