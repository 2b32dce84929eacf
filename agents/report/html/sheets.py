"""The report's tables: all attacks, classes, pairs, and where the figures come from."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from video_attack.agents.report.html.markup import Markup, join, table, tag
from video_attack.agents.report.html.style import swatch
from video_attack.envs.metrics.rates import paired_bootstrap_difference, paired_bootstrap_ratio
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.summary import queries_to_flip, summary

Column = tuple[str, str, str, float, int]

# Group; then for each column title, key, format, factor, and whether more (1) or less (-1) is
# better for an attacker. All but the first two groups are about flipped clips alone.
GROUPS: dict[str, list[Column]] = {
    "flipped": [("ASR", "asr", "{:.1f} %", 100, 1)],
    "queries": [("AQ", "aq", "{:.1f}", 1, -1), ("median", "median_queries", "{:.0f}", 1, -1)],
    "size of the change": [
        ("L2", "l2", "{:.2f}", 1, -1),
        ("Linf", "linf", "{:.3f}", 1, -1),
        ("MAP", "map", "{:.2f}", 1, -1),
        ("frames", "l0_frames", "{:.0f} %", 100, -1),
        ("pixels", "l0_pixels", "{:.1f} %", 100, -1),
        ("SSIM", "ssim", "{:.3f}", 1, 1),
        ("SSIM, changed frames", "ssim_changed", "{:.3f}", 1, 1),
        ("PSNR", "psnr_clip", "{:.1f}", 1, 1),
        ("PSNR, frame mean", "psnr", "{:.1f}", 1, 1),
        ("LPIPS", "lpips", "{:.3f}", 1, -1),
        ("LPIPS, changed frames", "lpips_changed", "{:.3f}", 1, -1),
    ],
    "steadiness in time": [
        ("roughness", "roughness", "{:.2f}", 1, -1),
        ("warping error x 1000", "warping_error", "{:.2f}", 1000, -1),
    ],
    "flipped, read from a file": [
        ("FFV1", "ffv1", "{:.0f} %", 100, 1),
        ("CRF 18", "h264_18", "{:.0f} %", 100, 1),
        ("CRF 23", "h264_23", "{:.0f} %", 100, 1),
        ("CRF 28", "h264_28", "{:.0f} %", 100, 1),
    ],
    "flipped, of the victim in": [("float32", "float32", "{:.0f} %", 100, 1)],
}
MANY = 25  # classes above which their table scrolls
OVER_FLIPPED = {
    "median_queries",
    *(key for name in ("size of the change", "steadiness in time") for _, key, *_ in GROUPS[name]),
}


def attacks_table(found: Found) -> Markup:
    """One line an attack; the best of each column is marked, where there are several attacks.

    A column that no attack has a figure for is left out.
    """
    rows = {name: summary(records) for name, records in found.items()}
    shown = {name: [c for c in group if _has_figures(rows, c)] for name, group in GROUPS.items()}
    top = max((row["asr"] for row in rows.values() if row["attacked"]), default=math.nan)
    columns = [column for group in shown.values() for column in group]
    best = {column[1]: _best(rows, column, top) for column in columns}
    body = []
    for i, (name, row) in enumerate(rows.items()):
        cells: list[object] = [join([swatch(i), name]), f"{row['attacked']:.0f}"]
        for _, key, pattern, factor, _ in columns:
            text: object = number(row[key], pattern, factor)
            if key == "asr" and row["attacked"]:
                low, high = (100 * row[f"asr_{end}"] for end in ("low", "high"))
                text = join([text, tag("small", f"{low:.1f} to {high:.1f}")])
            marked = "best" if name in best[key] else None
            cells.append(tag("td", text, class_=marked))
        body.append(cells)
    groups = [tag("th", name, colspan=len(group)) for name, group in shown.items() if group]
    titles = ["attack", "clips", *(title for title, *_ in columns)]
    note = (
        "Small print under ASR: 95 % interval. Shares read from a file are of all attacked clips, to be "
        "held against ASR. "
    )
    if len(rows) > 1:
        note += (
            "Marked: the best of a column; for median, size and steadiness only among attacks that flip "
            "at least half as many clips as the strongest, since few, easy flips look cheap."
        )
    return join([table([["", "", *groups], titles], body), tag("p", note, class_="note")])


def classes_table(found: Found) -> Markup:
    """Success of each attack on each class, as a heat table."""
    classes: dict[Any, str] = {}
    for record in (record for records in found.values() for record in records):
        classes.setdefault(record["label"], record.get("class") or f"class {record['label']}")
    body = []
    for label in sorted(classes):
        cells: list[object] = [classes[label]]
        for records in found.values():
            flips = [r["success"] for r in records if r["label"] == label and r["attacked"]]
            cells.append(_heat(sum(flips), len(flips)))
        body.append(cells)
    head = [["class", *(join([swatch(i), name]) for i, name in enumerate(found))]]
    made = table(head, body, class_="heat")
    note = "Share of the class's attacked clips that were flipped, and their numbers."
    made = tag("div", made, class_="tall") if len(classes) > MANY else made
    return join([made, tag("p", note, class_="note")])


def pairs_table(found: Found) -> Markup:
    """The first attack against each other one, with paired bootstrap intervals over clips."""
    (first, ours), *others = found.items()
    body = []
    for i, (name, theirs) in enumerate(others, start=1):
        match = {record["id"]: record for record in theirs}
        pairs = [(a, match[a["id"]]) for a in ours if a["attacked"] and a["id"] in match]
        both = [
            (a, b) for a, b in pairs
            if a["success"] and b["success"] and math.isfinite(a["l2"] + b["l2"])
        ]  # fmt: skip
        rate = _paired(
            paired_bootstrap_difference, pairs, lambda r: 100.0 * r["success"], "{:+.1f}"
        )
        queries = _paired(
            paired_bootstrap_ratio, pairs, lambda r: float(queries_to_flip(r)), "{:.2f}"
        )
        norm = _paired(paired_bootstrap_ratio, both, lambda r: float(r["l2"]), "{:.2f}")
        body.append([join([swatch(i), name]), len(pairs), rate, queries, len(both), norm])
    head = [
        "against",
        "clips",
        "ASR: difference in points",
        "AQ: ratio",
        "flipped by both",
        "L2: ratio",
    ]
    note = (
        f"{first} minus, or divided by, each other attack on the same clips: more flips are above 0, "
        "fewer queries and a smaller change below 1. In small print the 95 % interval of a paired "
        "bootstrap over clips; in bold where it leaves 0, or 1, out."
    )
    return join([table([head], body), tag("p", note, class_="note")])


def facts_table(facts: Mapping[str, Any]) -> Markup:
    """Nested facts as names and values."""
    rows = [[key, value] for key, value in _flat(facts).items() if value is not None]
    return table([], rows, class_="facts")


def number(value: float | None, pattern: str, factor: float = 1) -> str:
    """A figure as text; a dash for nan and None."""
    return "-" if value is None or math.isnan(value) else pattern.format(factor * value)


def _has_figures(rows: Mapping[str, Mapping[str, float]], column: Column) -> bool:
    """Whether any attack has a figure in a column."""
    return any(not math.isnan(row[column[1]]) for row in rows.values())


def _best(rows: Mapping[str, Mapping[str, float]], column: Column, top: float) -> set[str]:
    """Names of the best of a column, of equals as they are printed; none where all are equal."""
    _, key, pattern, factor, sign = column
    printed = {
        name: number(row[key], pattern, factor)
        for name, row in rows.items()
        if not math.isnan(row[key])
    }
    most = max(row["attacked"] for row in rows.values())
    fair = [
        name
        for name in printed
        if rows[name]["attacked"] == most  # an attack that is not done yet has no mark
        and (key not in OVER_FLIPPED or rows[name]["asr"] >= top / 2)
    ]
    if not fair or len(set(printed.values())) < 2:
        return set()
    best = max(fair, key=lambda name: sign * rows[name][key])
    return {name for name in fair if printed[name] == printed[best]}


def _heat(flips: int, clips: int) -> Markup:
    if not clips:
        return tag("td", "-", tag("small", "none attacked"))
    share = flips / clips
    style = f"background: rgba(224, 112, 26, {0.75 * share:.2f})"
    return tag("td", f"{100 * share:.0f} %", tag("small", f"{flips} of {clips}"), style=style)


def _paired(
    compare: Callable[[list[float], list[float]], tuple[float, float, float]],
    pairs: Sequence[tuple[Record, Record]],
    figure: Callable[[Record], float],
    pattern: str,
) -> Markup:
    if not pairs:
        return tag("td", "-")
    sides = [figure(a) for a, _ in pairs], [figure(b) for _, b in pairs]
    value, low, high = compare(*sides)
    same = 0.0 if compare is paired_bootstrap_difference else 1.0
    name = "b" if low > same or high < same else "span"
    interval = tag("small", f"{number(low, pattern)} to {number(high, pattern)}")
    return tag("td", tag(name, number(value, pattern)), interval)


def _flat(facts: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[f"{before}{key}"] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat
