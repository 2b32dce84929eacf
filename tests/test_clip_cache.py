"""Protects the cache of decoded clips: what it gives is what the decoder gave for this content and
this sampling; it keeps to its bound; it can be filled before the work begins."""

import io
import logging
import os
import pickle
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kept_clips import ENTRY, SMALL, Reader, entries, read, size, videos
from tests.toys import DarkClips, TornClips
from video_attack.envs.clip import Clip, Frames, Sampling
from video_attack.envs.datasets import clip_cache
from video_attack.envs.datasets.base import BadClipError, ClipDataset
from video_attack.envs.datasets.clip_cache import ClipCache, fill


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return videos(tmp_path / "videos", 1)[0]


@pytest.fixture
def cache(tmp_path: Path) -> ClipCache:
    return ClipCache(tmp_path / "cache", 1)


def test_a_clip_is_decoded_once_and_its_video_read_once_a_process(cache, video, monkeypatch):
    reader = Reader()
    first = cache.frames(video, SMALL, reader)
    opened = []
    monkeypatch.setattr(Path, "open", _spy(Path.open, opened))
    for again in (cache.frames(video, SMALL, reader), cache.frames(video, SMALL, reader)):
        assert np.array_equal(again, first) and again.dtype == np.uint8
        again[:] = 0  # the caller's own
    assert reader.read == ["0.avi"] and video not in opened
    ClipCache(cache.folder, 1).frames(video, SMALL, reader)
    assert reader.read == ["0.avi"] and video in opened


def _spy(method: Callable[..., Any], seen: list[Path]) -> Callable[..., Any]:
    def spying(path: Path, *args: Any, **kwargs: Any) -> Any:
        seen.append(path)
        return method(path, *args, **kwargs)

    return spying


def test_content_counts_and_not_the_name(cache, video):
    reader = Reader()
    cache.frames(video, SMALL, reader)
    moved = video.rename(video.with_name("moved.avi"))
    cache.frames(moved, SMALL, reader)
    assert reader.read == ["0.avi"]
    time.sleep(0.01)  # file systems tell times apart in steps of some milliseconds
    moved.write_bytes(b"\x05")  # as long as before
    assert np.array_equal(cache.frames(moved, SMALL, reader), read(moved, SMALL))
    assert reader.read == ["0.avi", "moved.avi"]


def test_every_field_of_the_sampling_and_the_decoder_count(cache, video, monkeypatch):
    reader = Reader()
    other = {"frames": 5, "size": 7, "short_side": 9, "stride": 3, "spread": "uniform"}
    assert set(other) == {field.name for field in fields(Sampling)}
    for sampling in (SMALL, *(replace(SMALL, **{key: value}) for key, value in other.items())):
        for _ in range(2):
            assert np.array_equal(cache.frames(video, sampling, reader), read(video, sampling))
    assert len(reader.read) == 6 == len(entries(cache.folder))
    monkeypatch.setattr(clip_cache, "DECODER", "next")
    cache.frames(video, SMALL, reader)
    assert len(reader.read) == 7


def test_a_video_that_changes_or_goes_while_it_is_read_is_not_kept(cache, video):
    def changing(path: Path, sampling: Sampling) -> Frames:
        frames = read(path, sampling)
        path.write_bytes(b"longer")
        return frames

    def vanishing(path: Path, sampling: Sampling) -> Frames:
        frames = read(path, sampling)
        path.unlink()
        return frames

    cache.frames(video, SMALL, changing)
    cache.frames(video, SMALL, vanishing)
    assert not cache.folder.exists()


def test_a_missing_or_bad_video_is_the_readers_error(cache, video):
    def refusing(path: Path, sampling: Sampling) -> Frames:
        raise BadClipError(f"{path} is bad")

    for path in (video, video.with_name("gone.avi")):
        with pytest.raises(BadClipError, match=path.name):
            cache.frames(path, SMALL, refusing)
    with pytest.raises(ValueError, match=r"\(3, 8, 8, 3\), but its sampling says"):
        cache.frames(video, SMALL, lambda path, sampling: read(path, sampling)[:3])
    assert not cache.folder.exists()


@given(
    room=st.integers(0, 6), asked=st.lists(st.tuples(st.integers(0, 9), st.integers(6, 8)), max_size=40)
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_bound_is_kept_and_answers_stay_right(room: int, asked: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        paths = videos(Path(home) / "videos", 10)
        bound = room * ENTRY + ENTRY // 2
        cache = ClipCache(Path(home) / "cache", bound / 1e9)
        for index, side in asked:
            sampling = replace(SMALL, size=side)
            reader = Reader()
            frames = cache.frames(paths[index], sampling, reader)
            assert np.array_equal(frames, read(paths[index], sampling))
            if room:
                assert size(cache.folder) <= bound
                cache.frames(paths[index], sampling, again := Reader())
                assert not again.read  # the newest is never the one to go


def test_the_least_recently_used_goes(tmp_path):
    paths = videos(tmp_path / "videos", 4)
    cache = ClipCache(tmp_path / "cache", 3 * ENTRY / 1e9)
    for age, path in enumerate(paths[:3]):
        before = set(entries(cache.folder))
        cache.frames(path, SMALL, read)
        (new,) = set(entries(cache.folder)) - before
        os.utime(new, (1e9 + age, 1e9 + age))
    cache.frames(paths[0], SMALL, read)  # the oldest is used again
    cache.frames(paths[3], SMALL, read)
    reader = Reader()
    for path in (paths[0], paths[2], paths[3], paths[1]):
        cache.frames(path, SMALL, reader)
    assert reader.read == ["1.avi"]


def test_none_is_kept_with_a_bound_of_zero(tmp_path, video):
    cache = ClipCache(tmp_path / "cache", 0)
    for _ in range(2):
        cache.frames(video, SMALL, reader := Reader())
        assert reader.read
    assert not cache.folder.exists()
    with pytest.raises(ValueError, match="gigabytes=-1"):
        ClipCache(tmp_path, -1)


def test_the_usual_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("VIDEO_ATTACK_CACHE", str(tmp_path))
    assert ClipCache(None, 1).folder == tmp_path / "clips"
    monkeypatch.delenv("VIDEO_ATTACK_CACHE")
    assert ClipCache(None, 1).folder == Path.home() / ".cache/video-attack-marl/clips"


def test_it_goes_to_other_processes(cache, video):
    cache.frames(video, SMALL, read)
    copy = pickle.loads(pickle.dumps(cache))
    copy.frames(video, SMALL, reader := Reader())
    assert reader.read == []


def test_fill_reads_all_and_names_bad_clips(caplog, monkeypatch):
    monkeypatch.setattr(clip_cache, "_EVERY", -1.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    caplog.set_level(logging.INFO)
    assert fill(TornClips({3, 7}, clips=20)) == 18
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert sorted(warnings) == [f"dark-{i}.avi cannot be decoded; skipped" for i in (3, 7)]
    assert "decoded 5 of 20 clips" in caplog.messages and "18 of 20" in caplog.messages[-1]
    assert sys.stderr.getvalue() == ""


def test_fill_shows_a_bar_on_a_terminal(caplog, monkeypatch):
    monkeypatch.setattr(clip_cache, "_EVERY", -1.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    caplog.set_level(logging.INFO)
    fill(DarkClips(20))
    assert "20/20" in sys.stderr.getvalue() and len(caplog.messages) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Pairs(DarkClips):
    """A clip comes only when two are asked for at the same time."""

    gate = threading.Barrier(2, timeout=10)

    def __getitem__(self, index: int) -> Clip:
        self.gate.wait()
        return super().__getitem__(index)


class Faulty(DarkClips):
    """Has a fault that is no bad clip."""

    def __getitem__(self, index: int) -> Clip:
        raise RuntimeError("a fault")


def test_fill_works_side_by_side_and_passes_other_errors_on():
    dataset: ClipDataset = Pairs(clips=6)
    assert fill(dataset, workers=2) == 6
    with pytest.raises(RuntimeError, match="a fault"):
        fill(Faulty(clips=100))
