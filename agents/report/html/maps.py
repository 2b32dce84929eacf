"""Where and when, averaged over clips: what moved the victim, and what the attack changed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from video_attack.agents.report.html.markup import Markup, join, tag
from video_attack.agents.report.html.style import line, swatch
from video_attack.agents.report.html.svg import inline_svg, page_style
from video_attack.agents.report.run_files import Run
from video_attack.envs.clip import Frames
from video_attack.envs.game.mask import cell_edges

Floats = NDArray[np.float64]

GRID = 7  # patches a side of the map of changes


def maps_section(run: Run) -> Markup:
    """A card for each attack that flipped a clip whose files are there."""
    cards = []
    for i, (name, records) in enumerate(run.records.items()):
        made = _card(run, i, name, [r for r in records if r["success"]])
        cards += [made] if made else []
    if not cards:
        return tag("p", "No attack flipped a clip whose files were kept.", class_="note")
    note = (
        "Averages over the flipped clips; on the left over time, on the right over the picture. "
        "Change: mean size of the change, in levels of 0-255. Sensitivity, where the attack noted it: "
        "how steeply the true class's margin moves with a change of a cell, in nats per unit L2."
    )
    return join([tag("p", note, class_="note"), tag("div", *cards, class_="cards")])


def change_map(clean: Frames, clip: Frames, grid: int = GRID) -> Floats:
    """Mean |clip - clean| of each cell: uint8 (T, H, W, 3) twice to float64 (T, grid, grid), 0-255."""
    size = np.abs(clip.astype(np.int16) - clean).mean(axis=3)
    grid = min(grid, *size.shape[1:])
    rows, columns = (cell_edges(side, grid) for side in size.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(size, rows[:-1], axis=1), columns[:-1], axis=2)
    return sums / (np.diff(rows)[:, None] * np.diff(columns))


def average(maps: Sequence[NDArray[np.floating]]) -> Floats | None:
    """Mean of maps (T, G, G) of the commonest shape, cell by cell over those that are finite there.

    None without a map; nan where no map has a value.
    """
    shapes = Counter(found.shape for found in maps if found.ndim == 3)
    if not shapes:
        return None
    shape = shapes.most_common(1)[0][0]
    return mean(np.stack([found for found in maps if found.shape == shape]), 0)


def mean(values: NDArray[np.floating], axis: int | tuple[int, ...]) -> Floats:
    """Mean of the finite values; nan, without a warning, where there are none."""
    there = np.isfinite(values)
    total = np.where(there, values, 0).sum(axis, dtype=np.float64)
    return np.where(there.any(axis), total / np.maximum(there.sum(axis), 1), np.nan)


def _card(run: Run, number: int, name: str, successes: Sequence[dict[str, Any]]) -> Markup | None:
    changes, sensitivities = [], []
    for record in successes:
        pair = run.clips(record)
        if pair:
            changes.append(change_map(*pair))
        noted = run.notes(record).get("sensitivity")
        if noted is not None:
            sensitivities.append(noted)
    rows = [("change", average(changes)), ("sensitivity", average(sensitivities))]
    shown = [
        (what, cells) for what, cells in rows if cells is not None and np.isfinite(cells).any()
    ]
    if not shown:
        return None
    with page_style():
        figure = Figure((3.7, 1.5 * len(shown)), layout="constrained")
        parts = figure.subfigures(len(shown), squeeze=False)[:, 0]
        for part, (what, cells) in zip(parts, shown, strict=True):
            part.set_facecolor("none")
            _row(part, what, cells, line(number)[0])
        picture = inline_svg(figure, f"map{number}", f"Where and when {name} changed clips")
    count = max(len(changes), len(sensitivities))
    title = tag("h3", swatch(number), name)
    clips = tag("figcaption", f"{count} flipped clip{'s' if count != 1 else ''}")
    return tag("figure", title, picture, clips)


def _row(part: SubFigure, what: str, cells: Floats, colour: str) -> None:
    space, time = part.subplots(1, 2, width_ratios=(1, 1.7))
    where, when = mean(cells, 0), mean(cells, (1, 2))
    signed = what == "sensitivity"
    limit = float(np.nanmax(np.abs(where))) or 1.0
    shown = np.ma.masked_invalid(where)
    heat = space.pcolormesh(
        shown, cmap="RdBu_r" if signed else "YlOrRd", vmin=-limit if signed else 0, vmax=limit,
        edgecolors="face", linewidth=0.3,
    )  # fmt: skip
    space.set(aspect="equal", xticks=[], yticks=[])
    space.spines[:].set_visible(False)
    space.invert_yaxis()
    bar = part.colorbar(heat, ax=space, location="left", ticks=MaxNLocator(3))
    bar.outline.set_visible(False)
    bar.set_label(what, fontsize=9)
    bar.ax.tick_params(labelsize=7.5, length=2)
    frames = np.arange(1, len(when) + 1)
    time.bar(frames, np.nan_to_num(when), 0.8, color=colour)
    time.set(xlabel="frame", xlim=(0.4, len(when) + 0.6))
    time.xaxis.label.set_fontsize(8.5)
    time.tick_params(labelsize=7.5, length=2)
    time.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    time.yaxis.set_major_locator(MaxNLocator(3))
    if signed:
        time.axhline(0, color="0.5", lw=0.8)
