"""Protects reading of real files: of each real clip every frame, none reported as cut off, and the
loaders find exactly those that the official lists give."""

import csv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.videos import NO_REAL, REAL
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import BadClipError
from video_attack.envs.datasets.container import missing_bytes
from video_attack.envs.datasets.folder import Folder
from video_attack.envs.datasets.given import GivenFiles
from video_attack.envs.datasets.hmdb51 import Hmdb51
from video_attack.envs.datasets.kinetics import Kinetics
from video_attack.envs.datasets.names import plain
from video_attack.envs.datasets.ucf101 import Ucf101
from video_attack.envs.datasets.video import count_frames, read_frames

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=NO_REAL)
Row = dict[str, str]
SAMPLING = Sampling()
OPTIONS: dict[str, Any] = {"allow_missing": True, "disk_cache_gb": 0}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with (REAL / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def labels(name: str) -> list[str]:
    return (REAL / "labels" / f"{name}_label_map.txt").read_text().splitlines()


def listed(rows: list[Row], dataset: str, split: str) -> set[tuple[str, str]]:
    """(stem, class) of the clips that the manifest lists."""
    return {
        (Path(row["file"]).stem, plain(row["label"]))
        for row in rows
        if row["dataset"] == dataset and row["split"] == split
    }


def found(*splits: Any) -> set[tuple[str, str]]:
    return {(f.path.stem, plain(data.classes[f.label])) for data in splits for f in data.files}


def test_every_frame_of_every_clip_is_found(rows: list[Row]) -> None:
    assert len(rows) == 193
    for row in rows:
        file = REAL / row["file"]
        assert count_frames(file) == int(row["frames"]), row["file"]
        assert missing_bytes(file) == 0, row["file"]


@pytest.mark.parametrize("dataset", ["UCF-101", "HMDB-51", "Kinetics"])
def test_a_real_clip_cut_off_is_reported(rows: list[Row], dataset: str, tmp_path: Path) -> None:
    for row in [row for row in rows if row["dataset"] == dataset][:5]:
        whole = REAL / row["file"]
        split = tmp_path / whole.name
        split.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
        with pytest.raises(BadClipError, match=r"cut off|end is missing"):
            read_frames(split, SAMPLING)


def test_ucf101_follows_the_official_lists(rows: list[Row]) -> None:
    train, validation, test = (
        Ucf101(split, SAMPLING, labels("ucf101"), root=REAL / "UCF-101",
               lists=REAL / "labels/ucfTrainTestlist", **OPTIONS)
        for split in ("train", "validation", "test")
    )  # fmt: skip
    assert found(test) == listed(rows, "UCF-101", "test01")
    assert found(train, validation) == listed(rows, "UCF-101", "train01")
    assert len(train) + len(validation) == len(found(train, validation)) and len(validation) >= 6
    assert test[0].frames.shape == (16, 112, 112, 3) and test[0].frames.std() > 10


def test_hmdb51_follows_the_official_lists(rows: list[Row], tmp_path: Path) -> None:
    with zipfile.ZipFile(REAL / "labels/hmdb51_testTrainMulti_7030_splits.zip") as archive:
        archive.extractall(tmp_path)
    train, test = (
        Hmdb51(split, SAMPLING, labels("hmdb51"), root=REAL / "hmdb51", lists=tmp_path,
               validation_share=0.0, **OPTIONS)
        for split in ("train", "test")
    )  # fmt: skip
    assert found(test) == listed(rows, "HMDB-51", "test01")
    assert found(train) == listed(rows, "HMDB-51", "train01")
    assert all(clip.frames.std() > 10 for clip in test)


def test_kinetics_in_class_folders_and_by_list(rows: list[Row], tmp_path: Path) -> None:
    split = listed(rows, "Kinetics", "val")
    demo = {pair for pair in listed(rows, "Kinetics", "demo") if "k600" not in pair[1]}
    classes = labels("kinetics400")
    data = Kinetics("test", SAMPLING, classes, root=REAL / "kinetics", **OPTIONS)
    assert found(data) == split | demo  # carving ice is a class of Kinetics-600 only
    assert all(clip.frames.std() > 10 for clip in data)
    lists = tmp_path / "k400.csv"
    lines = [
        f"{row['label']},{Path(row['file']).stem},0,10,{row['split']}"
        for row in rows
        if row["dataset"] == "Kinetics"
    ]
    lists.write_text("\n".join(["label,youtube_id,time_start,time_end,split", *lines]))
    data = Kinetics("test", SAMPLING, classes, root=REAL / "kinetics", lists=lists, **OPTIONS)
    assert found(data) == split
    assert not [file for file in data.files if not file.path.is_file()]


def test_folder_and_files_take_them_too(rows: list[Row]) -> None:
    splits = [
        Folder(split, SAMPLING, labels("ucf101"), root=REAL / "UCF-101", disk_cache_gb=0)
        for split in ("train", "validation", "test")
    ]
    everything = listed(rows, "UCF-101", "test01") | listed(rows, "UCF-101", "train01")
    assert found(*splits) == everything and sum(map(len, splits)) == len(everything)
    clip = REAL / "kinetics/flipping_pancake/flipping_a_pancake.mkv"
    data = GivenFiles("test", SAMPLING, labels("kinetics400"), paths=clip, disk_cache_gb=0)
    assert data.classes[data[0].label] == "flipping pancake"
