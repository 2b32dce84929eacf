"""Success against what it cost, all attacks in one picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from video_attack.agents.report.html.markup import Markup, join, tag
from video_attack.agents.report.html.style import line, swatch
from video_attack.agents.report.html.svg import inline_svg, page_style
from video_attack.envs.metrics.curves import area_under, norm_curve
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.summary import success_curve

Curve = tuple[np.ndarray, np.ndarray]

_LOG_FROM = 20  # ratio of the largest to the smallest cost from which a log scale helps


def curves_section(found: Found) -> Markup:
    """Two pictures, success against queries and against L2, and a legend with their areas."""
    budget = max(int(record["budget"]) for records in found.values() for record in records)
    measured = {name: _with_norm(records) for name, records in found.items()}
    norms = {name: norm_curve(records) for name, records in measured.items()}
    largest = max(float(costs[-1]) for costs, _ in norms.values())
    queries = {name: success_curve(records) for name, records in found.items()}
    pictures = [_picture("queries", queries, budget, "queries to the victim, for a clip")]
    if largest > 0:
        pictures.append(_picture("l2", norms, largest, "L2 norm of the change, whole clip"))
    legend = _legend(queries, budget, norms, largest)
    return join([tag("div", *pictures, class_="pair"), legend])


def _with_norm(records: Sequence[Record]) -> list[Record]:
    """Records whose successes all have a norm; one without it cannot be placed and is no success."""
    return [
        {**record, "success": record["success"] and np.isfinite(record["l2"])} for record in records
    ]


def _picture(name: str, curves: Mapping[str, Curve], limit: float, label: str) -> Markup:
    title = f"Clips flipped, against the {label}"
    with page_style():
        figure = Figure((5.4, 3.5), layout="constrained")
        axes = figure.add_subplot()
        # The first query is the clean clip, so none flips before the second.
        costs = [cost for x, share in curves.values() for cost in x[1:] if np.isfinite(share[0])]
        least = min((float(cost) for cost in costs if cost > 0), default=limit)
        log = limit / least > _LOG_FROM
        start = least / 1.15 if log else 0.0
        for i, (x, share) in enumerate(curves.values()):
            colour, dash = line(i)
            x, y = np.append(np.maximum(x, start), limit), np.append(share, share[-1])
            axes.step(x, y, where="post", lw=2, color=colour, linestyle=dash, clip_on=False)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlim=(start, limit), ylim=(0, 1.005), xlabel=label + (" (log)" if log else ""))
        axes.set_ylabel("clips whose label flipped")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid()
        return tag("figure", inline_svg(figure, name, title))


def _legend(
    queries: Mapping[str, Curve], budget: int, norms: Mapping[str, Curve], largest: float
) -> Markup:
    items = []
    for i, (name, curve) in enumerate(queries.items()):
        areas = f"area {_area(curve, budget)} (queries)"
        if largest > 0:
            areas += f", {_area(norms[name], largest)} (L2)"
        share = curve[1][-1]
        said = f"{100 * share:.0f} %" if np.isfinite(share) else "no clip attacked"
        item = tag("li", swatch(i), tag("b", name), f" {said}, {areas}")
        items.append((-np.nan_to_num(share, nan=-1), i, item))
    note = (
        f"Area: mean share of flipped clips over all allowances, up to {budget} queries"
        + (f", or to an L2 of {largest:.3g}, the largest that any attack needed" if largest else "")
        + " (on a linear scale); 1 would be every clip at no cost."
    )
    return join(
        [
            tag("ul", *(item for *_, item in sorted(items)), class_="legend"),
            tag("p", note, class_="note"),
        ]
    )


def _area(curve: Curve, limit: float) -> str:
    area = area_under(*curve, limit)
    return f"{area:.2f}" if np.isfinite(area) else "-"
