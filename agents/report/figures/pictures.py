"""Still pictures: where and when a victim is sensitive, how success grows with queries."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from video_attack.agents.core.files import write_whole
from video_attack.agents.report.figures.heat import (
    SHOWN,
    Floats,
    amplified,
    filmstrip,
    headline,
    key,
    scale_limit,
    space_time,
    when,
    where,
)
from video_attack.envs.clip import Frames, check_frames

DPI = 100
WIDE = 12.0  # inches: 1200 pixels


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

    Four filmstrips (the original and the adversarial clip as they are, their difference amplified, the
    original under the sensitivity) lie over a map of every cell against time and the profile of the
    frames, beside which stands the profile of the cells on the mean frame. Red cells lowered the margin,
    blue ones raised it.

    Args:
        path: where to, `.png`.
        original: uint8 (T, H, W, 3).
        adversarial: uint8 (T, H, W, 3).
        mask: float (T, G, G) in [0, 1], of the adversarial clip.
        sensitivity: float (T, G, G), how steeply the true class's margin moves with a
            change of the cell, nats per unit L2; NaN where none was asked about.
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
    frames = min(SHOWN, T)
    tile = min(wide / frames, 2.0)
    strip = tile * H / W
    high = 6.46 + 4 * strip
    figure = Figure((WIDE, high), dpi=DPI, facecolor="white")

    def axes(x: float, down: float, width: float, height: float) -> Axes:
        """Axes by inches from the picture's upper left corner."""
        return figure.add_axes((x / WIDE, 1 - (down + height) / high, width / WIDE, height / high))

    size = min(15.0, 15 * 85 / max(1, len(title)))
    figure.text(left / WIDE, 1 - 0.35 / high, title, fontsize=size, weight="bold", va="center")
    figure.text(left / WIDE, 1 - 0.66 / high, headline(sensitivity), fontsize=11, va="center")
    limit = scale_limit(sensitivity)
    difference, factor = amplified(original, adversarial)
    films = [axes(left, 1.05 + row * (strip + 0.08), frames * tile, strip) for row in range(4)]
    filmstrip(films[0], original, titles=True)
    filmstrip(films[1], adversarial)
    filmstrip(films[2], difference)
    filmstrip(films[3], original, mask, sensitivity, limit)
    names = ("original", "attacked", f"difference x {factor}", "sensitivity")
    for film, name in zip(films, names, strict=True):
        film.set_ylabel(name, fontsize=11)
    down = 1.74 + 4 * strip
    space_time(axes(left, down, chart, 2.7), mask, sensitivity, limit)
    when(axes(left, down + 3.05, chart, 1.1), mask, sensitivity)
    side = 2.5 * min(1, W / H)
    where(axes(beside, down, side, side * H / W), original, sensitivity)
    key(axes(beside, down + 3.2, 2.5, 0.2), sensitivity, limit)
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


def _save(figure: Figure, path: str | Path) -> None:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_whole(path, buffer.getvalue())
