"""Protects Kinetics: videos are found in every usual layout, under names that differ from the labels
in spaces and brackets, and the official splits become the right splits."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.videos import greys, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.datasets.kinetics import Kinetics

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
CLASSES = ["yoga", "massaging person's head", "passing American football (in game)"]
HEADER = "label,youtube_id,time_start,time_end,split\n"
ROWS = [
    (label, f"-{label[0]}_{i:07d}_x", 10 * i, 10 * i + 10, split)
    for label in [*CLASSES, "unboxing"]
    for i, split in enumerate(["train"] * 7 + ["val"] * 2 + ["test"])
]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(
        tmp_path_factory.mktemp("kinetics") / "a.mp4", greys(8, 24, 32), "mpeg4", "yuv420p"
    )


def build(root: Path, video: Path, where: str) -> Path:
    """All videos at `where`, a path with the row's values in it, and lists beside them."""
    for label, id_, start, end, split in ROWS:
        folder = label.replace(" ", "_")
        path = root / "videos" / where.format(
            label=label, folder=folder, id=id_, start=start, end=end, split=split
        )  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, path)
    (root / "lists").mkdir()
    for split, name in (("train", "train"), ("val", "validate"), ("test", "test")):
        rows = [",".join(map(str, row)) + "\n" for row in ROWS if row[-1] == split]
        (root / "lists" / f"{name}.csv").write_text(HEADER + "".join(rows))
    return root


def make(home: Path, split: Any = "test", **options: Any) -> Kinetics:
    own: dict[str, Any] = {"root": home / "videos", "lists": home / "lists", "disk_cache_gb": 0}
    return Kinetics(split, SMALL, CLASSES, **{**own, **options})


TIMED = "{id}_{start:06d}_{end:06d}"


@pytest.mark.parametrize(
    "where",
    [
        f"{{label}}/{TIMED}.mp4",
        f"{{folder}}/{TIMED}.mkv",
        "{folder}/{id}.webm",
        f"{{split}}/{{folder}}/{TIMED}.mp4",
        f"{{split}}/{TIMED}.avi",
        "{split}/{label}/{id}.mp4",
        f"{TIMED}.mp4",
    ],
)
def test_every_layout_gives_the_same_clips(tmp_path: Path, video: Path, where: str) -> None:
    home = build(tmp_path, video, where)
    found = {split: make(home, split).files for split in ("train", "validation", "test")}
    for label, name in enumerate(CLASSES):
        counts = {split: sum(f.label == label for f in files) for split, files in found.items()}
        assert counts == {"train": 6, "validation": 1, "test": 2}, name
    assert {f.id for f in found["test"]} == {
        f"{id_}_{start:06d}_{end:06d}"
        for label, id_, start, end, split in ROWS
        if split == "val" and label in CLASSES
    }
    assert len(make(home, test_split="test")) == 3
    assert make(home)[0].frames.shape == (4, 16, 16, 3)


def test_class_folders_alone(tmp_path: Path, video: Path) -> None:
    home = build(tmp_path, video, f"{{split}}/{{folder}}/{TIMED}.mp4")
    splits = {
        split: {f.path.stem for f in make(home, split, lists=None).files}
        for split in ("train", "validation", "test")
    }
    assert {split: len(found) for split, found in splits.items()} == {
        "train": 18, "validation": 3, "test": 6,
    }  # fmt: skip
    assert splits["test"] == {f.id for f in make(home).files}
    assert splits["validation"] == {f.id for f in make(home, "validation").files}


def test_folders_of_no_split_serve_as_test(tmp_path: Path, video: Path) -> None:
    home = build(tmp_path, video, "{folder}/{id}.mp4")
    assert len(make(home, lists=None)) == 30
    with pytest.raises(DatasetError, match=r"no folder .*/train, .* dataset=folder"):
        make(home, "train", lists=None)


def test_a_clip_that_two_lists_name_counts_once(
    tmp_path: Path, video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a copy of a list lies beside it under the name of the other release; but two ranges of
    one video are two clips."""
    home = build(tmp_path, video, "{folder}/{id}.mp4")
    make(home)
    assert "more than once" not in caplog.text
    shutil.copy(home / "lists/validate.csv", home / "lists/val.txt")
    assert len(make(home)) == 6
    assert "Kinetics lists 8 clips more than once, each of which is counted once" in caplog.text
    with (home / "lists/validate.csv").open("a") as file:
        file.write("yoga,-y_0000007_x,3,9,val\n" * 2)
    data = make(home)
    assert len(data) == 7 and len({clip.id for clip in data.files}) == 7


def test_a_clip_with_two_classes_has_the_first(
    tmp_path: Path, video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = build(tmp_path, video, f"{TIMED}.mp4")
    with (home / "lists/validate.csv").open("a") as file:
        file.write(f"{CLASSES[1]},-y_0000007_x,70,80,val\n")
    data = make(home)
    assert [file.name for file in data.files if file.id.startswith("-y_0000007_x")] == ["yoga"]
    assert f"_000080 as yoga and as {CLASSES[1]}, of which the first is taken" in caplog.text


def test_what_is_missing_is_told(tmp_path: Path, video: Path) -> None:
    home = build(tmp_path, video, "{folder}/{id}.mp4")
    with pytest.raises(DatasetError, match=r"no folder .*cvdfoundation.*dataset\.root"):
        make(home, root=tmp_path / "none")
    with pytest.raises(DatasetError, match=r"no list .*cvdfoundation.*dataset\.lists"):
        make(home, lists=tmp_path / "none.csv")
    with pytest.raises(DatasetError, match=r"train\.csv lists no video of split val"):
        make(home, lists=home / "lists/train.csv")
    with pytest.raises(ValueError, match="test_split must be val or test"):
        make(home, test_split="validation")
    shutil.rmtree(home / "videos/yoga")
    with pytest.raises(DatasetError, match=r"2 of 6 .*yoga/-y_0000007_x_000070_000080\.mp4"):
        make(home)
    assert len(make(home, allow_missing=True)) == 4
    (home / "lists/validate.csv").write_text("youtube_id,split\nx,val\n")
    with pytest.raises(DatasetError, match=r"validate\.csv: .* lacks one of label, youtube_id"):
        make(home)
