"""Commands as a user types them, on toys, for tests of machines and shells."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOY = ["--config-dir", str(ROOT / "tests/conf"), "model=toy", "dataset=toy", "distortion=toy",
       "env=toy", "threads=1", "examples=1"]  # fmt: skip
TRAIN = [*TOY, "algo.batch=256", "algo.minibatch=128", "cluster.cpus=2", "validation.clips=4",
         "clips=0", "queries=300"]  # fmt: skip
EVALUATE = [*TOY, "attack=random", "checkpoint=null", "clips=4"]


def command(script: str, *overrides: str) -> list[str]:
    """A toy run of train.py or evaluate.py."""
    return [sys.executable, str(ROOT / script), *{"train.py": TRAIN, "evaluate.py": EVALUATE}[script],
            *overrides]  # fmt: skip


def run(script: str, *overrides: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end; stdout and stderr as text."""
    given = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 500, **options}
    return subprocess.run(command(script, *overrides), check=False, **given)


def shell(
    line: str, script: str, *overrides: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run it by bash; `line` holds $RUN where the command goes."""
    words = command(script, *overrides)
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    given = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 500, **options}
    return subprocess.run(["bash", "-c", line.replace("$RUN", quoted)], check=False, **given)


def descendants(pid: int) -> Iterator[int]:
    """Processes that a process started, and those that they started (Linux)."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from descendants(child)


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (OSError, ProcessLookupError):
        return False


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment with changes; None removes a variable."""
    found = {**os.environ, **{key: value for key, value in changes.items() if value is not None}}
    return {key: value for key, value in found.items() if changes.get(key, value) is not None}
