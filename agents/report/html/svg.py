"""Matplotlib figures as SVG inside a page: small, without addresses, in the page's own ink."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from video_attack.agents.report.html.markup import Markup, escaped

_INK = "#010203"  # stands for the page's colour of text, light or dark
_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",
    "svg.image_inline": True,
    **dict.fromkeys(
        ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], _INK
    ),
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "font.size": 10,
}


@contextmanager
def page_style() -> Iterator[None]:
    """Draw and convert figures within this context."""
    with mpl.rc_context(_STYLE):
        yield


def inline_svg(figure: Figure, prefix: str, label: str) -> Markup:
    """A figure as an svg element.

    Args:
        figure: made, like this call, within `page_style`.
        prefix: goes before its ids, so that they are unique in the page.
        label: what it shows, for those who cannot see it.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(["Date", "Creator", "Format", "Type"])
    FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'(<svg[^>]*?) xmlns:xlink="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?) xmlns="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escaped(label)}"', 1))
