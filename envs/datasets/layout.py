"""Where videos lie: folders named after classes, below folders named after parts."""

import os
from collections.abc import Iterator
from pathlib import Path

from video_attack.envs.datasets.base import DatasetError, Part
from video_attack.envs.datasets.files import VideoFile

SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv",
})  # fmt: skip
_NAMES: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "validate"),
    "test": ("test", "testing"),
}


def part_folders(root: Path, need_classes: bool = True) -> dict[Part, Path]:
    """The folders of `root` that are named after parts.

    Args:
        root: the folder to look into.
        need_classes: pass over those without folders inside, such as a class called "train".
    """
    return {
        part: folder
        for part, names in _NAMES.items()
        for folder in (root / name for name in reversed(names))
        if folder.is_dir()
        and (not need_classes or any(entry.is_dir() for entry in os.scandir(folder)))
    }


def class_folders(root: Path) -> list[VideoFile]:
    """All videos root/class/clip.

    Raises:
        DatasetError: there are none.
    """
    files = [
        VideoFile(path, name, f"{name}/{path.name}", path.stem) for name, path in scan(root) if name
    ]
    if not files:
        raise DatasetError(
            f"no videos in folders below {root}: expected {root / 'CLASS' / 'CLIP.mp4'} "
            "or another video format, with the folders named after the classes"
        )
    return files


def scan(root: Path) -> Iterator[tuple[str, Path]]:
    """Name of the class folder ("" for none) and path of the videos in and one folder below root.

    In alphabetical order; hidden files are passed over.
    """
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_dir():
            yield from ((entry.name, inner) for inner in sorted(path.iterdir()) if _is_video(inner))
        elif _is_video(path):
            yield "", path


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
