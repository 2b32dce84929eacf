"""Decoded clips on disk, so that a video is decoded once for all runs that cut it in the same way."""

import hashlib
import logging
import os
import secrets
import struct
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from video_attack.envs.cache_folder import CACHE_VARIABLE, cache_folder
from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.base import BadClipError, ClipDataset

# Raise the number whenever videos come to be read into other pixels. The libraries' versions are
# part of it: what a run reads must not depend on what an older installation left in the folder.
DECODER = f"1 av {av.__version__} cv2 {cv2.__version__}"

_HEADER = struct.Struct("<8sI")  # magic, CRC-32 of key and pixels; the pixels follow, as in memory
_MAGIC = b"vamclip1"
_ENTRY, _PARTIAL = ".clip", ".part"
_CHUNK = 1 << 20
_STALE = 3600.0  # seconds; no clip takes so long to write, so its writer was killed
_SCANS = 64  # the folder is scanned whenever a process has written this part of the bound
_FILLED = 7 / 8  # of the bound; the rest is for what is written between scans
_EVERY = 30.0  # seconds between lines in a log

log = logging.getLogger(__name__)


class ClipCache:
    """A bounded folder of decoded clips, shared by any number of processes.

    A clip is found by the content of its video (SHA-256), by every field of the sampling, by the
    seconds that it is cut from and by `DECODER`: a video that moves is found again, one that changes
    is read again. An entry appears whole or not at all, whenever a process is killed; a damaged one is
    thrown away and read again. Where nothing can be written, present entries are still read, and one
    warning is logged.

    The least recently used clips go when the bound is reached. One process keeps to the bound;
    several that write at once may pass it for a moment, each by a 64th.

    Args:
        folder: where the clips are kept; None takes the folder `clips` in the one that the
            environment variable VIDEO_ATTACK_CACHE names (~/.cache/video-attack-marl unless set).
        gigabytes: bound of the folder in 10^9 bytes; 0 keeps and looks up nothing.

    Raises:
        ValueError: the bound is negative.
    """

    def __init__(self, folder: Path | None, gigabytes: float) -> None:
        if not gigabytes >= 0:
            raise ValueError(f"gigabytes={gigabytes}: must be at least 0, which keeps no clips")
        if folder is None:
            folder = cache_folder() / "clips"
        self.folder = Path(folder).expanduser()
        self.bound = int(gigabytes * 1e9)  # bytes
        self._digests: dict[tuple[str, int, int], str] = {}
        self._writes = True
        self._unscanned = self.bound  # bytes written since the last scan; the first write scans

    def frames(
        self,
        path: Path,
        sampling: Sampling,
        read: Callable[[Path, Sampling], Frames],
        span: tuple[float, float] | None = None,
    ) -> Frames:
        """The clip of a video, from the cache or by `read(path, sampling)`, which is then kept.

        Args:
            path: the video file.
            sampling: how the clip is cut from it.
            read: decodes the clip; what it raises passes through, and nothing is kept then.
            span: the seconds of the video that `read` cuts it from; None is all.

        Returns:
            uint8 RGB (T, size, size, 3), the caller's own.
        """
        if not self.bound:
            return read(path, sampling)
        try:
            version = _version(path)
            key = self._key(path, version, sampling, span)
        except OSError:
            return read(path, sampling)  # which says what is wrong with the file
        shape = (sampling.frames, sampling.size, sampling.size, 3)
        kept = self._load(key, shape)
        if kept is not None:
            return kept
        frames = read(path, sampling)
        if frames.shape != shape or frames.dtype != np.uint8:
            raise ValueError(
                f"{path} was read as {frames.dtype} {frames.shape}, but its sampling says uint8 {shape}"
            )
        with suppress(OSError):  # the video has just gone
            if self._writes and _version(path) == version:  # else it changed while it was read
                self._keep(key, frames)
        return frames

    def _key(
        self,
        path: Path,
        version: tuple[int, int],
        sampling: Sampling,
        span: tuple[float, float] | None,
    ) -> str:
        """64 hex digits; reads the video's bytes unless this process has done so already."""
        known = (str(path), *version)
        if known not in self._digests:
            digest = hashlib.sha256()
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
            self._digests[known] = digest.hexdigest()
        text = repr((self._digests[known], DECODER, astuple(sampling), *(span or ())))
        return hashlib.sha256(text.encode()).hexdigest()

    def _load(self, key: str, shape: tuple[int, ...]) -> Frames | None:
        """The entry, or None where there is no sound one."""
        file = self.folder / f"{key}{_ENTRY}"
        frames = np.empty(shape, np.uint8)
        try:
            with file.open("rb") as stream:
                magic, checksum = _HEADER.unpack(stream.read(_HEADER.size).ljust(_HEADER.size))
                got = stream.readinto(frames.data)
                whole = got == frames.nbytes and not stream.read(1)
        except OSError:
            return None
        if not (whole and magic == _MAGIC and checksum == _checksum(key, frames)):
            log.warning("%s is damaged: its video is read again", file)
            _remove(file)
            return None
        with suppress(OSError):  # another process has just evicted it, or the folder is read-only
            os.utime(file)  # marks it as used
        return frames

    def _keep(self, key: str, frames: Frames) -> None:
        """Write an entry; a folder that cannot be written ends the writing, not the work."""
        nbytes = _HEADER.size + frames.nbytes
        if nbytes > self.bound:
            return
        new = self.folder / f"{key}.{secrets.token_hex(4)}{_PARTIAL}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._unscanned + nbytes > self.bound / _SCANS:
                self._make_room(nbytes)
            try:
                with new.open("xb") as stream:
                    stream.write(_HEADER.pack(_MAGIC, _checksum(key, frames)))
                    stream.write(np.ascontiguousarray(frames).data)
                new.replace(self.folder / f"{key}{_ENTRY}")
            finally:
                _remove(new)
        except OSError as error:
            self._writes = False
            log.warning(
                "no more clips are kept in %s (%s): free some room, or set %s to another folder",
                self.folder, error.strerror or error, CACHE_VARIABLE,
            )  # fmt: skip
            return
        self._unscanned += nbytes

    def _make_room(self, nbytes: int) -> None:
        """Remove what dead writers left, then the least recently used until `nbytes` fit."""
        found = []
        now = time.time()
        for entry in os.scandir(self.folder):
            try:
                stat = entry.stat()
            except OSError:
                continue  # another process has just removed it
            if entry.name.endswith(_PARTIAL) and now - stat.st_mtime > _STALE:
                _remove(Path(entry.path))
            elif entry.name.endswith((_PARTIAL, _ENTRY)):
                found.append((stat.st_mtime_ns, stat.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        allowed = min(self.bound * _FILLED, self.bound - nbytes)
        for _, size, path in sorted(found):
            if total <= allowed:
                break
            if path.endswith(_ENTRY):
                _remove(Path(path))
                total -= size
        self._unscanned = 0


def fill(dataset: ClipDataset, workers: int = 2) -> int:
    """Read every clip once, so that a data set with a cache is decoded before the work begins.

    Shows a progress bar on a terminal and writes a line to the log every half minute elsewhere.
    Clips that cannot be read are skipped, each with a warning that names it.

    Args:
        dataset: its clips are asked for from several threads (decoding releases Python's lock).
        workers: threads.

    Returns:
        The number of clips that can be read.
    """
    pool = ThreadPoolExecutor(workers)
    good, said = 0, time.monotonic()
    try:
        with tqdm(total=len(dataset), desc="decoding", unit="clip", disable=None) as bar:
            for done, fine in enumerate(
                pool.map(partial(_readable, dataset), range(len(dataset))), 1
            ):
                good += fine
                bar.update()
                if bar.disable and time.monotonic() - said > _EVERY:
                    said = time.monotonic()
                    log.info("decoded %d of %d clips", done, len(dataset))
    finally:
        pool.shutdown(cancel_futures=True)
    log.info("%d of %d clips are decoded", good, len(dataset))
    return good


def _readable(dataset: ClipDataset, index: int) -> bool:
    try:
        dataset[index]
    except BadClipError as error:
        log.warning("%s; skipped", error)
        return False
    return True


def _version(path: Path) -> tuple[int, int]:
    """What changes when a file is written again: its size and time of modification."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _checksum(key: str, frames: Frames) -> int:
    """CRC-32; the key is part of it, so that an entry under another's name is not believed."""
    return zlib.crc32(np.ascontiguousarray(frames).data, zlib.crc32(key.encode()))


def _remove(file: Path) -> None:
    with suppress(OSError):  # gone already, or the folder is read-only
        file.unlink()
