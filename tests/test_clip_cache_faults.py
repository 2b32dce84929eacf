"""Protects the cache of decoded clips in bad times: many writers, kills, damaged entries, full and
read-only disks never change what is read and never stop the work."""

import errno
import multiprocessing
import os
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kept_clips import ENTRY, SMALL, Reader, entries, read, videos
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.clip_cache import ClipCache

LARGE = Sampling(frames=64, size=224, short_side=224)  # takes long to write, so kills hit writing


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return videos(tmp_path / "videos", 1)[0]


@pytest.fixture
def cache(tmp_path: Path) -> ClipCache:
    return ClipCache(tmp_path / "cache", 1)


def cut(entry: Path, other: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-1])


def lengthen(entry: Path, other: Path) -> None:
    entry.write_bytes(entry.read_bytes() + b"\0")


def empty(entry: Path, other: Path) -> None:
    entry.write_bytes(b"")


def flip(entry: Path, other: Path) -> None:
    content = bytearray(entry.read_bytes())
    content[100] ^= 1
    entry.write_bytes(content)


def exchange(entry: Path, other: Path) -> None:
    shutil.copy(other, entry)


@pytest.mark.parametrize("damage", [cut, lengthen, empty, flip, exchange])
def test_a_damaged_entry_is_thrown_away_and_read_again(damage, cache, tmp_path, caplog):
    first, second = videos(tmp_path / "videos", 2)
    reader = Reader()
    cache.frames(first, SMALL, reader)
    (entry,) = entries(cache.folder)
    cache.frames(second, SMALL, reader)
    (other,) = set(entries(cache.folder)) - {entry}
    damage(entry, other)
    for _ in range(2):
        assert np.array_equal(cache.frames(first, SMALL, reader), read(first, SMALL))
    assert reader.read == ["0.avi", "1.avi", "0.avi"]
    (message,) = caplog.messages
    assert entry.name in message and "damaged" in message


def test_what_dead_writers_left_goes_when_it_is_old(cache, video):
    cache.folder.mkdir()
    old, young = (cache.folder / f"{'0' * 64}.{name}.part" for name in ("old", "young"))
    for file in (old, young):
        file.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    (cache.folder / "notes.txt").write_text("not ours")
    cache.frames(video, SMALL, read)
    assert not old.exists() and young.exists() and (cache.folder / "notes.txt").exists()


def work(folder: Path, paths: list[Path], sampling: Sampling, gigabytes: float, seed: int) -> None:
    """Fill in an order of one's own, and check every answer; what another process runs."""
    cache = ClipCache(folder, gigabytes)
    for index in np.random.default_rng(seed).permutation(len(paths)):
        path = paths[index]
        assert np.array_equal(cache.frames(path, sampling, read), read(path, sampling))
    assert cache._writes  # no failure of another's making


@pytest.fixture(scope="module")
def processes() -> Any:
    """Forked from a clean server, since this process may have threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_clip_cache_faults"])
    return context


@pytest.mark.parametrize("room", [10, 1000])
def test_four_processes_fill_one_folder_at_once(room, processes, tmp_path):
    paths, folder = videos(tmp_path / "videos", 60), tmp_path / "cache"
    bound = room * ENTRY / 1e9
    crew = [
        processes.Process(target=work, args=(folder, paths, SMALL, bound, seed))
        for seed in range(4)
    ]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join(60)
    assert [worker.exitcode for worker in crew] == [0] * 4
    kept = entries(folder)
    assert set(folder.iterdir()) == set(kept)  # nothing half-written
    assert len(kept) == 60 if room == 1000 else 0 < len(kept) <= room + 3


def test_killed_while_filling_and_resumed(processes, tmp_path):
    paths, folder = videos(tmp_path / "videos", 8), tmp_path / "cache"
    for wanted in (1, 3, 5):
        worker = processes.Process(target=work, args=(folder, paths, LARGE, 1, wanted))
        worker.start()
        end = time.monotonic() + 60
        while len(list(folder.glob("*"))) < wanted and time.monotonic() < end:
            time.sleep(0.001)
        worker.kill()
        worker.join()
    found = len(entries(folder))
    reader = Reader()
    cache = ClipCache(folder, 1)
    for path in paths:
        assert np.array_equal(cache.frames(path, LARGE, reader), read(path, LARGE))
    assert len(entries(folder)) == 8 and len(reader.read) == 8 - found


def refuse_writing(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(code, os.strerror(code))

    plain = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", **kw: fail() if "x" in mode else plain(path, mode, **kw),
    )
    if code == errno.EROFS:
        monkeypatch.setattr(os, "utime", fail)
        monkeypatch.setattr(Path, "unlink", fail)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_costs_one_warning(code, cache, tmp_path, monkeypatch, caplog):
    paths = videos(tmp_path / "videos", 4)
    cache.frames(paths[0], SMALL, read)
    refuse_writing(code, monkeypatch)
    reader = Reader()
    for path in paths * 2:
        assert np.array_equal(cache.frames(path, SMALL, reader), read(path, SMALL))
    assert "0.avi" not in reader.read  # what is there is still of use
    (message,) = caplog.messages
    assert str(cache.folder) in message and os.strerror(code) in message


def test_a_file_that_cannot_be_finished_is_removed(cache, tmp_path, caplog):
    (path,) = videos(tmp_path / "videos", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # writing ends after 100 bytes
    try:
        frames = cache.frames(path, SMALL, read)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert np.array_equal(frames, read(path, SMALL))
    assert list(cache.folder.iterdir()) == [] and len(caplog.messages) == 1


def test_no_folder_can_be_made(tmp_path, video, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = ClipCache(tmp_path / "file" / "clips", 1)
    for _ in range(2):
        assert np.array_equal(cache.frames(video, SMALL, read), read(video, SMALL))
    assert len(caplog.messages) == 1
