"""Protects UCF-101: official splits, no leaks between splits, labels in the victim's order."""

import logging
import pickle
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.videos import write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets import files
from video_attack.envs.datasets.base import BadClipError, DatasetError, load_clips
from video_attack.envs.datasets.ucf101 import Ucf101

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
CLASSES = ["surfing", "Horse race", "ARCHERY", "yodelling"]
NAMES = ("Archery", "HorseRace", "Surfing", "Punch")


def lines(groups: range, label: bool) -> str:
    out = [
        f"{name}/v_{name}_g{group:02d}_c{clip:02d}.avi" + (f" {number}" if label else "")
        for number, name in enumerate(NAMES, start=1)
        for group in groups
        for clip in (1, 2)
    ]
    return "\r\n".join(out) + "\r\n\r\n"  # as the official lists end their lines


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A UCF-101 of four classes, 10 groups of 2 clips, of which groups 1 to 3 are for testing."""
    home = tmp_path_factory.mktemp("ucf")
    (home / "lists").mkdir()
    (home / "lists/testlist01.txt").write_text(lines(range(1, 4), label=False), newline="")
    (home / "lists/trainlist01.txt").write_text(lines(range(4, 11), label=True), newline="")
    pictures = [np.full((24, 32, 3), 20 * i, np.uint8) for i in range(10)]
    source = write(home / "source.avi", pictures, "mpeg4", "yuv420p")
    for file in ("testlist01.txt", "trainlist01.txt"):
        for line in (home / "lists" / file).read_text().split():
            if line.endswith(".avi"):
                target = home / "UCF-101" / line
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    return home


@pytest.fixture
def broken(home: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(home, tmp_path / "ucf"))


def make(home: Path, split: Any = "test", **options: Any) -> Ucf101:
    own = {"classes": CLASSES, "sampling": SMALL, "lists": home / "lists", "disk_cache_gb": 0}
    options = own | options
    return Ucf101(split=split, root=home / "UCF-101", **options)


def test_labels_index_the_victims_classes(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        data = make(home)
    assert len(data) == 18  # three known classes, three groups, two clips
    assert "6 of 24 clips left out" in caplog.text
    assert data.classes == tuple(CLASSES)
    wanted = {"Surfing": 0, "HorseRace": 1, "Archery": 2}
    for clip in load_clips(data, range(len(data))):
        assert clip.frames.shape == (4, 16, 16, 3)
        assert clip.label == wanted[clip.id.split("_")[1]]
    assert len({file.id for file in data.files}) == 18


@pytest.mark.parametrize("share", [0.15, 0.3, 0.5])
def test_parts_are_disjoint_in_groups_and_complete(home: Path, share: float) -> None:
    groups = {}
    for split in ("train", "validation", "test"):
        ids = [file.id for file in make(home, split, validation_share=share).files]
        groups[split] = {re.sub(r"_c\d+$", "", name) for name in ids}
        assert len(ids) == 2 * len(groups[split])
    assert not groups["train"] & groups["validation"]
    assert not groups["test"] & (groups["train"] | groups["validation"])
    assert len(groups["validation"]) == 3 * round(7 * share)
    assert sum(map(len, groups.values())) == 30


def test_validation_does_not_move_with_the_seed(home: Path) -> None:
    first, second = ({f.id for f in make(home, "validation", seed=s).files} for s in (0, 1))
    assert first == second


def test_order_is_seeded_and_every_prefix_balanced(home: Path) -> None:
    whole = [file.id for file in make(home, seed=3).files]
    assert whole == [file.id for file in make(home, seed=3).files]
    assert whole != [file.id for file in make(home, seed=4).files]
    for n in (1, 4, 9, 17):
        split = make(home, seed=3, clips=n)
        assert [file.id for file in split.files] == whole[:n]
        counts = [sum(f.label == k for f in split.files) for k in range(3)]
        assert max(counts) - min(counts) <= 1


def test_cut_overrides_the_victims_sampling(home: Path) -> None:
    near, far = make(home, cut={"stride": 1})[0].frames, make(home)[0].frames
    assert np.ptp(near[:, 8, 8, 0]) < 0.7 * np.ptp(far[:, 8, 8, 0])
    changed = make(home, cut={"spread": "uniform", "short_side": None})
    assert changed.sampling == replace(SMALL, spread="uniform", short_side=None)


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ({"strides": 2}, r"cut\.strides: choose from stride, spread, short_side"),
        ({"frames": 8}, r"cut\.frames: .*set model\.frames"),
        ({"stride": 0}, r"cut\.stride=0: must be at least 1"),
        ({"stride": "4"}, r"cut\.stride='4': must be a whole number"),
        ({"stride": None}, r"cut\.stride=None: must be a whole number"),
        ({"spread": "even"}, r"cut\.spread='even': choose one of centre"),
        ({"short_side": 15}, r"cut\.short_side=15 is less than size=16"),
    ],
)
def test_cut_names_what_is_wrong(home: Path, cut: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(home, cut=cut)


def test_missing_videos_are_an_error_unless_allowed(
    broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (broken / "UCF-101/Archery/v_Archery_g01_c01.avi").unlink()
    with pytest.raises(DatasetError, match=r"1 of 18 .*Archery/v_Archery_g01_c01\.avi.*allow_miss"):
        make(broken)
    assert len(make(broken, allow_missing=True)) == 17
    assert "1 of 18 videos are missing" in caplog.text
    assert len(make(broken, "train")) > 0  # the other splits are whole
    shutil.rmtree(broken / "UCF-101")
    (broken / "UCF-101").mkdir()
    with pytest.raises(DatasetError, match=r"18 of 18 .*set dataset\.root"):
        make(broken, allow_missing=True)


def test_missing_folders_say_where_to_get_them(broken: Path) -> None:
    with pytest.raises(DatasetError, match=r"testlist02\.txt.*crcv\.ucf\.edu"):
        make(broken, fold=2)
    shutil.rmtree(broken / "UCF-101")
    with pytest.raises(DatasetError, match=r"no folder .*UCF101\.rar.*crcv\.ucf\.edu"):
        make(broken)


def test_foreign_line_and_foreign_victim(broken: Path) -> None:
    with pytest.raises(DatasetError, match="knows none of this split's 4 classes"):
        make(broken, classes=["a", "b"])
    (broken / "lists/testlist01.txt").write_text("Archery/v_Archery_g01_c01.avi\nhello\n")
    with pytest.raises(DatasetError, match=r"testlist01\.txt, line 2: .*'hello'"):
        make(broken)
    with pytest.raises(DatasetError, match="split validation of UCF-101 is empty"):
        make(broken, "validation", validation_share=0.0)


@pytest.mark.parametrize(
    "option",
    [
        {"fold": 4},
        {"validation_share": 1.0},
        {"clips": 0},
        {"cache_mb": -1},
        {"disk_cache_gb": -1},
        {"split": "tests"},
        {"fill": True, "cache_mb": 0},
    ],
)
def test_options_out_of_range(home: Path, option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        make(home, **option)


def test_bad_clips_are_skipped_with_their_names(
    broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (broken / "UCF-101/Archery/v_Archery_g01_c01.avi").write_bytes(b"")
    data = make(broken)
    bad = [file.id for file in data.files].index("v_Archery_g01_c01")
    with pytest.raises(BadClipError, match=r"v_Archery_g01_c01\.avi"):
        data[bad]
    assert len(list(load_clips(data, range(len(data))))) == 17
    assert caplog.text.count("v_Archery_g01_c01.avi") == 1
    assert list(load_clips(data, [])) == []
    with pytest.raises(DatasetError, match="none of 2 clips"):
        list(load_clips(data, [bad, bad]))


def test_memory_keeps_recent_clips_within_bounds(broken: Path) -> None:
    big = Sampling(frames=4, size=200, short_side=200)  # 480 kB: two clips to a MiB
    data = make(broken, sampling=big, cache_mb=1)
    first = data[0]
    with pytest.raises(ValueError, match="read-only"):
        first.frames[:] = 0
    shutil.rmtree(broken / "UCF-101")
    assert data[0] is first and data[-len(data)] is first
    assert len(pickle.dumps(data)) < 20_000
    with pytest.raises(BadClipError):
        data[1]
    with pytest.raises(IndexError):
        data[len(data)]


def test_memory_forgets_the_longest_unused(home: Path) -> None:
    data = make(home, sampling=Sampling(frames=4, size=200, short_side=200), cache_mb=1)
    zero, one = data[0], data[1]
    assert data[0] is zero
    _ = data[2]  # pushes clip 1 out, since clip 0 was used later
    assert data[0] is zero and data[1] is not one
    assert np.array_equal(data[1].frames, one.frames)


def test_disk_keeps_clips_for_later_runs(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEO_ATTACK_CACHE", str(tmp_path / "cache"))
    options: dict[str, Any] = {"disk_cache_gb": 0.01, "cache_mb": 0}
    first = [clip.frames for clip in make(broken, fill=True, **options)]
    monkeypatch.setattr(files, "read_frames", None)  # a call would raise
    again = make(broken, **options)
    assert all(np.array_equal(clip.frames, old) for clip, old in zip(again, first, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        again[0].frames[:] = 0
    with pytest.raises(TypeError):
        make(broken, cut={"stride": 1}, **options)[0]
