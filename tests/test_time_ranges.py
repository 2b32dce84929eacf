"""Protects the ranges of time that lists name: an untrimmed video gives the clip between them and no
other, one that was cut already is taken whole, and lists are read under every name and mark."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.videos import greys, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import BadClipError, DatasetError
from video_attack.envs.datasets.kinetics import Kinetics
from video_attack.envs.datasets.video import frames_within, read_frames

SMALL = Sampling(frames=3, size=16, short_side=20, stride=2)
HEADER = "label,youtube_id,time_start,time_end,split\n"
RATE = 2  # frames a second: frame i is shown at i / 2 and grey 5 i


@pytest.fixture(scope="module")
def untrimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("long") / "abc.mkv", greys(48, 24, 32), rate=RATE)


def greys_of(path: Path, *span: float) -> list[int]:
    return [int(x) // 5 for x in read_frames(path, SMALL, span)[:, 8, 8, 0]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("span", "middle"),
    [
        ((0, 4), (1, 3, 5)),
        ((10, 14), (21, 23, 25)),
        ((20, 24), (41, 43, 45)),
        ((7.5, 9), (15, 16, 17)),
    ],
)
def test_the_clip_lies_between_the_seconds(
    untrimmed: Path, span: tuple[float, float], middle: tuple[int, ...]
) -> None:
    assert tuple(greys_of(untrimmed, *span)) == middle


@given(start=st.integers(0, 22), length=st.integers(1, 10))
@settings(max_examples=30, deadline=None)
def test_no_frame_of_outside_comes_in(untrimmed: Path, start: int, length: int) -> None:
    inside = frames_within(untrimmed, start, start + length)
    assert list(inside) == [i for i in range(48) if start <= i / RATE < start + length]


# Trimmed by seconds, at key frames (a second longer), and with the rest of a short video.
@pytest.mark.parametrize("frames", [20, 21, 15, 2, 30])
def test_a_file_that_was_cut_already_is_taken_whole(tmp_path: Path, frames: int) -> None:
    file = write(tmp_path / "abc.mkv", greys(frames, 24, 32), rate=RATE)
    assert list(frames_within(file, 70, 80)) == list(range(frames))


def test_a_file_that_is_little_longer_is_cut_where_it_reaches_the_end(tmp_path: Path) -> None:
    file = write(tmp_path / "abc.mkv", greys(22, 24, 32), rate=RATE)  # 11 s
    assert list(frames_within(file, 0, 10)) == list(range(20))


def test_a_file_that_ends_before_is_told(untrimmed: Path) -> None:
    with pytest.raises(BadClipError, match=r"24 s long, .* names seconds 70 to 80: fetch it again"):
        read_frames(untrimmed, SMALL, (70, 80))
    assert greys_of(untrimmed, 22, 32)[-1] <= 47  # the end of the video is all there is


def test_times_are_counted_from_the_first_frame(tmp_path: Path) -> None:
    """MPEG transport streams begin at second 1.4, or anywhere."""
    file = write(tmp_path / "a.ts", greys(50, 32, 48), "mpeg2video", "yuv420p", rate=25)
    assert list(frames_within(file, 0.4, 0.8)) == list(range(10, 20))


def test_a_varying_frame_rate_is_timed_not_counted(tmp_path: Path) -> None:
    times = [*range(0, 2000, 100), *range(2000, 20000, 1000)]
    file = write(tmp_path / "a.mkv", greys(len(times), 24, 32), times=times)
    assert list(frames_within(file, 4, 7)) == [22, 23, 24]


def make(root: Path, rows: str, name: str = "val.csv", **options: Any) -> Kinetics:
    data = rows.encode(options.pop("encoding", "utf-8"))
    (root / name).write_bytes(data)
    own: dict[str, Any] = {"root": root, "lists": root / name, "disk_cache_gb": 0, **options}
    return Kinetics("test", SMALL, ["yoga", "surfing"], **own)


def test_an_untrimmed_video_of_kinetics_gives_the_listed_clips(
    tmp_path: Path, untrimmed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEO_ATTACK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "yoga").mkdir()
    (tmp_path / "yoga/abc.mkv").symlink_to(untrimmed)
    rows = HEADER + "yoga,abc,0,4,val\nyoga,abc,10,14,val\n"
    for _ in range(2):  # the second time from the disk cache
        data = make(tmp_path, rows, disk_cache_gb=0.1, cache_mb=0)
        found = {clip.id: int(clip.frames[1, 8, 8, 0]) // 5 for clip in data}
        assert found == {"abc_000000_000004": 3, "abc_000010_000014": 23}


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("val.csv", "utf-8"),
        ("val.csv", "utf-8-sig"),  # saved by a spreadsheet: the first column would be "\ufefflabel"
        ("val.txt", "utf-8"),  # as Kinetics-600's own annotations are called
        ("kinetics_600_val.csv", "utf-8"),
        ("kinetics-400_validate.csv", "utf-16"),
        ("annotations.csv", "utf-8-sig"),
    ],
)
@pytest.mark.parametrize("column", [True, False])
def test_lists_under_every_name_and_mark(
    tmp_path: Path, untrimmed: Path, name: str, encoding: str, column: bool
) -> None:
    if not column and name == "annotations.csv":
        return
    (tmp_path / "abc_000000_000024.mkv").symlink_to(untrimmed)
    rows = HEADER + "yoga,abc,0,24,val\nyoga,other,0,4,train\n"
    if not column:
        rows = rows.replace(",split", "").replace(",val", "").replace("yoga,other,0,4,train\n", "")
    for lists in (tmp_path / name, tmp_path):
        (tmp_path / "readme.txt").write_text("lists of Kinetics\n")
        assert len(make(tmp_path, rows, name, encoding=encoding, lists=lists)) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        # Test lists whose labels are held out.
        ("youtube_id,time_start,time_end,split\nabc,0,4,val\n", "lacks one of label"),
        (HEADER + "yoga,abc,4,4,val\n", "lacks one of label"),
        (HEADER + "yoga,abc,,,val\n", "lacks one of label"),
        (
            HEADER + "yoga,abc,0,4,train\n",
            r"no video of split val, only of train: set dataset\.lists",
        ),
        (HEADER + "yoga,abc,0,4,test\n", r"only of test: .* or dataset\.test_split=test"),
        # As people try with SlowFast's train.csv, and the other way round.
        ("yoga/abc.mp4 0\n", r"lists no video|use dataset=list"),
    ],
)
def test_lists_of_another_kind_are_told(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        make(tmp_path, rows)
    assert "\n" not in str(caught.value)


def test_the_whole_video_is_as_before(untrimmed: Path) -> None:
    assert np.array_equal(read_frames(untrimmed, SMALL), read_frames(untrimmed, SMALL, (0, 24)))
