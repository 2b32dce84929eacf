"""TensorBoard, by tensorboardX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from video_attack.agents.training.trackers.base import Tracker


class TensorBoard(Tracker):
    """Event files in the run's folder.

    Args:
        run_dir: see Tracker, as the next two.
        start: see Tracker.
        settings: see Tracker.
        folder: below the run's.
    """

    module, package = "tensorboardX", "tensorboardX"

    def __init__(
        self,
        run_dir: Path,
        start: int,
        settings: Mapping[str, Any],
        *,
        folder: str = "tensorboard",
    ) -> None:
        from tensorboardX import SummaryWriter

        # The suffix: files of one second would have one name, and the later one would replace the other.
        self.board = SummaryWriter(
            str(run_dir / folder), purge_step=start + 1, filename_suffix=f".{start:012d}"
        )

    def log(self, facts: Mapping[str, float], queries: int) -> None:
        """See Tracker."""
        for name, value in facts.items():
            self.board.add_scalar(name, value, queries)
        self.board.flush()

    def close(self) -> None:
        """See Tracker."""
        self.board.close()
