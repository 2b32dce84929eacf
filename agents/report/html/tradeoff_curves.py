"""Pictures of norm against queries: what each attack has reached, and who is ahead at which budget."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from video_attack.agents.report.html.markup import Markup, tag
from video_attack.agents.report.html.style import line
from video_attack.agents.report.html.svg import inline_svg, page_style
from video_attack.agents.report.tradeoff import budget_of
from video_attack.envs.metrics.optimality import leaders, optimality_curves
from video_attack.envs.metrics.record import Found
from video_attack.envs.metrics.statement import TITLES
from video_attack.envs.metrics.tradeoff import median_curve

POINTS = 200  # numbers of queries at which optimality is drawn, at most


def norm_picture(found: Found, norm: str, prefix: str) -> Markup:
    """Median norm against queries, one falling line an attack, both axes logarithmic."""
    budget, name = budget_of(found), TITLES[norm]
    with page_style():
        figure = Figure((5.4, 3.7), layout="constrained")
        axes = figure.add_subplot()
        drawn = False
        for i, records in enumerate(found.values()):
            queries, medians = median_curve(records, norm)
            colour, dash = line(i)
            x = np.append(np.maximum(queries, 2), budget)
            y = np.append(medians, medians[-1])
            seen = np.isfinite(y) & (y > 0)
            axes.step(x[seen], y[seen], where="post", lw=2, color=colour, linestyle=dash)
            drawn |= bool(seen.any())
        _logarithmic(axes, budget)
        axes.set_yscale("log" if drawn else "linear")
        for pick in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            pick(FuncFormatter(lambda size, _: f"{size:.3g}"))
        axes.tick_params(axis="y", which="minor", labelsize=7)
        axes.set_ylabel(f"median {name}, failures at the largest")
        title = f"Median {name} of the change, against queries"
        return tag("figure", inline_svg(figure, f"{prefix}-norm", title))


def leader_picture(found: Found, norm: str, prefix: str) -> Markup:
    """Optimality against queries, with a strip below in the colour of whoever is ahead."""
    budget = budget_of(found)
    queries = sorted({*np.geomspace(2, budget, POINTS).astype(int).tolist(), budget})
    means = optimality_curves(found, queries, norm)
    with page_style():
        figure = Figure((5.4, 3.7), layout="constrained")
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[12, 1])
        colours, places = {}, list(found)
        for name, values in means.items():
            colours[name], dash = line(places.index(name))
            axes.step(queries, values, where="post", lw=2, color=colours[name], linestyle=dash)
        ends = [*queries[1:], budget * 1.001]
        for start, end, first in zip(queries, ends, leaders(found, queries, norm), strict=True):
            if first is not None:
                strip.axvspan(start, end, color=colours[first], lw=0)
        axes.set(ylim=(0, 1.02), ylabel="optimality")
        axes.grid()
        strip.set_yticks([])
        strip.set_ylabel("ahead", rotation=0, ha="right", va="center")
        _logarithmic(strip, budget)
        title = f"Optimality in {TITLES[norm]} against queries, and who is ahead at which budget"
        return tag("figure", inline_svg(figure, f"{prefix}-ahead", title))


def _logarithmic(axes: Axes, budget: int) -> None:
    axes.set_xscale("log")
    axes.set(xlim=(2, max(budget, 3)), xlabel="queries to the victim, for a clip (log)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if len(axes.get_yticks()):
        axes.grid()
