"""The parts of the sensitivity picture, each drawn on axes of its own.

Sensitivities are float (T, G, G): how steeply the true class's margin moves with a change of the cell,
in nats per unit L2, NaN where none was asked about. Clips are uint8 (T, H, W, 3), masks float
(T, G, G) in [0, 1].
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.game.mask import cell_edges

Floats = NDArray[np.floating]

SHOWN = 8  # frames in a filmstrip
COLOURS = colormaps["RdBu_r"]
UNTRIED = "0.78"
MASK = "#e07b00"


def _mean(values: Floats, axis: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Mean of what was tried; NaN, without a warning, where nothing was."""
    tried = np.isfinite(values)
    count = tried.sum(axis)
    total = np.where(tried, values, 0).sum(axis, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def scale_limit(values: Floats) -> float:
    """End of a colour scale around 0 that one outlier does not stretch."""
    sizes = np.abs(values[np.isfinite(values)])
    return (float(np.percentile(sizes, 99)) if sizes.size else 0.0) or 1.0


def _colours(limit: float) -> ScalarMappable:
    return ScalarMappable(Normalize(-limit, limit), COLOURS)


def headline(sensitivity: Floats) -> str:
    """The finding in a sentence; frames, rows and columns count from 1, rows from the top."""
    frames, cells = _mean(sensitivity, (1, 2)), _mean(sensitivity, 0)
    tried = np.isfinite(sensitivity)
    if not tried.any():
        return "No cell was tried."
    if np.nanmax(sensitivity) <= 0:
        return f"No cell lowered the margin; {100 * tried.mean():.0f} % of the cells were tried."
    row, column = np.unravel_index(np.nanargmax(cells), cells.shape)
    return (
        f"Most sensitive: frame {np.nanargmax(frames) + 1} of {len(frames)}; "
        f"patch in row {row + 1}, column {column + 1} of {len(cells)} x {len(cells)}. "
        f"{100 * tried.mean():.0f} % of the cells were tried."
    )


def _to_pixels(cells: Floats, high: int, wide: int) -> Floats:
    """Each cell's value on its pixels: (G, G) to (high, wide)."""
    rows, columns = (np.diff(cell_edges(length, len(cells))) for length in (high, wide))
    return np.repeat(np.repeat(cells, rows, 0), columns, 1)


def _tint(picture: Floats, cells: Floats, limit: float, floor: float = 0.0) -> Floats:
    """A picture (H, W, 3) in [0, 1] under the colours of cells (G, G); untried ones stay bare."""
    heat = _to_pixels(cells, *picture.shape[:2])
    strength = np.clip(np.abs(heat) / limit, 0, 1)
    opacity = np.where(np.isfinite(heat), floor + (0.75 - floor) * strength, 0)[..., None]
    return picture * (1 - opacity) + _colours(limit).to_rgba(heat)[..., :3] * opacity


def _outline(
    axes: Axes, cells: Floats, high: int, wide: int, x: float = 0, scale: float = 1
) -> None:
    """Draw the border of the cells above 0, with the picture's left edge at x."""
    inside = np.pad(_to_pixels(cells, high, wide) > 0, 1)
    if inside.any():
        across = x + (np.arange(-1, wide + 1) + 0.5) * scale
        axes.contour(
            across, np.arange(-1, high + 1) + 0.5, inside, [0.5], colors=MASK, linewidths=1.6
        )


def amplified(original: Frames, adversarial: Frames) -> tuple[Frames, int]:
    """The difference of two clips about a mid grey, and by how much it is multiplied to be seen."""
    difference = adversarial.astype(np.int16) - original
    sizes = np.abs(difference[difference != 0])
    factor = max(1, int(100 / np.percentile(sizes, 99))) if sizes.size else 1
    return np.clip(128 + factor * difference, 0, 255).astype(np.uint8), factor


def filmstrip(
    axes: Axes,
    clip: Frames,
    mask: Floats | None = None,
    heat: Floats | None = None,
    limit: float = 1.0,
    titles: bool = False,
) -> None:
    """Up to eight frames side by side; under the heat, within the border of the mask, with titles."""
    T, H, W = clip.shape[:3]
    n = min(SHOWN, T)
    for k in range(n):
        t = int((k + 0.5) * T / n)
        picture = clip[t] / 255.0
        if heat is not None:
            picture = _tint(picture, heat[t], limit)
        start, end = k * T / n, (k + 1) * T / n
        gap = 0.02 * (end - start)
        axes.imshow(picture, extent=(start + gap, end - gap, H, 0), aspect="auto")
        if titles:
            axes.annotate(
                f"frame {t + 1}", ((start + end) / 2, 0), (0, 4),
                textcoords="offset points", ha="center", fontsize=10, annotation_clip=False,
            )  # fmt: skip
        if mask is not None:
            _outline(axes, mask[t], H, W, start + gap, (end - start - 2 * gap) / W)
    axes.set(xlim=(0, T), ylim=(H, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def space_time(axes: Axes, mask: Floats, sensitivity: Floats, limit: float) -> None:
    """Time on x, patches on y: row by row of the grid, each from left to right."""
    T, G = mask.shape[:2]
    fine = G <= 8
    rows = sensitivity.reshape(T, -1).T if fine else _mean(sensitivity, 2).T
    axes.set_facecolor(UNTRIED)
    axes.imshow(
        np.ma.masked_invalid(rows), cmap=COLOURS, vmin=-limit, vmax=limit, aspect="auto",
        extent=(0, T, len(rows), 0), interpolation="nearest",
    )  # fmt: skip
    place, t = np.nonzero((mask.reshape(T, -1) if fine else mask.max(2)).T > 0)
    size = np.clip(0.6 * 2.7 * 72 / len(rows), 1, 5)
    axes.scatter(t + 0.5, place + 0.5, s=size**2, color=MASK, linewidths=0)
    step = G if fine else 1
    axes.hlines(np.arange(1, G) * step, 0, T, color="0.45", lw=0.6)
    every = 1 if G <= 16 else 2
    axes.set_yticks(
        (np.arange(0, G, every) + 0.5) * step,
        [f"row {i + 1}" for i in range(0, G, every)],
        fontsize=9 if G <= 10 else 7,
    )
    axes.tick_params(length=0)
    axes.set(xlim=(0, T), ylim=(len(rows), 0), xticks=[])
    coarse_title = "Every row over time (mean of its patches)"
    fine_title = "Every patch over time (each row of the grid holds its patches from left to right)"
    axes.set_title(fine_title if fine else coarse_title, fontsize=11, loc="left")


def when(axes: Axes, mask: Floats, sensitivity: Floats) -> None:
    """Mean sensitivity of each frame as bars; how much of it the mask covers as a line."""
    T = len(mask)
    profile = _mean(sensitivity, (1, 2))
    shades = [COLOURS(0.88) if value > 0 else COLOURS(0.12) for value in profile]
    axes.bar(np.arange(T) + 0.5, np.nan_to_num(profile), 0.8, color=shades)
    axes.axhline(0, color="0.3", lw=0.8)
    axes.set_title("When: mean of each frame", fontsize=11, loc="left")
    axes.set_xlim(0, T)
    axes.set_ylabel("slope", fontsize=10)
    every = max(1, T // 16)
    axes.set_xticks(np.arange(0, T, every) + 0.5, np.arange(0, T, every) + 1)
    axes.set_xlabel("frame", fontsize=11)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    share = axes.twinx()
    share.step(np.arange(T + 1), np.append(mask.mean((1, 2)), 0), where="post", color=MASK, lw=1.8)
    share.set_ylim(0, 1.1 * float(mask.mean((1, 2)).max()) or 1)
    share.yaxis.set_major_formatter(PercentFormatter(1))
    share.yaxis.set_major_locator(MaxNLocator(3))
    share.tick_params(colors=MASK)
    share.set_ylabel("mask", color=MASK, fontsize=10)
    for side in (axes, share):
        side.spines["top"].set_visible(False)


def where(axes: Axes, original: Frames, sensitivity: Floats) -> None:
    """Mean sensitivity of each patch over the grey mean frame."""
    H, W = original.shape[1:3]
    grey = original.mean((0, 3))[..., None].repeat(3, -1) / 255
    cells = _mean(sensitivity, 0)
    limit = scale_limit(cells)
    axes.imshow(_tint(grey, cells, limit, floor=0.35), extent=(0, W, H, 0))
    G = len(cells)
    columns, rows = cell_edges(W, G), cell_edges(H, G)
    axes.vlines(columns[1:-1], 0, H, color="white", lw=0.5, alpha=0.6)
    axes.hlines(rows[1:-1], 0, W, color="white", lw=0.5, alpha=0.6)
    every = 1 if G <= 10 else 2
    names = [str(i) for i in range(1, G + 1, every)]
    axes.set_xticks(((columns[:-1] + columns[1:]) / 2)[::every], names, fontsize=9)
    axes.set_yticks(((rows[:-1] + rows[1:]) / 2)[::every], names, fontsize=9)
    axes.tick_params(length=0)
    axes.set_title("Where: frame mean, own scale", fontsize=11, loc="left")


def key(axes: Axes, sensitivity: Floats, limit: float) -> None:
    """The colour bar, in `axes`, and the meaning of the colours under it."""
    sizes = sensitivity[np.isfinite(sensitivity)]
    under, over = bool((sizes < -limit).any()), bool((sizes > limit).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]
    bar = axes.figure.colorbar(
        _colours(limit), cax=axes, orientation="horizontal", extend=extend, ticks=MaxNLocator(4)
    )
    bar.ax.set_title("slope of the margin, nats per L2", fontsize=11, loc="left")
    words = "red: the margin moves with a change there\n"
    words += "grey: never tried    orange: the change"
    axes.text(0, -2.2, words, transform=axes.transAxes, fontsize=9.5, va="top", linespacing=1.4)
