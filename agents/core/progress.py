"""Progress of long work: a bar on a terminal, plain lines in a log."""

import logging
import sys
import time

from tqdm import tqdm

log = logging.getLogger(__name__)
LINE_EVERY_S = 15.0


class Progress:
    """Counts towards a total and says what matters beside it.

    Args:
        name: what is being done.
        total: where the count ends.
        unit: what is counted.
        start: the count so far (a resumed run).
        leave: whether the finished bar stays on the terminal.
    """

    def __init__(
        self, name: str, total: int, unit: str, start: int = 0, leave: bool = True
    ) -> None:
        self.name, self.total, self.unit, self.count = name, total, unit, start
        self._start, self._began = start, time.monotonic()
        self._spoke = self._began
        self._bar = (
            tqdm(total=total, initial=start, desc=name, unit=unit, dynamic_ncols=True, leave=leave)
            if sys.stderr is not None and sys.stderr.isatty()  # None: closed, as in a service
            else None
        )

    def advance(self, by: int, **facts: float | str) -> None:
        """Count on; `facts` are shown beside the count."""
        self.count += by
        shown = {key: f"{v:.3g}" if isinstance(v, float) else str(v) for key, v in facts.items()}
        if self._bar is not None:
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(by)
        elif time.monotonic() - self._spoke >= LINE_EVERY_S or self.count >= self.total:
            self._spoke = time.monotonic()
            log.info("%s", self._line(shown))

    def _line(self, shown: dict[str, str]) -> str:
        rate = (self.count - self._start) / max(time.monotonic() - self._began, 1e-9)
        left = max(self.total - self.count, 0) / max(rate, 1e-9)
        facts = "".join(f", {key} {value}" for key, value in shown.items())
        return (
            f"{self.name}: {self.count}/{self.total} {self.unit}{facts}, "
            f"{rate:.3g} {self.unit}/s, {left / 60:.1f} min left"
        )

    def close(self) -> None:
        """Release the terminal's line."""
        if self._bar is not None:
            self._bar.close()
