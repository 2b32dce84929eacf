"""Weights & Biases."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from video_attack.agents.training.trackers.base import Tracker


class Wandb(Tracker):
    """A run of Weights & Biases, with the run's configuration; `queries` is the horizontal axis.

    Args:
        run_dir: see Tracker, as the next two. Its files lie in `run_dir/wandb`.
        start: see Tracker.
        settings: see Tracker.
        project: of Weights & Biases.
        name: of the run; None: the name of its folder.
        mode: "offline" keeps everything on this machine, for `wandb sync`; "online" sends it, for which
            `wandb login` comes first; "disabled" does nothing.
    """

    module, package = "wandb", "wandb"

    def __init__(
        self, run_dir: Path, start: int, settings: Mapping[str, Any], *,
        project: str = "video-attack",
        name: str | None = None, mode: Literal["online", "offline", "disabled"] = "offline",
    ) -> None:  # fmt: skip
        import wandb

        # The id is the folder's, so that a run that goes on is the same one there.
        note = run_dir / "wandb_id.json"
        known = json.loads(note.read_text())["id"] if note.exists() else None
        self.run = wandb.init(
            project=project, name=name or run_dir.name, dir=str(run_dir), mode=mode, id=known,
            config=dict(settings), resume="allow",
            settings=wandb.Settings(console="off", silent=True, x_disable_stats=True),
        )  # fmt: skip
        note.write_text(json.dumps({"id": self.run.id}))
        self.run.define_metric("*", step_metric="queries")

    def log(self, facts: Mapping[str, float], queries: int) -> None:
        """See Tracker."""
        self.run.log({**facts, "queries": queries})

    def close(self) -> None:
        """See Tracker."""
        self.run.finish()
