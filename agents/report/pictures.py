"""Still pictures of results: where and when a victim is sensitive, how success grows with queries."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from agents.report.files import write_whole
from envs.clip import Frames, check_frames
from envs.mask import cell_edges

Floats = NDArray[np.floating]

DPI = 100
WIDE = 12.0  # inches: 1200 pixels
SHOWN = 8  # frames in a filmstrip
COLOURS = colormaps["RdBu_r"]
UNTRIED = "0.78"
MASK = "#e07b00"


def sensitivity_picture(
    path: str | Path,
    original: Frames,
    adversarial: Frames,
    mask: Floats,
    sensitivity: Floats,
    *,
    title: str,
) -> None:
    """A PNG, 1200 pixels wide, that shows in time and space what moved the victim.

    Two filmstrips (the original under the sensitivity, the adversarial clip as it is) lie over a
    map of every cell against time and the profile of the frames, beside which stands the profile
    of the cells on the mean frame. Red cells lowered the margin, blue ones raised it.

    Args:
        path: where to, `.png`.
        original: uint8 (T, H, W, 3).
        adversarial: uint8 (T, H, W, 3).
        mask: float (T, G, G) in [0, 1], of the adversarial clip.
        sensitivity: float (T, G, G), the mean drop of the true class's margin per query that
            changed the cell; NaN where no query did.
        title: first line of the picture.

    Raises:
        ValueError: the arrays do not belong together.
        OSError: the file cannot be written; nothing is left of it.
    """
    check_frames(original, "original")
    T, H, W = original.shape[:3]
    if adversarial.shape != original.shape:
        raise ValueError(
            f"adversarial {adversarial.shape} must have the original's {original.shape}"
        )
    if sensitivity.shape != mask.shape or mask.shape[1:] != (mask.shape[-1],) * 2 or len(mask) != T:
        raise ValueError(
            f"mask {mask.shape} and sensitivity {sensitivity.shape} must both be ({T}, G, G)"
        )
    left, wide, chart, beside = 0.95, 10.75, 7.3, 9.2
    strip = wide / min(SHOWN, T) * H / W
    high = 6.3 + 2 * strip
    figure = Figure((WIDE, high), dpi=DPI, facecolor="white")

    def axes(x: float, down: float, width: float, height: float) -> Axes:
        """Axes by inches from the picture's upper left corner."""
        return figure.add_axes((x / WIDE, 1 - (down + height) / high, width / WIDE, height / high))

    figure.text(left / WIDE, 1 - 0.35 / high, title, fontsize=15, weight="bold", va="center")
    figure.text(left / WIDE, 1 - 0.66 / high, _headline(sensitivity), fontsize=11, va="center")
    limit = _limit(sensitivity)
    first, second = axes(left, 1.05, wide, strip), axes(left, 1.13 + strip, wide, strip)
    _filmstrip(first, original, mask, sensitivity, limit)
    first.set_ylabel("original", fontsize=11)
    _filmstrip(second, adversarial, mask, None, limit)
    second.set_ylabel("attacked", fontsize=11)
    down = 1.58 + 2 * strip
    _space_time(axes(left, down, chart, 2.7), mask, sensitivity, limit)
    _when(axes(left, down + 3.05, chart, 1.1), mask, sensitivity)
    side = 2.5 * min(1, W / H)
    _where(axes(beside, down, side, side * H / W), original, sensitivity)
    _key(axes(beside, down + 3.2, 2.5, 0.2), sensitivity, limit)
    _save(figure, path)


def success_curve_picture(
    path: str | Path, curves: Mapping[str, tuple[ArrayLike, ArrayLike]], budget: int
) -> None:
    """A PNG of the share of clips flipped within so many queries, one step curve an attack.

    Args:
        path: where to, `.png`.
        curves: by attack, (queries (n,) increasing, share (n,) in [0, 1]); the last share holds
            up to the budget, and before the first query it is 0.
        budget: the most queries allowed for a clip; the right edge.

    Raises:
        ValueError: there is no curve.
        OSError: the file cannot be written; nothing is left of it.
    """
    if not curves:
        raise ValueError("there is no curve to draw: give the records of one attack at least")
    figure = Figure((10, 5.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    drawn = {}
    for i, (name, (queries, share)) in enumerate(curves.items()):
        x, y = np.asarray(queries, float), np.asarray(share, float)
        y = np.concatenate([[0], y, y[-1:]])
        x = np.concatenate([[0], x, [budget]])
        style = ("-", "--", ":", "-.")[i // 10 % 4]
        (line,) = axes.step(x, y, style, where="post", lw=2, color=f"C{i % 10}")
        drawn[line] = float(y[-1])
        line.set_label(f"{name}  {100 * y[-1]:.0f} %" if np.isfinite(y[-1]) else f"{name}  -")
    ranked = sorted(drawn, key=lambda line: -np.nan_to_num(drawn[line], nan=-1))
    axes.legend(
        handles=ranked, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=11,
        title="share at the budget",
    )  # fmt: skip
    axes.set(xlim=(0, budget), ylim=(-0.01, 1.02))
    axes.set_xlabel("queries to the victim, for a clip", fontsize=12)
    axes.set_ylabel("clips whose label flipped", fontsize=12)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def learning_curve_picture(
    path: str | Path, iterations: Sequence[int], success: ArrayLike, queries: ArrayLike
) -> None:
    """A PNG of how success rate and queries changed over training.

    Args:
        path: where to, `.png`.
        iterations: (n,) numbers of the training iterations.
        success: (n,) share of the episodes with a flip, in [0, 1].
        queries: (n,) mean queries an episode.

    Raises:
        OSError: the file cannot be written; nothing is left of it.
    """
    figure = Figure((10, 5.6), dpi=DPI, layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    above.plot(iterations, np.asarray(success), ".-", color="C2")
    above.set(ylim=(-0.02, 1.02), ylabel="episodes with a flip")
    above.yaxis.set_major_formatter(PercentFormatter(1))
    below.plot(iterations, np.asarray(queries), ".-", color="C0")
    below.set(ylim=(0, None), ylabel="queries an episode", xlabel="training iteration")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _mean(values: Floats, axis: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Mean of what was tried; NaN, without a warning, where nothing was."""
    tried = np.isfinite(values)
    count = tried.sum(axis)
    total = np.where(tried, values, 0).sum(axis, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _limit(values: Floats) -> float:
    """End of a colour scale around 0 that one outlier does not stretch."""
    sizes = np.abs(values[np.isfinite(values)])
    return (float(np.percentile(sizes, 99)) if sizes.size else 0.0) or 1.0


def _colours(limit: float) -> ScalarMappable:
    return ScalarMappable(Normalize(-limit, limit), COLOURS)


def _headline(sensitivity: Floats) -> str:
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


def _tint(picture: Floats, cells: Floats, limit: float, least: float = 0.0) -> Floats:
    """A picture (H, W, 3) in [0, 1] under the colours of cells (G, G); untried ones stay bare."""
    heat = _to_pixels(cells, *picture.shape[:2])
    strength = np.clip(np.abs(heat) / limit, 0, 1)
    opacity = np.where(np.isfinite(heat), least + (0.75 - least) * strength, 0)[..., None]
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


def _filmstrip(axes: Axes, clip: Frames, mask: Floats, heat: Floats | None, limit: float) -> None:
    """Up to eight frames side by side; with the heat come the border of the mask and the titles."""
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
        if heat is not None:
            axes.text((start + end) / 2, -0.04 * H, f"frame {t + 1}", ha="center", fontsize=10)
            _outline(axes, mask[t], H, W, start + gap, (end - start - 2 * gap) / W)
    axes.set(xlim=(0, T), ylim=(H, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _space_time(axes: Axes, mask: Floats, sensitivity: Floats, limit: float) -> None:
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
    note = "each row of the grid holds its patches from left to right" if fine else "mean of a row"
    axes.set_title(f"Every patch over time ({note})", fontsize=11, loc="left")


def _when(axes: Axes, mask: Floats, sensitivity: Floats) -> None:
    """Mean sensitivity of each frame as bars; how much of it the mask covers as a line."""
    T = len(mask)
    profile = _mean(sensitivity, (1, 2))
    shades = [COLOURS(0.88) if value > 0 else COLOURS(0.12) for value in profile]
    axes.bar(np.arange(T) + 0.5, np.nan_to_num(profile), 0.8, color=shades)
    axes.axhline(0, color="0.3", lw=0.8)
    axes.set_title("When: mean of each frame", fontsize=11, loc="left")
    axes.set_xlim(0, T)
    axes.set_ylabel("drop", fontsize=10)
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
    share.set_ylabel("share in the mask", color=MASK, fontsize=10)
    for side in (axes, share):
        side.spines["top"].set_visible(False)


def _where(axes: Axes, original: Frames, sensitivity: Floats) -> None:
    """Mean sensitivity of each patch over the grey mean frame."""
    H, W = original.shape[1:3]
    grey = original.mean((0, 3))[..., None].repeat(3, -1) / 255
    cells = _mean(sensitivity, 0)
    limit = _limit(cells)
    axes.imshow(_tint(grey, cells, limit, least=0.35), extent=(0, W, H, 0))
    for edges, draw in (
        (cell_edges(W, len(cells)), axes.axvline),
        (cell_edges(H, len(cells)), axes.axhline),
    ):
        for edge in edges[1:-1]:
            draw(edge, color="white", lw=0.5, alpha=0.6)
    G = len(cells)
    middles = [(e[:-1] + e[1:]) / 2 for e in (cell_edges(W, G), cell_edges(H, G))]
    every = 1 if G <= 10 else 2
    axes.set_xticks(middles[0][::every], range(1, G + 1, every), fontsize=9)
    axes.set_yticks(middles[1][::every], range(1, G + 1, every), fontsize=9)
    axes.tick_params(length=0)
    axes.set_title("Where: mean over frames", fontsize=11, loc="left")


def _key(axes: Axes, sensitivity: Floats, limit: float) -> None:
    """The colour bar, in `axes`, and the meaning of the colours under it."""
    sizes = sensitivity[np.isfinite(sensitivity)]
    under, over = bool((sizes < -limit).any()), bool((sizes > limit).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]
    bar = axes.figure.colorbar(
        _colours(limit), cax=axes, orientation="horizontal", extend=extend, ticks=MaxNLocator(4)
    )
    bar.ax.set_title("drop of the margin per query", fontsize=11, loc="left")
    words = "red: made the victim less sure\nblue: made it more sure\n"
    words += "grey: never tried    orange: final mask"
    axes.text(0, -2.2, words, transform=axes.transAxes, fontsize=9.5, va="top", linespacing=1.4)


def _save(figure: Figure, path: str | Path) -> None:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_whole(path, buffer.getvalue())
