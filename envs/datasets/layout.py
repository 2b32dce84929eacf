"""Where videos lie: folders named after classes, below folders named after splits."""

import logging
import os
from pathlib import Path

from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.search import scan
from video_attack.envs.datasets.video_file import VideoFile

log = logging.getLogger(__name__)
_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "validate"),
    "test": ("test", "testing"),
}
_SPLITS = {name for names in _NAMES.values() for name in names}


def split_folders(root: Path, need_classes: bool = True) -> dict[Split, Path]:
    """The folders of `root` that are named after splits.

    Args:
        root: the folder to look into.
        need_classes: pass over those without folders inside, such as a class called "train".
    """
    entries = [entry for entry in os.scandir(root) if entry.is_dir()]
    # Names in any case; one written as above is preferred to "Train" beside it.
    folders = {entry.name.lower(): Path(entry.path) for entry in entries}
    folders |= {entry.name: Path(entry.path) for entry in entries}
    return {
        split: folders[name]
        for split, names in _NAMES.items()
        for name in reversed(names)
        if name in folders
        and (not need_classes or any(entry.is_dir() for entry in os.scandir(folders[name])))
    }


def class_folders(root: Path) -> list[VideoFile]:
    """All videos root/class/clip, or deeper below the class.

    Raises:
        DatasetError: there are none, or folders of splits lie below those of classes.
    """
    files, loose = [], []
    for name, path in scan(root):
        inside = path.relative_to(root)
        if not name:
            loose.append(path)
        elif _SPLITS & {folder.lower() for folder in inside.parts[1:-1]}:
            raise DatasetError(
                f"{path} lies in a folder that is named after a split, below {root / name}: put folders "
                f"of splits above those of classes, {root / 'train' / 'CLASS' / path.name}, or set "
                "dataset.root to the folder that holds the folders of splits"
            )
        else:
            files.append(VideoFile(path, name, inside.as_posix(), path.stem))
    if not files:
        raise DatasetError(
            f"no videos in folders below {root}: expected {root / 'CLASS' / 'CLIP.mp4'} "
            "or another video format, with the folders named after the classes"
        )
    if loose:
        log.warning(
            "%d videos in %s lie in no class folder and are left out (first: %s)",
            len(loose), root, loose[0].name,
        )  # fmt: skip
    return files
