"""One table of all attacks, for the terminal and for a paper."""

import math
from collections.abc import Callable, Mapping, Sequence

from agents.report.layout import lay_out

Row = Mapping[str, object]


def format_table(rows: Sequence[Row], markdown: bool = False) -> str:
    """Lay summaries out as a table, one line an attack, in the order given.

    Args:
        rows: summaries with the keys attack, attacked (number of clips), the shares in [0, 1]
            clean_accuracy, asr, asr_low, asr_high, l0_frames, l0_pixels, and the means aq,
            median_queries, l2, linf, map, ssim. A value that is NaN or None prints as "-".
        markdown: a Markdown table instead of aligned plain text.

    Returns:
        The table, without a line break at its end.

    Raises:
        ValueError: a summary lacks a key.
    """
    for row in rows:
        missing = sorted(KEYS - row.keys())
        if missing:
            raise ValueError(
                f"the summary of {row.get('attack', 'an attack')!r} lacks {', '.join(missing)}: "
                "make it from the clip records again"
            )
    lines = [[title for title, _ in COLUMNS]]
    lines += [[cell(row) for _, cell in COLUMNS] for row in rows]
    return lay_out(lines, markdown)


def _number(key: str, pattern: str, factor: float = 1) -> Callable[[Row], str]:
    """A cell that prints `factor` times a value with a format such as "{:.2f}"."""

    def cell(row: Row) -> str:
        value = row[key]
        if value is None or math.isnan(float(value)):  # type: ignore[arg-type]  # a number
            return "-"
        return pattern.format(float(value) * factor)  # type: ignore[arg-type]  # a number

    return cell


def _success(row: Row) -> str:
    """Success rate with its interval, in per cent: "72.0 % [60.1, 81.4]"."""
    rate, low, high = (_number(key, "{:.1f}", 100)(row) for key in ("asr", "asr_low", "asr_high"))
    if rate == "-":
        return "-"
    return f"{rate} %" if "-" in (low, high) else f"{rate} % [{low}, {high}]"


COLUMNS: list[tuple[str, Callable[[Row], str]]] = [
    ("attack", lambda row: str(row["attack"])),
    ("clips", _number("attacked", "{:.0f}")),
    ("clean acc.", _number("clean_accuracy", "{:.1f} %", 100)),
    ("ASR [95 % interval]", _success),
    ("AQ", _number("aq", "{:.1f}")),
    ("median q.", _number("median_queries", "{:.0f}")),
    ("L2", _number("l2", "{:.2f}")),
    ("Linf", _number("linf", "{:.3f}")),
    ("MAP", _number("map", "{:.2f}")),
    ("frames changed", _number("l0_frames", "{:.1f} %", 100)),
    ("pixels changed", _number("l0_pixels", "{:.1f} %", 100)),
    ("SSIM", _number("ssim", "{:.3f}")),
]
KEYS = {
    "attack", "attacked", "clean_accuracy", "asr", "asr_low", "asr_high", "aq", "median_queries",
    "l2", "linf", "map", "l0_frames", "l0_pixels", "ssim",
}  # fmt: skip
