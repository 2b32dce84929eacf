"""Which classes are taken for which: counts, the most confused pairs, a picture."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from video_attack.agents.core.files import write_whole

Counts = NDArray[np.int64]

DPI = 100
_POINTS = 72  # an inch
_SMALLEST = 5.5  # points: smaller text cannot be read
_NUMBERED = 20  # classes up to which each cell says its share
_LONGEST = 24  # characters of a class name


def confusion(labels: Sequence[int], predictions: Sequence[int], classes: int) -> Counts:
    """How often label i was called j: int64 (classes, classes), rows are labels."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    return counts


def confused_pairs(counts: Counts, most: int = 10) -> list[tuple[int, int, int, float]]:
    """The most frequent errors: (label, prediction, clips, share of the label's clips).

    Ordered by clips, then by share, then by class; at most `most` of them.
    """
    rows = counts.sum(axis=1)
    pairs = [
        (int(i), int(j), int(counts[i, j]), float(counts[i, j] / rows[i]))
        for i, j in np.argwhere(counts)
        if i != j
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], -pair[3], pair[:2]))[:most]


def confusion_picture(path: str | Path, counts: Counts, names: Sequence[str]) -> None:
    """A PNG of the confusion matrix, each row as shares of its label's clips.

    Only classes that occur, as a label or as a prediction, have a row and a column. Their names
    stand beside these where they can be read, else numbers; shares stand in the cells of a small
    matrix.

    Args:
        path: where to, `.png`.
        counts: int (C, C), see `confusion`.
        names: C names.

    Raises:
        ValueError: there is not a single clip, or not one name a class.
        OSError: the file cannot be written; nothing is left of it.
    """
    if counts.shape != (len(names),) * 2 or not counts.any():
        raise ValueError(f"counts {counts.shape} of {counts.sum()} clips for {len(names)} names")
    used = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
    shown = counts[np.ix_(used, used)]
    shares = shown / np.maximum(shown.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2 + 0.5 * len(used), 5, 11))  # inches of the matrix
    labels = [_short(names[int(i)]) for i in used]
    figure = Figure((side + 4, side + 2.8), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for right, colours in ((True, "Blues"), (False, "Reds")):
        values = np.ma.masked_where(((np.eye(len(used)) > 0) != right) | (shown == 0), shares)
        # The root makes one clip among many visible.
        image = axes.imshow(
            values, cmap=colours, norm=PowerNorm(0.35, 0, 1), interpolation="nearest", zorder=1
        )
        bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02, format=PercentFormatter(1))
        bar.set_label("of the class, right" if right else "of the class, wrong", fontsize=10)
    axes.set_xlabel("prediction", fontsize=11)
    axes.set_ylabel("label", fontsize=11)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.3, linewidth=0.4)
    _name_ticks(axes, labels, used, _POINTS * side / len(used))
    if len(used) <= _NUMBERED:
        for i, j in np.argwhere(shown):
            dark = shares[i, j] > 0.3
            text = f"{100 * shares[i, j]:.0f}"
            axes.text(j, i, text, ha="center", va="center", color="w" if dark else "k", fontsize=9)
    hits, total = int(np.trace(shown)), int(shown.sum())
    absent = f", {len(used)} of {len(names)} classes occur" if len(used) < len(names) else ""
    axes.set_title(
        f"{hits} of {total} clips right ({100 * hits / total:.1f} %){absent}", fontsize=12
    )
    save(figure, path)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG that appears whole or not at all."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_whole(path, buffer.getvalue())


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def _name_ticks(axes: Axes, labels: list[str], used: NDArray[np.int64], room: float) -> None:
    """Class names on both axes where `room` points a class suffice, else a few class numbers."""
    if 0.85 * room < _SMALLEST:
        for axis in (axes.xaxis, axes.yaxis):
            axis.label.set_text(f"{axis.label.get_text()} (number of the class)")
            axis.set_major_locator(MaxNLocator(10, integer=True))
            axis.set_major_formatter(
                lambda place, _: str(used[int(place)]) if 0 <= place < len(used) else ""
            )
        return
    size = min(11.0, 0.85 * room)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=size)
    axes.set_yticks(range(len(labels)), labels, fontsize=size)
