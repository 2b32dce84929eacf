"""Tables of all attacks, for the terminal and for a paper: what success cost, what it looks like."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from video_attack.agents.report.layout import lay_out
from video_attack.envs.metrics.summary import CHECKS, summary

Row = Mapping[str, object]
NOTE = (
    "AQ: mean queries to the first flip, failures at the budget. FFV1, CRF: ASR if a success must "
    "survive in a file,\nlossless or H.264; float32: if it must fool the victim in float32 too. Median "
    "and sizes:\nover successes; L2, Linf: whole clip, [0, 1]; MAP, roughness: 0-255; PSNR: dB, "
    "of\nthe whole clip, and "
    "as the mean of frames, in which an untouched one counts 100; SSIM, LPIPS (0: equal, to about 1): "
    "means over all\nframes and over those that were changed; warping error: flicker that the attack "
    "adds, -1 to 1 before it is multiplied, negative\nwhere it smooths."
)


def row(name: str, records: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The table's figures of one attack.

    Args:
        name: the attack's.
        records: one a clip; see `video_attack.agents.evaluation.arena.outcomes`.

    Returns:
        `attack`; all that `summary` says; `seconds`, the mean over attacked clips.
    """
    seconds = [record["seconds"] for record in records if record["attacked"]]
    mean = sum(seconds) / len(seconds) if seconds else math.nan
    return {"attack": name, **summary(records), "seconds": mean}


def format_table(rows: Sequence[Row], markdown: bool = False) -> list[str]:
    """Lay figures out as two tables, one line an attack, in the order given, and a legend.

    A column that no attack has a figure for is left out, and so is a table that has no other.

    Args:
        rows: see `row`. The shares in [0, 1] are printed in per cent, a value that is NaN or None
            as "-".
        markdown: Markdown tables instead of aligned plain text.

    Raises:
        ValueError: a row lacks a key.
    """
    for given in rows:
        missing = sorted(KEYS - given.keys())
        if missing:
            raise ValueError(
                f"the summary of {given.get('attack', 'an attack')!r} lacks {', '.join(missing)}: "
                "make it from the clip records again"
            )
    tables = []
    for columns in (COST, SIZE):
        names, *figures = ([title, *map(cell, rows)] for title, cell in columns)
        shown = [column for column in figures if set(column[1:]) != {"-"}]
        if shown:
            tables.append(lay_out([*zip(names, *shown, strict=True)], markdown))
    return [*tables, NOTE]


def _number(key: str, pattern: str, factor: float = 1) -> Callable[[Row], str]:
    """A cell that prints `factor` times a value with a format such as "{:.2f}"."""

    def cell(given: Row) -> str:
        value = given[key]
        if value is None or math.isnan(float(value)):  # type: ignore[arg-type]  # a number
            return "-"
        return pattern.format(float(value) * factor)  # type: ignore[arg-type]  # a number

    return cell


def _success(given: Row) -> str:
    """Success rate with its interval, in per cent: "72.0 % [60.1, 81.4]"."""
    rate, low, high = (_number(key, "{:.1f}", 100)(given) for key in ("asr", "asr_low", "asr_high"))
    if rate == "-":
        return "-"
    return f"{rate} %" if "-" in (low, high) else f"{rate} % [{low}, {high}]"


NAME: tuple[str, Callable[[Row], str]] = ("attack", lambda given: str(given["attack"]))
COST: list[tuple[str, Callable[[Row], str]]] = [
    NAME,
    ("clips", _number("attacked", "{:.0f}")),
    ("clean acc.", _number("clean_accuracy", "{:.1f} %", 100)),
    ("ASR [95 % interval]", _success),
    ("AQ", _number("aq", "{:.1f}")),
    ("median q.", _number("median_queries", "{:.0f}")),
    ("FFV1", _number("ffv1", "{:.1f} %", 100)),
    ("CRF 18", _number("h264_18", "{:.1f} %", 100)),
    ("CRF 23", _number("h264_23", "{:.1f} %", 100)),
    ("CRF 28", _number("h264_28", "{:.1f} %", 100)),
    ("float32", _number("float32", "{:.1f} %", 100)),
    ("s/clip", _number("seconds", "{:.2f}")),
]
SIZE: list[tuple[str, Callable[[Row], str]]] = [
    NAME,
    ("L2", _number("l2", "{:.2f}")),
    ("Linf", _number("linf", "{:.3f}")),
    ("MAP", _number("map", "{:.2f}")),
    ("frames changed", _number("l0_frames", "{:.1f} %", 100)),
    ("pixels changed", _number("l0_pixels", "{:.1f} %", 100)),
    ("SSIM", _number("ssim", "{:.3f}")),
    ("SSIM (changed)", _number("ssim_changed", "{:.3f}")),
    ("PSNR", _number("psnr_clip", "{:.1f}")),
    ("PSNR (frames)", _number("psnr", "{:.1f}")),
    ("LPIPS", _number("lpips", "{:.3f}")),
    ("LPIPS (changed)", _number("lpips_changed", "{:.3f}")),
    ("roughness", _number("roughness", "{:.2f}")),
    ("warping error x 1000", _number("warping_error", "{:.2f}", 1000)),
]
KEYS = {
    "attack", "attacked", "clean_accuracy", "asr", "asr_low", "asr_high", "aq", "median_queries",
    "l2", "linf", "map", "l0_frames", "l0_pixels", "ssim", "ssim_changed", "psnr",
    "psnr_clip", "lpips", "lpips_changed", "roughness", "warping_error", "seconds", *CHECKS,
}  # fmt: skip
