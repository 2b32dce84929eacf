"""Protects folders of videos and single files: splits that never change by themselves, labels by name
or index, and errors that tell what to name."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.videos import greys, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.datasets.folder import Folder
from video_attack.envs.datasets.given import GivenFiles
from video_attack.envs.datasets.names import find_class, plain
from video_attack.envs.datasets.partition import hashed_split

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
CLASSES = ["Archery", "tying knot (not on a tie)"]
SPLITS: Any = ("train", "validation", "test")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def ids(root: Path, split: Any, **options: Any) -> set[str]:
    return {f.id for f in Folder(split, SMALL, CLASSES, root=root, **options).files}


def test_names_decide_parts_whatever_else_is_there(tmp_path: Path) -> None:
    names = [f"archery/clip {i}.mp4" for i in range(300)]
    touch(tmp_path, *names, "archery/notes.txt", "archery/.hidden.mp4", "loose.mp4")
    splits = {split: ids(tmp_path, split) for split in SPLITS}
    assert set.union(*splits.values()) == set(names) and sum(map(len, splits.values())) == 300
    assert abs(len(splits["test"]) - 75) < 25 and abs(len(splits["validation"]) - 45) < 20
    for name in names[::2]:
        (tmp_path / name).unlink()
    assert {split: ids(tmp_path, split) for split in SPLITS} == {
        split: found - set(names[::2]) for split, found in splits.items()
    }
    assert len(ids(tmp_path, "test", test_share=1.0, validation_share=0.0)) == 150


@given(st.text(max_size=20), st.floats(0, 0.5), st.floats(0, 0.5))
@settings(max_examples=50, deadline=None)
def test_larger_shares_only_add(name: str, validation: float, test: float) -> None:
    split = hashed_split(name, validation, test)
    assert split == hashed_split(name, validation, test)
    if split == "test":
        assert hashed_split(name, validation, test + 0.1) == "test"
    assert hashed_split(name, 0, 0) == "train"


def test_the_split_of_known_names_never_changes() -> None:
    found = [hashed_split(f"v{i}.mp4", 0.15, 0.25)[:2] for i in range(12)]
    assert " ".join(found) == "tr te tr tr te te te te tr tr tr te"


def test_folders_of_parts_are_obeyed(tmp_path: Path) -> None:
    clips = [f"Archery/{i}.avi" for i in range(10)]
    touch(tmp_path, *(f"train/{c}" for c in clips), *(f"test/{c}" for c in clips[:3]))
    assert ids(tmp_path, "test") == set(clips[:3])
    train, validation = (
        ids(tmp_path, "train"),
        ids(
            tmp_path,
            "validation",
        ),
    )
    assert len(validation) == 2 and train | validation == set(clips) and not train & validation
    touch(tmp_path, "val/archery/x.webm")
    assert ids(tmp_path, "validation") == {"archery/x.webm"}
    assert ids(tmp_path, "train") == set(clips)


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/{i}.mp4" for i in range(9)))
    files = Folder("train", SMALL, ["boat", "Train"], root=tmp_path, test_share=0.0).files
    assert {file.label for file in files} == {1}


def test_what_a_folder_lacks_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no folder .*dataset\.root"):
        ids(tmp_path / "none", "test")
    with pytest.raises(DatasetError, match=r"expected .*CLASS/CLIP\.mp4"):
        ids(tmp_path, "test")
    touch(tmp_path, "train/archery/a.mp4")
    with pytest.raises(DatasetError, match=r"no folder .*/test beside .*/train"):
        ids(tmp_path, "test")
    with pytest.raises(DatasetError, match="split validation of the folder is empty"):
        ids(tmp_path, "validation")
    with pytest.raises(DatasetError, match=r"none of this split's 1 classes: .*Archery.*archery"):
        Folder("train", SMALL, ["x", "Archeryy"], root=tmp_path)
    with pytest.raises(ValueError, match=r"test_share must be .* at most 1 together"):
        ids(tmp_path, "test", test_share=0.9)


def test_any_container_is_read(tmp_path: Path) -> None:
    for name, codec, pixels in [("a.avi", "mpeg4", "yuv420p"), ("b.MKV", "ffv1", "bgr0"),
                                ("c.mov", "mpeg4", "yuv420p"), ("d.webm", "libvpx", "yuv420p"),
                                ("e.flv", "flv1", "yuv420p"), ("f.wmv", "wmv2", "yuv420p"),
                                ("g.mpg", "mpeg1video", "yuv420p"), ("h.ts", "mpeg2video", "yuv420p"),
                                ("i.gif", "gif", "rgb8")]:  # fmt: skip
        write(tmp_path / "archery" / name, greys(10, 32, 48), codec, pixels)
    data = Folder("test", SMALL, CLASSES, root=tmp_path, validation_share=0.0, test_share=1.0,
                  disk_cache_gb=0)  # fmt: skip
    assert len(data) == 9
    for clip in data:
        assert clip.frames.shape == (4, 16, 16, 3) and clip.label == 0
        # FFmpeg's .gif reader shows the last picture as it is; lossy codecs are near.
        assert abs(int(clip.frames[2, 8, 8, 1]) - 25) <= 10, clip.id


def given_files(paths: Any, label: Any = None, classes: Any = CLASSES) -> GivenFiles:
    return GivenFiles("test", SMALL, classes, paths=paths, label=label, disk_cache_gb=0)


def test_one_file_or_several(tmp_path: Path) -> None:
    one = write(tmp_path / "[odd] & name!.mkv", greys(10))
    two = write(tmp_path / "Tying Knot, not on a tie/b.mkv", greys(10))
    assert given_files(str(one), "ARCHERY")[0].label == 0
    assert given_files(one, 1)[0].label == 1
    assert given_files(two)[0].label == 1
    both = given_files([str(one), str(two), str(one)], "archery")
    assert sorted(clip.id for clip in both) == sorted([str(one), str(two)])


@pytest.mark.parametrize(
    ("paths", "label", "words"),
    [
        (None, 0, r"set dataset\.paths to a file"),
        ([], 0, r"set dataset\.paths to a file"),
        ("none.mp4", 0, r"no video none\.mp4"),
        ("here", None, r"the class of .* is not known.*set dataset\.label.*Archery, tying"),
        ("here", "archer", r"label='archer' is no class.*such as Archery"),
        ("here", 2, r"label=2: the victim has classes 0 to 1"),
        ("here", -1, r"label=-1"),
    ],
)
def test_what_a_given_file_lacks_is_told(
    tmp_path: Path, paths: Any, label: Any, words: str
) -> None:
    if paths == "here":
        paths = touch(tmp_path, "a.mp4") / "a.mp4"
    with pytest.raises(DatasetError, match=words):
        given_files(paths, label)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("tying_knot_(not_on_a_tie)", 0),
        ("Tying Knot -not on a tie-", 0),
        ("massaging persons head", 1),
        ("re\u0301parer", 4),  # as a Mac writes é
        ("RÉPARER", 4),
        ("कूदना", 5),  # which differs from the next in its vowel signs only
        ("C", 2),
        ("c++", None),
        ("C#", 3),
        ("knot", None),
    ],
)
def test_names_are_matched_by_letters_and_digits(name: str, index: int | None) -> None:
    classes = [
        "tying knot (not on a tie)",
        "massaging person's head",
        "C",
        "C#",
        "réparer",
        "कूदना ",
        "कदन",
    ]
    assert find_class(name, classes) == index


@given(st.text(max_size=12))
@settings(max_examples=50, deadline=None)
def test_plain_names_are_plain(name: str) -> None:
    assert plain(plain(name)) == plain(name) == plain(f"_{name} -")
