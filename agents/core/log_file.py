"""Logging that stays readable: a log file that may fail, and facts that are said once."""

import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any


class LogFile(logging.FileHandler):
    """A run's log; one that cannot be opened or written is given up with one sentence.

    Args:
        filename: the file, in UTF-8; more is appended.
    """

    def __init__(self, filename: str, **_: Any) -> None:
        super().__init__(
            filename, mode="a", encoding="utf-8", delay=True, errors="backslashreplace"
        )
        self.lost = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless the file was given up."""
        if self.lost:
            return
        try:
            super().emit(record)
        except OSError:  # from opening
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Give the file up."""
        self.lost = True
        why = getattr(sys.exc_info()[1], "strerror", None) or sys.exc_info()[1]
        logging.getLogger(__name__).warning(
            "the log %s cannot be written (%s): this run goes on without it",
            Path(self.baseFilename), why,
        )  # fmt: skip


class Once(logging.Filter):
    """Passes a warning once; `report` says how often it was to be repeated."""

    def __init__(self) -> None:
        super().__init__()
        self._said: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is no warning, or a new one; every handler gets the same answer."""
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        if not hasattr(record, "said"):
            key = record.name, record.getMessage()
            self._said[key] += 1
            record.said = self._said[key]
        return bool(getattr(record, "said", 1) == 1)

    def report(self) -> None:
        """Log how often each fact came back, and forget."""
        repeated = {text: count for (_, text), count in self._said.items() if count > 1}
        self._said.clear()
        for text, count in repeated.items():
            logging.getLogger(__name__).info("came %d times in all: %s", count, text)


ONCE = Once()


def once() -> Once:
    """The one filter of this process, for logging's configuration."""
    return ONCE
