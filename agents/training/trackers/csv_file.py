"""A table in plain text."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from video_attack.agents.core.files import write_whole
from video_attack.agents.training.trackers.base import Tracker


class CsvFile(Tracker):
    """One line an iteration, `queries` first; what was not measured is left empty.

    A name that was not there before gets a column, for which the file is written again.

    Args:
        run_dir: see Tracker, as the next two.
        start: see Tracker; lines after it are dropped, since that part of training is done again.
        settings: see Tracker.
        file: below the run's folder.
    """

    def __init__(
        self,
        run_dir: Path,
        start: int,
        settings: Mapping[str, Any],
        *,
        file: str = "progress.csv",
    ) -> None:
        self.path, self.rows = run_dir / file, list[dict[str, Any]]()
        if self.path.exists():
            with self.path.open(newline="") as lines:
                self.rows = [row for row in csv.DictReader(lines) if int(row["queries"]) <= start]
        self.columns = [*dict.fromkeys(["queries", *(name for row in self.rows for name in row)])]
        self._write_all()

    def log(self, facts: Mapping[str, float], queries: int) -> None:
        """See Tracker."""
        row = {"queries": queries, **facts}
        self.rows.append(row)
        new = [name for name in row if name not in self.columns]
        if new:
            self.columns += new
            self._write_all()
            return
        with self.path.open("a", newline="") as lines:
            csv.DictWriter(lines, self.columns).writerow(row)

    def close(self) -> None:
        """Nothing is kept back."""

    def _write_all(self) -> None:
        text = [",".join(self.columns)]
        text += [",".join(str(row.get(name, "")) for name in self.columns) for row in self.rows]
        write_whole(self.path, ("\r\n".join(text) + "\r\n").encode())
