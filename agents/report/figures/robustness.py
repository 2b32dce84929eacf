"""Clean accuracy and plain robustness: figures, tables and a curve, from one record a clip.

A record has `id`, `label`, and `answers`, a list of one mapping a severity in their order, 0 being
the clean clip: `severity`, `prediction` (a class index) and `top5` (five class indices, best first,
or None where the victim does not tell, or has no more than five classes).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from video_attack.agents.report.figures.confusion import DPI, confused_pairs, confusion, save
from video_attack.agents.report.layout import lay_out
from video_attack.envs.metrics.rates import (
    clopper_pearson,
    paired_bootstrap_difference,
    paired_bootstrap_ratio,
)

Classified = Mapping[str, Any]
Rate = tuple[float, float, float]  # value, and its 95 % interval


def right(records: Sequence[Classified], top: int = 1) -> NDArray[np.bool_] | None:
    """Whether the label is among the `top` (1 or 5) best classes: (clips, severities), clean first.

    None when the victim did not tell its five best.
    """
    key = "prediction" if top == 1 else "top5"
    rows = [[(answer[key], record["label"]) for answer in record["answers"]] for record in records]
    if any(found is None for row in rows for found, _ in row):
        return None
    return np.array([[label in np.atleast_1d(found) for found, label in row] for row in rows])


def accuracy(hits: NDArray[np.bool_]) -> list[Rate]:
    """Accuracy at each severity with its Clopper-Pearson interval, of hits (clips, severities)."""
    clips = len(hits)
    sums = [int(column.sum()) for column in hits.T]
    return [(hit / clips, *clopper_pearson(hit, clips)) for hit in sums]


def corrupted(hits: NDArray[np.bool_]) -> tuple[Rate, Rate]:
    """The figures mPC and rPC with paired bootstrap 95 % intervals over clips.

    mPC, the mean performance under corruption, is the mean over severities of the accuracy (here of
    one distortion); rPC, the relative one, is mPC / clean accuracy (Michaelis et al., 2019,
    "Benchmarking Robustness in Object Detection").

    Args:
        hits: bool (clips, 1 + severities), clean first, at least one severity.
    """
    clean, distorted = hits[:, 0].astype(float), hits[:, 1:].mean(axis=1)
    mean = paired_bootstrap_difference(distorted, np.zeros(len(hits)))
    return mean, paired_bootstrap_ratio(distorted, clean)


def tables(
    records: Sequence[Classified], classes: Sequence[str], distortion: str, markdown: bool = False
) -> list[str]:
    """The robustness curve with mPC and rPC, the most confused pairs, accuracy by class.

    Args:
        records: at least one, see above.
        classes: names of all classes.
        distortion: what the severities are of.
        markdown: Markdown tables instead of plain text.
    """
    hits, five = right(records), right(records, top=5)
    assert hits is not None  # there is always a prediction
    severities = [answer["severity"] for answer in records[0]["answers"]]
    names = ["clean" if not severity else f"{distortion} {severity}" for severity in severities]
    top1 = map(_rate, accuracy(hits))
    top5 = ["-"] * len(names) if five is None else map(_rate, accuracy(five))
    lines = [["", "clips", "top-1 [95 % interval]", "top-5 [95 % interval]"]]
    count = str(len(records))
    lines += [[name, count, a, b] for name, a, b in zip(names, top1, top5, strict=True)]
    if len(severities) > 1:
        known = [corrupted(hits), *([] if five is None else [corrupted(five)])]
        for i, name in enumerate(("mPC", "rPC")):
            cells = [_rate(pair[i]) for pair in known]
            lines.append([name, count, *cells, *["-"] * (2 - len(cells))])
    labels = np.array([record["label"] for record in records])
    parts = [lay_out(lines, markdown), _pairs(records, classes, markdown)]
    head = ["class", "clips", *(f"severity {s}" if s else "clean" for s in severities)]
    shares = [
        [
            classes[k],
            str((labels == k).sum()),
            *(_percent(x) for x in hits[labels == k].mean(axis=0)),
        ]
        for k in np.unique(labels)
    ]
    return [*parts, lay_out([head, *shares], markdown)]


def clean_confusion(records: Sequence[Classified], classes: int) -> NDArray[np.int64]:
    """The confusion matrix of the clean clips."""
    predictions = [record["answers"][0]["prediction"] for record in records]
    return confusion([record["label"] for record in records], predictions, classes)


def robustness_picture(path: str | Path, records: Sequence[Classified], distortion: str) -> None:
    """A PNG of accuracy against severity, 0 being the clean clips, with 95 % intervals.

    Args:
        path: where to, `.png`.
        records: at least one, see above, with at least one severity.
        distortion: what the severities are of.

    Raises:
        OSError: the file cannot be written; nothing is left of it.
    """
    severities = [answer["severity"] for answer in records[0]["answers"]]
    figure = Figure((8, 5), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for top, style in ((5, "--s"), (1, "-o")):
        hits = right(records, top)
        if hits is None:
            continue
        value, low, high = np.array(accuracy(hits)).T
        (mean, *_), (relative, *_) = corrupted(hits)
        axes.errorbar(
            np.array(severities) + (0.06 if top == 5 else 0),  # so that both intervals are seen
            value, (value - low, high - value), fmt=style, capsize=4, color=f"C{top // 5}", lw=2,
            label=f"top-{top}   mPC {_percent(mean)}, rPC {_percent(relative)}",
        )  # fmt: skip
    axes.legend(loc="lower left", frameon=False, fontsize=11)
    axes.set(ylim=(-0.02, 1.04), xlim=(-0.3, max(severities) + 0.3))
    axes.set_xticks(severities, ["clean" if s == 0 else str(s) for s in severities])
    axes.set_xlabel(f"severity of {distortion}", fontsize=12)
    axes.set_ylabel(f"accuracy on {len(records)} clips", fontsize=12)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def _pairs(records: Sequence[Classified], classes: Sequence[str], markdown: bool) -> str:
    lines = [
        [f"{classes[i]} -> {classes[j]}", str(clips), _percent(share)]
        for i, j, clips, share in confused_pairs(clean_confusion(records, len(classes)))
    ]
    if not lines:
        return "No clean clip is taken for another class."
    return lay_out([["most confused (clean)", "clips", "of the class"], *lines], markdown)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f} %"


def _rate(rate: Rate) -> str:
    value, low, high = rate
    return f"{_percent(value)} [{100 * low:.1f}, {100 * high:.1f}]" if value == value else "-"
