"""Protects experiment trackers: `logger=a,b` opens each, none needs the net, what they hold is what was
logged, a run that goes on goes on there, and a missing package is one sentence."""

import csv
import importlib.util
import struct
from pathlib import Path

import pytest

from tests import commands
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.training.trackers.base import Tracker, check_trackers, open_trackers

NAMES = ["tensorboard", "csv", "wandb", "mlflow"]


def needs(name):
    return pytest.mark.skipif(
        importlib.util.find_spec(name) is None, reason=f"{name} is not installed"
    )


def composed(*words):
    return commands.composed("train", *words)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["tensorboard"]),
        (["logger=csv"], ["csv"]),
        (["logger=csv,wandb", "loggers.wandb.project=mine"], ["csv", "wandb"]),
        (["logger=[tensorboard,mlflow]"], ["tensorboard", "mlflow"]),
        (["logger=null"], []),
    ],
)
def test_one_key_chooses_them(words, names):
    found = composed(*words)["loggers"]
    assert list(found) == names
    if "wandb" in names:
        assert found["wandb"]["project"] == "mine" and found["wandb"]["mode"] == "offline"


def logged(name: str, folder: Path) -> list[Tracker]:
    """Two iterations, and one after a resume that does the second again."""
    settings = {"loggers": composed(f"logger={name}")["loggers"], "queries": 5, "seed": 3}
    (first,) = open_trackers(settings, folder, 0)
    first.log({"success": 0.25}, 100)
    first.log({"success": 0.5, "validation_asr": 1.0}, 200)
    first.close()
    (second,) = open_trackers(settings, folder, 100)
    second.log({"success": 0.75}, 200)
    second.close()
    return [first, second]


def test_csv_has_each_iteration_once(tmp_path):
    logged("csv", tmp_path)
    with (tmp_path / "progress.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["queries"], row["success"]) for row in rows] == [("100", "0.25"), ("200", "0.75")]


def events(file: Path):
    """A file of events as records: length, its checksum, the event, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, at = file.read_bytes(), 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        yield Event.FromString(data[at + 12 : at + 12 + size])
        at += 12 + size + 4


@needs("tensorboardX")
def test_tensorboard_files_hold_what_was_logged(tmp_path):
    """A reader drops what was logged at or after the step at which a later file starts."""
    logged("tensorboard", tmp_path)
    files = sorted((tmp_path / "tensorboard").glob("events.*"), key=lambda file: file.name)
    found = [event for file in files for event in events(file)]
    values = [
        (event.step, value.tag, value.simple_value)
        for event in found
        for value in event.summary.value
    ]
    assert values == [
        (100, "success", 0.25), (200, "success", 0.5), (200, "validation_asr", 1.0), (200, "success", 0.75),
    ]  # fmt: skip
    starts = [event.step for event in found if event.session_log.status == 1]
    assert starts == [1, 101]


@needs("tensorboard")
def test_tensorboards_own_reader_finds_them(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logged("tensorboard", tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("success")] == [(100, 0.25), (200, 0.75)]


@needs("wandb")
def test_wandb_offline_writes_one_run_and_sends_nothing(tmp_path):
    first, second = logged("wandb", tmp_path)
    assert first.run.id == second.run.id and first.run.offline
    files = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert files and all(file.stat().st_size for file in files)
    held = b"".join(file.read_bytes() for file in files)  # its records, not compressed
    assert all(word in held for word in (b"success", b"validation_asr", b"0.25", b"0.75"))


@needs("mlflow")
def test_mlflow_in_files_goes_on_with_its_run(tmp_path):
    first, second = logged("mlflow", tmp_path)
    assert first.id == second.id
    history = second.client.get_metric_history(second.id, "success")
    assert [(m.step, m.value) for m in history] == [(100, 0.25), (200, 0.5), (200, 0.75)]
    assert second.client.get_run(second.id).info.status == "FINISHED"
    assert (tmp_path / "mlruns").is_dir()
    assert list((tmp_path / "mlruns").rglob("config.json"))


class Absent(Tracker):
    module, package = "no_such_tracker", "absent-tracker"


def test_a_missing_package_is_one_sentence():
    config = {"loggers": {"absent": {"_target_": f"{__name__}.Absent"}}}
    with pytest.raises(ConfigError, match=r"logger=absent needs .*: pip install absent-tracker"):
        check_trackers(config)
