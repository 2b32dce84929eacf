"""Checkpoints of a training run: written whole or not at all, the newest few kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_attack.agents.core.errors import CheckpointError
from video_attack.agents.core.files import save_tensors
from video_attack.agents.core.plain_state import put_back, with_tensors
from video_attack.envs.victims.weights import load_state

if TYPE_CHECKING:  # evaluation reads run folders without Ray
    from ray.rllib.algorithms.algorithm import Algorithm


STATE = "rllib.pt"  # RLlib's state in a checkpoint, without pickled code
COUNTERS = ("iteration", "queries", "validation_queries", "seconds", "resumes")
LAST = "last.pt"  # the one checkpoint of a fine-tuning run


def save(
    algo: Algorithm,
    folder: Path,
    state: dict[str, Any],
    keep: int,
    also: Mapping[str, Callable[[Path], None]] | None = None,
) -> None:
    """Save RLlib's state and our counters below `folder`, then drop all but the newest `keep`.

    `also` names further files of the checkpoint, each with what writes it.

    Raises:
        OSError: the disk is full or cannot be written; older checkpoints are kept.
    """
    final = folder / f"iteration_{state['iteration']:06d}"
    temporary = folder / f".{final.name}.part"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, write in (also or {}).items():
            write(temporary / name)
        save_tensors(temporary / STATE, with_tensors(algo.get_state()))
        (temporary / "state.json").write_text(json.dumps(state))
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise OSError(
            f"cannot write the checkpoint {final} ({error}): free some space, then start again with "
            "resume=true; the checkpoint before it is kept"
        ) from error
    for old in saved(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def saved(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p.parent for p in folder.glob("iteration_*/state.json"))


def begun(run_dir: Path) -> bool:
    """Whether a run left something to go on with: a checkpoint, a finished epoch, or a record."""
    records = run_dir / "records.jsonl"
    return (
        bool(saved(run_dir / "checkpoints"))
        or (run_dir / LAST).exists()
        or (records.exists() and records.stat().st_size > 0)
    )


def restore(
    algo: Algorithm, folder: Path, also: Mapping[str, Callable[[Path], None]] | None = None
) -> None:
    """Restore the newest checkpoint into an algorithm.

    `also` names further files of the checkpoint, each with what reads it.

    Raises:
        CheckpointError: it is damaged.
    """
    newest = saved(folder)[-1]
    try:
        put_back(algo, load_state(newest / STATE))
        for name, read in (also or {}).items():
            read(newest / name)
    except Exception as error:  # whatever RLlib or PyTorch meets in files that were cut off
        why = " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
        raise damaged(newest, why) from error


def read_state(folder: Path) -> dict[str, Any]:
    """Our counters in the newest checkpoint.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    if not saved(folder):
        raise CheckpointError(f"{folder} holds no checkpoint: start without resume=true")
    newest = saved(folder)[-1]
    try:
        state: dict[str, Any] = json.loads((newest / "state.json").read_text())
        lacking = [name for name in COUNTERS if not state[name] >= 0]
    except (ValueError, LookupError, TypeError) as error:
        raise damaged(newest, str(error) or "no counters") from error
    if lacking:
        raise damaged(newest, f"{lacking[0]}={state[lacking[0]]}")
    return state


def damaged(checkpoint: Path, why: str) -> CheckpointError:
    """The error of a checkpoint that cannot be read."""
    return CheckpointError(
        f"the checkpoint {checkpoint} cannot be read ({why}): delete it, and resume=true goes on from the "
        "one before, or from the beginning"
    )
