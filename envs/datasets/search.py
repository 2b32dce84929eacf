"""Which files below a folder are videos, whatever they are called."""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av

from video_attack.envs.datasets.av_versions import is_cover

log = logging.getLogger(__name__)
# Endings that are believed; a file of any other is opened.
SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv",
})  # fmt: skip
_ENOUGH = 8  # files of one ending without a video, and none with one: no more of it are opened
# Demuxers that show a picture, or text, as a video.
_STILL = ("image2", "tty", "ico")


def scan(root: Path) -> Iterator[tuple[str, Path]]:
    """Name of the folder in root ("" for none) and path of each video in and anywhere below root.

    Hidden files and folders are passed over. A file without a usual ending is opened to see whether
    it holds a video; how many do not is logged. The order is alphabetical, folder by folder.
    """
    left: list[Path] = []
    misses: Counter[str] = Counter()
    hits: set[str] = set()
    for path in _files(root):
        ending = path.suffix.lower()
        fine = path.is_file() and (
            ending in SUFFIXES
            or ((misses[ending] < _ENOUGH or ending in hits) and holds_video(path))
        )
        if not fine:
            misses[ending] += 1
            left.append(path)
            continue
        hits.add(ending)
        inside = path.relative_to(root).parts
        yield inside[0] if len(inside) > 1 else "", path
    if left:
        log.warning(
            "%d files below %s hold no video and are left out (first: %s)",
            len(left), root, ", ".join(str(path.relative_to(root)) for path in left[:3]),
        )  # fmt: skip


def holds_video(path: Path) -> bool:
    """Whether a picture of a video can be decoded from a file; still pictures and text are none."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            kinds = container.format.name.split(",")
            if any(kind in _STILL or kind.endswith("_pipe") for kind in kinds):
                return False
            videos = container.streams.video
            if not videos or is_cover(container):
                return False
            return next(container.decode(videos[0]), None) is not None
    except (av.error.FFmpegError, OSError, ValueError):
        return False


def _files(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """All files in and below a folder; a link to a folder that it lies in is not followed."""
    above |= {os.path.realpath(folder)}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if not entry.is_dir():
            yield path
        elif os.path.realpath(path) not in above:
            yield from _files(path, above)
