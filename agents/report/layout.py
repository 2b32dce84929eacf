"""Tables as text: aligned columns for a terminal, or Markdown."""

from collections.abc import Sequence


def lay_out(lines: Sequence[Sequence[str]], markdown: bool = False) -> str:
    """Cells in columns, the first aligned left, the others right.

    Args:
        lines: rows of equally many cells, at least one; the first row holds the titles.
        markdown: a Markdown table instead of aligned plain text.

    Returns:
        The table, without a line break at its end.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width for width in widths]
    if markdown:
        rule[1:] = [line[:-1] + ":" for line in rule[1:]]
    rows = []
    for line in (lines[0], rule, *lines[1:]):
        first, *rest = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        rows.append(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells).rstrip())
    return "\n".join(rows)
