"""Protects lists of lines "path label": each toolkit's form gives the same clips with the same labels,
and what a line means is never guessed where it could mean two things."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.videos import greys, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.datasets.folder import Folder
from video_attack.envs.datasets.names import numbered
from video_attack.envs.datasets.path_list import PathList

SMALL = Sampling(frames=3, size=16, short_side=20, stride=1)
CLASSES = ["abseiling", "playing guitar", "yoga"]
# A space and a bracket, as reported of MMAction2's list files; a comma besides.
FILES = ["train/drinking (31).mp4", "train/a,b.mp4", "val/c.mp4", "deep/er/d.mp4"]
LABELS = [0, 1, 2, 1]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lists")
    video = write(root / "video.mkv", greys(48, 24, 32), rate=2)
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, root / name)
    return root


def make(
    home: Path, text: str, split: Any = "test", classes: Any = CLASSES, **keys: Any
) -> PathList:
    (home / "list.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    own = {"test": home / "list.csv", "disk_cache_gb": 0, **keys}
    return PathList(split, SMALL, classes, **own)


def labels(data: PathList) -> dict[str, int]:
    return {str(file.path.relative_to(file.path.parents[len(Path(f).parts) - 1])): file.label
            for file in data.files for f in FILES if str(file.path).endswith(f)}  # fmt: skip


def lines(mark: str, first: int = 0) -> str:
    return "".join(f"{f}{mark}{n + first}\n" for f, n in zip(FILES, LABELS, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        lines(" "),  # SlowFast, TimeSformer, VideoMAE, MMAction2
        lines("\t"),
        lines("  ").replace("\n", "\r\n\r\n"),
        "\ufeff" + lines(" "),
        lines(","),  # Video-FocalNets, and SlowFast with PATH_LABEL_SEPARATOR
        lines(", "),
        lines(" ", first=1),  # from 1: 3 is the number of classes, and there is no 0
        "path label\n" + lines(" "),
        "# made by hand\n" + lines(" ") + "#\n# the end 7\n",
        "#path,label\n" + lines(",").replace("\n", "\n\n#gone.mp4,2\n"),
        "video_path,label\n" + lines(","),
        "".join(f'"{f}",{n}\n' for f, n in zip(FILES, LABELS, strict=True)),
        "".join(f"{f}\t{CLASSES[n]}\n" for f, n in zip(FILES, LABELS, strict=True)),
        lines(" ").replace("/", "\\"),  # made on Windows
    ],
)
def test_every_form_gives_the_same(home: Path, text: str) -> None:
    data = make(home, text)
    assert labels(data) == dict(zip(FILES, LABELS, strict=True))
    assert data[0].frames.shape == (3, 16, 16, 3)


def test_a_video_whose_name_begins_with_a_hash_is_no_comment(home: Path, tmp_path: Path) -> None:
    for name in ("#1 best.mp4", "#yoga.mp4"):
        shutil.copy(home / FILES[0], tmp_path / name)
    data = make(tmp_path, '# note\n#1 best.mp4 1\n"#yoga.mp4" 2\n#yoga.mp4 2\n# yoga.mp4 0\n')
    assert {file.path.name: file.label for file in data.files} == {"#1 best.mp4": 1, "#yoga.mp4": 2}


def test_absolute_paths_and_a_root_of_their_own(home: Path, tmp_path: Path) -> None:
    text = "".join(f"{home / f} {n}\n" for f, n in zip(FILES, LABELS, strict=True))
    assert labels(make(tmp_path, text)) == dict(zip(FILES, LABELS, strict=True))
    assert len(make(tmp_path, lines(" "), root=home)) == 4
    with pytest.raises(DatasetError, match=r"4 of 4 videos are missing.*set dataset\.root"):
        make(tmp_path, lines(" "))
    with pytest.raises(DatasetError, match=r"no folder .*none"):
        make(tmp_path, lines(" "), root=home / "none")


def test_columns_are_what_the_key_says(home: Path) -> None:
    rows = zip(FILES, LABELS, strict=True)
    text = "".join(f"{f} 48 {n}\n" for f, n in rows)  # GluonCV: path, number of frames, label
    with pytest.raises(DatasetError, match=r"more columns .* dataset\.columns=\[path,_,label\]"):
        make(home, text)
    assert labels(make(home, text, columns=["path", "_", "label"])) == dict(
        zip(FILES, LABELS, strict=True)
    )
    timed = make(
        home, "val/c.mp4 10 14 2\nval/c.mp4 0 4 1\n", columns=["path", "start", "end", "label"]
    )
    found = {clip.id: (clip.label, int(clip.frames[1, 8, 8, 0]) // 5) for clip in timed}
    assert found == {"val/c.mp4 10-14": (2, 23), "val/c.mp4 0-4": (1, 3)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("val/c.mp4\n", r"line 1: expected path label, not 'val/c\.mp4'"),
        ("val 300 2\n", r"line 1: val is a folder of pictures"),  # MMAction2's rawframes
        ("val/c.mp4 1\nval/c.mp4 2\n", r"line 2: val/c\.mp4 has the label 2, and above 1"),
        ("val/c.mp4 7\n", r"knows none of this split's 1 classes.*list 7.*model\.labels"),
        ("label,youtube_id,time_start,time_end,split\n", "list of Kinetics' own: use dataset=kin"),
        (b"caf\xe9.mp4 0\n", "no text in UTF-8"),
        ("", "split test of the list is empty"),
    ],
)
def test_what_is_wrong_with_a_line_is_told(home: Path, text: Any, words: str) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        make(home, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "columns", [["path"], ["path", "label", "label"], ["path", "label", "start"], ["x", "label"]]
)
def test_columns_that_tell_too_little(home: Path, columns: list[str]) -> None:
    with pytest.raises(ValueError, match=r"dataset\.columns must be path and label"):
        make(home, lines(" "), columns=columns)


def test_parts_are_their_lists_and_validation_is_cut_from_train(home: Path) -> None:
    with pytest.raises(DatasetError, match=r"split train has no list: set dataset\.train"):
        make(home, lines(" "), "train")
    with pytest.raises(DatasetError, match=r"split validation has no list|split train has no list"):
        make(home, lines(" "), "validation")
    with pytest.raises(DatasetError, match=r"no list .*none: set dataset\.train"):
        make(home, lines(" "), train=home / "none")
    train = home / "train.txt"
    train.write_text(lines(" "))
    splits = {
        split: {
            f.id for f in make(home, lines(" "), split, train=train, validation_share=0.5).files
        }
        for split in ("train", "validation", "test")
    }
    assert splits["test"] == set(FILES) == splits["train"] | splits["validation"]
    assert splits["validation"] and not splits["train"] & splits["validation"]


def test_all_lists_tell_where_numbers_begin(home: Path) -> None:
    """A test list without the last class does not make its numbers begin at another place."""
    (home / "train.txt").write_text(lines(" ", first=1))
    data = make(home, "val/c.mp4 2\n", train=home / "train.txt")
    assert data.files[0].label == 1
    assert make(home, "val/c.mp4 2\n").files[0].label == 2


def test_names_of_the_numbers_find_the_victims_own_order(home: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("yoga\nabseiling\nplaying guitar\n")
    data = make(home, lines(" "), labels=str(tmp_path / "names.txt"))
    assert labels(data) == {f: (2, 0, 1)[n] for f, n in zip(FILES, LABELS, strict=True)}


def test_numbers_are_the_classes_where_no_victim_says_otherwise(home: Path) -> None:
    data = make(home, "val/c.mp4 10\ntrain/a,b.mp4 9\n", classes=None)
    assert data.classes == ("9", "10")


# Class folders of numbers, in place of names.


@pytest.mark.parametrize(
    ("folders", "wanted"),
    [
        (("0", "1", "2"), {"0": 0, "1": 1, "2": 2}),
        (("1", "2", "3"), {"1": 0, "2": 1, "3": 2}),
        (("000", "002"), {"000": 0, "002": 2}),
    ],
)
def test_folders_of_numbers_are_places_in_the_scores(
    home: Path, tmp_path: Path, folders: tuple[str, ...], wanted: dict[str, int], caplog
) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
        shutil.copy(home / "video.mkv", tmp_path / name / f"{name}.mkv")
    data = Folder("test", SMALL, CLASSES, root=tmp_path, validation_share=0.0, test_share=1.0)
    assert {f.name: f.label for f in data.files} == wanted
    first = folders[0]
    assert f"({first} is {CLASSES[wanted[first]]})" in caplog.text
    with pytest.raises(DatasetError, match=r"none of this split's .* set model\.labels to a file"):
        Folder("test", SMALL, CLASSES[:2], root=tmp_path, validation_share=0.0, test_share=1.0)


def test_numbers_in_range() -> None:
    assert numbered(["0", "1"], 2) == {"0": 0, "1": 1}
    assert numbered(["1", "2"], 2) == {"1": 0, "2": 1}
    assert numbered(["0", "2"], 2) is None
    assert numbered(["1", "x"], 2) is None
    assert numbered([], 2) is None
