"""Which listed videos are there, be it elsewhere or with another ending than the list says."""

import logging
from collections.abc import Sequence
from pathlib import Path

from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.datasets.names import same_letters, shorten
from video_attack.envs.datasets.search import scan
from video_attack.envs.datasets.video_file import VideoFile

log = logging.getLogger(__name__)


def keep_present(files: Sequence[VideoFile], root: Path, allow_missing: bool) -> list[VideoFile]:
    """The files that exist, each where it is listed, or elsewhere below root or with another ending.

    Raises:
        DatasetError: files are missing, and not `allow_missing`, or all of them.
    """
    there = [file for file in files if file.path.is_file()]
    if len(there) == len(files):
        return there
    elsewhere = find_elsewhere([file for file in files if not file.path.is_file()], root)
    moved = [file._replace(path=elsewhere.get(file.path, file.path)) for file in files]
    present = [file for file in moved if file.path.is_file()]
    gone = [_inside(file.path, root) for file in moved if not file.path.is_file()]
    if elsewhere:
        listed, found = next(iter(elsewhere.items()))
        log.warning(
            "%d of %d videos are not where they are listed, and are taken from elsewhere (%s for %s)",
            len(elsewhere), len(files), _inside(found, root), _inside(listed, root),
        )  # fmt: skip
    if not gone:
        return present
    text = f"{len(gone)} of {len(files)} videos are missing under {root} (first: {shorten(gone)})"
    if not present:
        raise DatasetError(f"{text}: set dataset.root to the folder that these paths begin at")
    if not allow_missing:
        raise DatasetError(
            f"{text}: complete the download, or set dataset.allow_missing=true to use the rest"
        )
    log.warning("%s; going on with the other %d", text, len(present))
    return present


def find_elsewhere(gone: Sequence[VideoFile], root: Path) -> dict[Path, Path]:
    """Where missing files lie below root, found by their names without endings, in any case.

    A name that several files have is looked up in the folder where the file is listed only.
    """
    if not root.is_dir():
        return {}
    stems: dict[str, list[Path]] = {}
    for _, path in scan(root):
        stems.setdefault(same_letters(path.stem), []).append(path)
    found = {}
    for file in gone:
        alike = stems.get(same_letters(file.path.stem), [])
        same = [path for path in alike if path.stem == file.path.stem] or alike
        near = [path for path in same if path.parent == file.path.parent]
        if len(near or same) == 1:
            found[file.path] = (near or same)[0]
    return found


def _inside(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
