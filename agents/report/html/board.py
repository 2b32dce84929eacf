"""What a line of the leaderboard says: the figures of one attack in one cell, as text and as numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from video_attack.agents.report.tradeoff import ahead, number
from video_attack.envs.metrics.curves import area_under
from video_attack.envs.metrics.optimality import standings
from video_attack.envs.metrics.summary import summary
from video_attack.envs.metrics.tradeoff import marks, median_curve, median_norm

if TYPE_CHECKING:
    from video_attack.agents.audit.leaderboard import Cell

FRONT = 100  # queries at which the page says who is ahead
Value = tuple[str, float | None]  # as text, and what it is sorted by (None: last)


@dataclass(frozen=True)
class Line:
    """One attack's figures by the title of their column."""

    attack: str
    cells: Mapping[str, Value]


def opening(cell: "Cell") -> str:
    """Who is ahead at FRONT queries, or at the budget if that is less."""
    said = ahead(cell.found, min(FRONT, cell.budget))
    return said or "There is nothing to compare: one attack, or no success."


def columns(cell: "Cell") -> list[str]:
    """Titles of the columns for which an attack of the cell has a figure."""
    lines = board_lines(cell)
    return [title for title in lines[0].cells if any(x.cells[title][0] != "-" for x in lines)]


def board_lines(cell: "Cell") -> list[Line]:
    """One line an attack, the best optimality at FRONT queries first."""
    found, budget = cell.found, cell.budget
    shown = sorted({min(FRONT, budget), budget})
    stands = {mark: standings(found, mark) for mark in shown}
    lines = []
    for name, records in found.items():
        figures = summary(records)
        cells: dict[str, Value] = {"attack": (name, None)}
        for mark in shown:
            stand = stands[mark][name]
            rank = f"{stand.rank} [{stand.rank_low}, {stand.rank_high}]"
            cells[f"rank at {mark}"] = (rank, stand.rank) if stand.clips else ("-", None)
            text = f"{stand.optimality:.2f} [{stand.low:.2f}, {stand.high:.2f}]"
            value = stand.optimality
            cells[f"optimality at {mark}"] = (text, value) if stand.clips else ("-", None)
        for mark in marks(budget):
            cells[f"L2 at {mark}"] = plain(median_norm(records, mark))
        cells["mean L2"] = plain(area_under(*median_curve(records), budget))
        rate, low, high = (100 * figures[key] for key in ("asr", "asr_low", "asr_high"))
        text = f"{rate:.0f} % [{low:.0f}, {high:.0f}]"
        cells["ASR"] = ("-", None) if math.isnan(rate) else (text, rate)
        cells["AQ"] = plain(figures["aq"])
        for title, key in (("FFV1", "ffv1"), ("CRF 23", "h264_23"), ("float32", "float32")):
            share = figures[key]
            cells[title] = ("-", None) if math.isnan(share) else (f"{100 * share:.0f} %", share)
        cells["clips"] = plain(figures["attacked"])
        lines.append(Line(name, cells))
    first = stands[shown[0]]
    return sorted(lines, key=lambda line: first[line.attack].rank)


def plain(value: float) -> Value:
    """A number; infinite ones, and after them none at all, are sorted last."""
    return number(value), None if math.isnan(value) else min(value, 1e9)
