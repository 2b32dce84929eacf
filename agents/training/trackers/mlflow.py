"""MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from video_attack.agents.training.trackers.base import Tracker


class Mlflow(Tracker):
    """A run of MLflow; queries are the steps, the configuration is its file config.json.

    Args:
        run_dir: see Tracker, as the next two.
        start: see Tracker.
        settings: see Tracker.
        experiment: of MLflow.
        name: of the run; None: the name of its folder.
        uri: of the tracking server; None: files in `run_dir/mlruns`, and nothing leaves this machine.
    """

    module, package = "mlflow", "mlflow-skinny"

    def __init__(
        self, run_dir: Path, start: int, settings: Mapping[str, Any], *,
        experiment: str = "video-attack",
        name: str | None = None, uri: str | None = None,
    ) -> None:  # fmt: skip
        import os

        # Folders are enough for one run; newer versions want to be told that this is meant.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        self.client = MlflowClient(uri or (run_dir / "mlruns").resolve().as_uri())
        found = self.client.get_experiment_by_name(experiment)
        place = found.experiment_id if found else self.client.create_experiment(experiment)
        called = name or run_dir.name
        same = (
            self.client.search_runs([place], f"attributes.run_name = '{called}'") if start else []
        )
        run = same[0] if same else self.client.create_run(place, run_name=called)
        self.id = run.info.run_id
        self.client.log_dict(self.id, dict(settings), "config.json")

    def log(self, facts: Mapping[str, float], queries: int) -> None:
        """See Tracker."""
        for name, value in facts.items():
            self.client.log_metric(self.id, name, value, step=queries)

    def close(self) -> None:
        """See Tracker."""
        self.client.set_terminated(self.id)
