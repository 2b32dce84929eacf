"""Tables of a run from its records: `python -m video_attack.agents.tables RECORDS.jsonl [...]`.

Several files are joined, the later record of an attack and clip standing; the first attack (or the one
named with --first) is set against each other one.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from video_attack.agents.core.shell import open_shell
from video_attack.agents.report.compare import compare
from video_attack.agents.report.table import format_table, row
from video_attack.agents.report.tradeoff import tradeoff_tables
from video_attack.envs.metrics.hints import hints
from video_attack.envs.metrics.record import RecordError, read_records
from video_attack.envs.metrics.summary import in_clip_order
from video_attack.envs.metrics.tradeoff import NORMS


def read(files: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Records by attack, one a clip.

    Raises:
        ValueError: a line is no record, or there is none.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for file in files:
        try:
            for record in read_records(file):
                found.setdefault(record["attack"], {})[record["id"]] = record
        except RecordError as error:
            raise ValueError(
                f"{file}, line {error.number} is no record of a clip: give a run's records.jsonl"
            ) from error
    if not found:
        raise ValueError("the files hold no record: give a run's records.jsonl")
    return {name: in_clip_order(records.values()) for name, records in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m video_attack.agents.tables", description=__doc__
    )
    parser.add_argument("records", type=Path, nargs="+", help="a run's records.jsonl")
    parser.add_argument("--first", help="the attack that is set against the others")
    parser.add_argument("--norm", choices=NORMS, default="l2", help="of norm against queries")
    parser.add_argument("--markdown", action="store_true", help="for a paper")
    options = parser.parse_args(arguments)
    try:
        found = read(options.records)
        if options.first not in (None, *found):
            raise ValueError(f"--first {options.first}: there are {', '.join(found)}")
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    if options.first:
        found = {options.first: found[options.first], **found}
    rows = [row(name, records) for name, records in found.items()]
    parts = [
        *tradeoff_tables(found, options.norm, options.markdown),
        *format_table(rows, options.markdown), *compare(found, options.markdown), *hints(found),
    ]  # fmt: skip
    print(*parts, sep="\n\n")


if __name__ == "__main__":
    open_shell()
    main()
