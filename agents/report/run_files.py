"""The files of an evaluation run, read for its report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml
from numpy.typing import NDArray

from video_attack.agents.core.trust import inside
from video_attack.envs.clip import Frames
from video_attack.envs.metrics.record import Draft, Record, read_records
from video_attack.envs.metrics.summary import CHECKS, MEANS, in_clip_order

Notes = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Run:
    """What a run's folder says.

    Attributes:
        folder: where it is.
        config: the plain configuration; empty where there is no config.yaml.
        config_text: that file as it stands.
        origin: run.json (versions, hashes, seed); empty where there is none.
        records: of each attack by its name, in the order of the configuration.
    """

    folder: Path
    config: Mapping[str, Any]
    config_text: str
    origin: Mapping[str, Any]
    records: Mapping[str, list[Draft]]

    def clips(self, record: Record) -> tuple[Frames, Frames] | None:
        """The clean and the adversarial clip, uint8 (T, H, W, 3); None where a file is missing."""
        names = [record.get("clean_file"), record.get("clip_file")]
        if None in names:
            return None
        try:
            clean, clip = (read_clip(self.folder, str(name)) for name in names)
        except (OSError, ValueError):  # PyAV's errors are among these
            return None
        return (clean, clip) if clean.shape == clip.shape else None

    def notes(self, record: Record) -> Notes:
        """What the attack noted of a success, by name; empty where it noted nothing."""
        name = record.get("notes_file")
        if not name and record.get("clip_file"):
            name = f"notes/{record['attack']}/{Path(record['clip_file']).stem}.npz"
        try:
            with np.load(inside(self.folder, name)) as file:
                return {key: file[key] for key in file.files}
        except (OSError, ValueError):
            return {}

    def class_name(self, index: int | None) -> str:
        """The name of a class, or its number where the files do not say the name."""
        names = self.origin.get("classes")
        if isinstance(names, list) and index is not None and index < len(names):
            return str(names[index])
        known = (r for records in self.records.values() for r in records if r["label"] == index)
        return next((str(r["class"]) for r in known if r.get("class")), f"class {index}")


def read_run(folder: Path) -> Run:
    """Read config.yaml, run.json and records.jsonl.

    Raises:
        FileNotFoundError: the folder holds no record.
    """
    text = _text(folder / "config.yaml")
    config = yaml.safe_load(text) or {}
    found: dict[str, dict[str, Draft]] = {name: {} for name in config.get("attacks") or {}}
    path = folder / "records.jsonl"
    for record in read_records(path, torn=True) if path.is_file() else ():
        found.setdefault(record["attack"], {})[record["id"]] = _whole(record)
    records = {name: in_clip_order(of.values()) for name, of in found.items() if of}
    if not records:
        raise FileNotFoundError(
            f"{folder} has no records.jsonl with a record: give the folder of an evaluation run"
        )
    origin = json.loads(_text(folder / "run.json") or "{}")
    return Run(folder, config, text, origin, records)


def read_clip(folder: Path, name: str) -> Frames:
    """All pictures of a run's lossless video, uint8 (T, H, W, 3); raises OSError or ValueError."""
    # As what it should be: other formats may name further files and addresses.
    with av.open(str(inside(folder, name)), format="matroska") as file:
        return np.stack([f.to_ndarray(format="rgb24") for f in file.decode(video=0)])


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _whole(record: Draft) -> Draft:
    """A record with nan for the figures that it lacks, and its file checks as figures of its own."""
    record = record | (record.get("delivered") or {})
    if record["success"]:
        record |= {name: np.nan for name in MEANS if record.get(name) is None}
        record |= {name: None for name in CHECKS if name not in record}
    return record
