"""All attacks on all victims, from raw records alone: `video-attack leaderboard docs/records`.

Writes leaderboard.html (one page, sortable without network) and leaderboard.md. Beside each NAME.jsonl
stands NAME.yaml with what the records do not say themselves, five keys and no other needed:

    title: tiny3d, noise            # what the file is, as the page links to it
    command: python evaluate.py ... # that made it
    victim: Tiny 3-D net            # the same words for the same victim
    bound: gaussian noise 5         # the same words for the same bound
    budget: 150                     # queries a clip, as in each of its records

Files of one victim, bound and budget are one table; of an attack and clip that several of them hold, the
record of the last file by name stands.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from video_attack.agents.audit.tables import read
from video_attack.agents.core.files import write_whole
from video_attack.agents.report.html.board_page import board_markdown, board_page

KEYS = ("title", "command", "victim", "bound", "budget")


@dataclass(frozen=True)
class Source:
    """A file of records.

    Attributes:
        link: its path as the page links to it.
        title: what it is.
        command: that made it.
    """

    link: str
    title: str
    command: str


@dataclass
class Cell:
    """All attacks on one victim under one bound with one budget.

    Attributes:
        victim, bound, budget: as the files beside the records say.
        found: records by attack.
        sources: files of each attack's records.
    """

    victim: str
    bound: str
    budget: int
    found: dict[str, list[dict[str, Any]]]
    sources: dict[str, list[Source]]


def load(folder: Path, page: Path) -> list[Cell]:
    """The cells of a folder of records, victims and bounds in the order of their first file.

    Args:
        folder: holds NAME.jsonl and NAME.yaml.
        page: what will link to them.

    Raises:
        ValueError: there is no file, one has no yaml beside it, or one of the two is not what it should be.
    """
    cells: dict[tuple[str, str, int], Cell] = {}
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise ValueError(f"{folder} holds no *.jsonl: give a folder of runs' records")
    for file in files:
        about = read_about(file.with_suffix(".yaml"))
        key = (str(about["victim"]), str(about["bound"]), int(about["budget"]))
        cell = cells.setdefault(key, Cell(*key, {}, {}))
        link = os.path.relpath(file.resolve(), page.resolve().parent)
        source = Source(Path(link).as_posix(), str(about["title"]), str(about["command"]))
        for name, records in read([file]).items():
            budgets = {int(record["budget"]) for record in records}
            if budgets != {key[2]}:
                raise ValueError(
                    f"{file}: {name} has budgets {sorted(budgets)}, its yaml says {key[2]}"
                )
            merged = {r["id"]: r for r in [*cell.found.get(name, []), *records]}
            cell.found[name] = list(merged.values())
            cell.sources.setdefault(name, []).append(source)
    return list(cells.values())


def read_about(path: Path) -> dict[str, Any]:
    """What a file beside records says.

    Raises:
        ValueError: it is missing, or lacks a key.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: write {', '.join(KEYS)} of these records into it")
    about = yaml.safe_load(path.read_text())
    missing = [key for key in KEYS if not isinstance(about, dict) or about.get(key) is None]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    return dict(about)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both files and say where."""
    parser = argparse.ArgumentParser(
        prog="python -m video_attack.agents.leaderboard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("records", type=Path, help="folder of NAME.jsonl and NAME.yaml")
    parser.add_argument("--out", type=Path, help="folder of the page; by default the one above")
    options = parser.parse_args(arguments)
    out = options.out or options.records.resolve().parent
    page = out / "leaderboard.html"
    try:
        cells = load(options.records, page)
        write_whole(page, board_page(cells).encode())
        write_whole(out / "leaderboard.md", board_markdown(cells).encode())
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"to look at: {page}\nfor a README: {out / 'leaderboard.md'}")


if __name__ == "__main__":
    main()
