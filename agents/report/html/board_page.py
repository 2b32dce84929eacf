"""The leaderboard as one page and as Markdown."""

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from video_attack.agents.report.html.board import Line, board_lines, columns, opening
from video_attack.agents.report.html.markup import Markup, escaped, join, table, tag
from video_attack.agents.report.html.style import CSS, swatch
from video_attack.agents.report.html.tradeoff_curves import leader_picture, norm_picture
from video_attack.agents.report.layout import lay_out
from video_attack.agents.report.tradeoff import NOTE

if TYPE_CHECKING:
    from video_attack.agents.audit.leaderboard import Cell

# Sorts a table by the column whose heading is clicked, by each cell's data-value.
SCRIPT = """
for (const head of document.querySelectorAll("table.board thead th")) {
  head.tabIndex = 0;
  const sort = () => {
    const body = head.closest("table").tBodies[0], at = head.cellIndex;
    const down = head.ariaSort === "ascending";
    for (const other of head.parentNode.children) other.ariaSort = null;
    head.ariaSort = down ? "descending" : "ascending";
    const value = row => row.cells[at].dataset.value ?? "";
    const order = (a, b) => {
      const x = value(a), y = value(b), gap = x - y;
      if (x === "" || y === "") return (x === "") - (y === "");
      return (down ? -1 : 1) * (Number.isNaN(gap) ? x.localeCompare(y) : gap);
    };
    body.append(...[...body.rows].sort(order));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
}
"""
STYLE = """
table.board th { cursor: pointer; } table.board thead th[aria-sort]::after { content: " \\2191"; }
table.board thead th[aria-sort=descending]::after { content: " \\2193"; }
table.board tbody tr:hover { background: var(--box); }
"""
LEGEND = (
    "Each clip that passes to the victim is one query, the clean one and those of a clean-up included. "
    "ASR: flipped within the budget, with the exact 95 % interval; AQ: mean queries to the first "
    "flip, failures at the budget; FFV1, CRF 23: flipped and still so when read from a lossless or an "
    "H.264 file; float32: when asked again in full precision. Click a heading to sort. "
)
NOTHING = "-"


def board_page(cells: "Sequence[Cell]") -> str:
    """The whole page, loading nothing."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    title = "Attacks on video classifiers: norm against queries"
    head = [
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{escaped(policy)}">'),
        tag("title", title),
        tag("style", Markup(CSS + STYLE)),
    ]
    links = [tag("li", tag("a", _title(c), href=f"#cell-{i}")) for i, c in enumerate(cells)]
    fronts = [tag("p", tag("b", f"{_title(c)}: "), opening(c)) for c in cells]
    body = tag(
        "main", tag("h1", title), tag("div", *fronts, class_="lead"),
        tag("ul", *links) if len(cells) > 1 else "",
        *(_section(cell, i) for i, cell in enumerate(cells)),
        tag("p", LEGEND + NOTE, class_="note"),
    )  # fmt: skip
    script = tag("script", Markup(SCRIPT))
    return (
        f'<!doctype html>\n<html lang="en">{tag("head", *head)}{tag("body", body, script)}</html>\n'
    )


def board_markdown(cells: "Sequence[Cell]") -> str:
    """One table a cell, each line with a link to its records, and the commands."""
    parts = ["# Attacks on video classifiers: norm against queries"]
    for cell in cells:
        shown = columns(cell)
        lines = [[*shown, "records"]]
        for line in board_lines(cell):
            links = ", ".join(f"[{s.title}]({s.link})" for s in cell.sources[line.attack])
            lines.append([*(line.cells[name][0] for name in shown), links])
        commands = {s.link: s.command for sources in cell.sources.values() for s in sources}
        told = "\n\n".join(f"`{link}`:\n\n    {command}" for link, command in commands.items())
        parts += [f"## {_title(cell)}", opening(cell), lay_out(lines, markdown=True), told]
    return "\n\n".join([*parts, LEGEND.replace("Click a heading to sort. ", "") + NOTE]) + "\n"


def _title(cell: "Cell") -> str:
    return f"{cell.victim}, {cell.bound}, {cell.budget} queries"


def _section(cell: "Cell", number: int) -> Markup:
    shown = columns(cell)
    places = {name: i for i, name in enumerate(cell.found)}
    rows = [_row(cell, line, shown, places) for line in board_lines(cell)]
    pictures = [norm_picture(cell.found, "l2", f"cell-{number}")]
    if len(cell.found) > 1:
        pictures.append(leader_picture(cell.found, "l2", f"cell-{number}"))
    commands = {s.link: s for sources in cell.sources.values() for s in sources}
    told = [
        tag("p", tag("a", s.title, href=s.link), tag("pre", s.command)) for s in commands.values()
    ]
    return tag(
        "section", tag("h2", _title(cell), id=f"cell-{number}"), tag("p", opening(cell)),
        table([[*shown, "records"]], rows, class_="board"),
        tag("div", *pictures, class_="pair"),
        tag("details", tag("summary", "The commands that made these records"), *told, class_="printed"),
    )  # fmt: skip


def _row(cell: "Cell", line: Line, shown: Sequence[str], places: dict[str, int]) -> list[object]:
    name = tag("th", swatch(places[line.attack]), line.attack, data_value=line.attack)
    cells: list[object] = [name]
    for title in shown[1:]:
        text, value = line.cells[title]
        words = text.split(" [", 1)
        small = tag("small", f"[{words[1]}") if len(words) > 1 else ""
        order = None if value is None else f"{value:.6g}"
        cells.append(tag("td", join([words[0], small]), data_value=order))
    links = [tag("a", source.title, href=source.link) for source in cell.sources[line.attack]]
    spaced = [part for link in links for part in (" ", link)]
    return [*cells, tag("td", *spaced[1:], data_value=line.attack)]
