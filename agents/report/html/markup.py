"""HTML from Python: everything that is not markup already is escaped."""

import base64
import html
from collections.abc import Iterable, Sequence


class Markup(str):
    """Text that is HTML already and is not escaped again."""


def escaped(value: object) -> Markup:
    """A value as text of a page; Markup stays as it is, None says nothing."""
    if isinstance(value, Markup):
        return value
    return Markup("" if value is None else html.escape(str(value)))


def join(parts: Iterable[object]) -> Markup:
    """Parts, escaped where they are no Markup, one after another."""
    return Markup("".join(escaped(part) for part in parts))


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element with its end tag.

    Args:
        name: of the element, not of a void one such as img.
        *children: Markup or text, which is escaped.
        **attributes: names may end with "_" (class_) and "_" within becomes "-"; True gives a bare
            attribute, None and False none.
    """
    return Markup(f"<{name}{_attributes(attributes)}>{join(children)}</{name}>")


def table(
    head: Sequence[Sequence[object]], rows: Iterable[Sequence[object]], **attributes: object
) -> Markup:
    """A table; the first cell of each row is its heading.

    Args:
        head: rows of heading cells.
        rows: rows of cells. A cell is text, or Markup of a whole td or th.
        **attributes: of the table.
    """
    titles = [tag("tr", *(_cell(cell, "th") for cell in row)) for row in head]
    body = [tag("tr", _cell(row[0], "th"), *(_cell(c, "td") for c in row[1:])) for row in rows]
    inner = tag("table", tag("thead", *titles), tag("tbody", *body), **attributes)
    return tag("div", inner, class_="wide", tabindex="0")


def data_uri(data: bytes, kind: str) -> str:
    """A file as an address that holds it, such as of kind "video/mp4"."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _cell(cell: object, name: str) -> Markup:
    if isinstance(cell, Markup) and cell.startswith(("<td", "<th")):
        return cell
    return tag(name, cell)


def _attributes(attributes: dict[str, object]) -> str:
    parts = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(f" {key}")
        elif value is not None and value is not False:
            parts.append(f' {key}="{html.escape(str(value))}"')
    return "".join(parts)
