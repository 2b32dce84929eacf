"""The report's first section: norm against queries."""

from video_attack.agents.report.html.markup import Markup, join, table, tag
from video_attack.agents.report.html.style import swatch
from video_attack.agents.report.html.tradeoff_curves import leader_picture, norm_picture
from video_attack.agents.report.tradeoff import (
    NOTE,
    Sheet,
    ahead,
    budget_of,
    largest_norm,
    norm_sheet,
    success_sheet,
)
from video_attack.envs.metrics.record import Found
from video_attack.envs.metrics.tradeoff import marks


def tradeoff_section(found: Found, norm: str = "l2", prefix: str = "trade") -> Markup:
    """Who is ahead at which budget: sentences, two pictures, two tables and how they are made.

    Args:
        found: records by attack, at least one attacked clip.
        norm: one of `video_attack.envs.metrics.tradeoff.NORMS`.
        prefix: of the pictures' ids, unique in the page.
    """
    said = [ahead(found, mark, norm) for mark in marks(budget_of(found))]
    anything = largest_norm(found, norm) > 0
    pictures = [norm_picture(found, norm, prefix)] if anything else []
    if anything and len(found) > 1:
        pictures.append(leader_picture(found, norm, prefix))
    sheets = [
        sheet_table(found, norm_sheet(found, norm)),
        sheet_table(found, success_sheet(found, norm)),
    ]
    return join(
        [
            tag("ul", *(tag("li", sentence) for sentence in said if sentence)),
            tag("div", *pictures, class_="pair"),
            *sheets,
            tag("p", NOTE, class_="note"),
        ]
    )


def sheet_table(found: Found, sheet: Sheet) -> Markup:
    """A sheet as a table, each attack with a sample of its line."""
    numbers = {name: i for i, name in enumerate(found)}
    rows = [[join([swatch(numbers[row[0]]), row[0]]), *row[1:]] for row in sheet.rows]
    return table([sheet.titles], rows)
