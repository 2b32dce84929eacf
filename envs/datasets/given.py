"""Videos given one by one, to try a victim or an attack on them."""

import logging
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoDataset
from video_attack.envs.datasets.names import find_class, shorten
from video_attack.envs.datasets.video_file import VideoFile

log = logging.getLogger(__name__)


class GivenFiles(VideoDataset):
    """A few videos; every split holds all of them.

    Args:
        split: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        paths: a video, or several.
        label: the class of all of them, by name or index; None takes the names of the folders that
            they lie in.
        **options: see `VideoDataset`.

    Raises:
        DatasetError: a file is missing, or its class is not told or not known to the victim.
        ValueError: an argument is out of its range.
    """

    title = "the given files"

    def __init__(
        self,
        split: Split,
        sampling: Sampling,
        classes: Sequence[str] | None,
        *,
        paths: str | Path | Sequence[str | Path] | None = None,
        label: str | int | None = None,
        **options: Any,
    ) -> None:
        given = [paths] if isinstance(paths, str | Path) else list(paths or ())
        self.paths = [Path(path).expanduser() for path in dict.fromkeys(given)]
        self.label = label
        super().__init__(split, sampling, classes, **options)

    def videos(self, split: Split) -> list[VideoFile]:
        """All of them, in every split."""
        if not self.paths:
            raise DatasetError(
                "no video is given: set dataset.paths to a file, or to [a.mp4,b.mp4]"
            )
        there = [path for path in self.paths if path.is_file()]
        gone = [str(path) for path in self.paths if path not in there]
        if gone and not (self.allow_missing and there):
            raise DatasetError(f"no video {shorten(gone)}: set dataset.paths to files that exist")
        if gone:
            log.warning("no video %s; going on with the other %d", shorten(gone), len(there))
        return [
            VideoFile(path, self.classes[label], path.as_posix(), path.as_posix(), label)
            for path in there
            for label in [self._find_label(path)]
        ]

    def _find_label(self, path: Path) -> int:
        if isinstance(self.label, int):
            if 0 <= self.label < len(self.classes):
                return self.label
            raise DatasetError(
                f"dataset.label={self.label}: the victim has classes 0 to {len(self.classes) - 1}"
            )
        name = path.absolute().parent.name if self.label is None else self.label
        label = find_class(name, self.classes)
        if label is not None:
            return label
        if self.label is None:
            raise DatasetError(
                f"the class of {path} is not known, since its folder has the name of none: "
                f"set dataset.label to one of the victim's classes ({shorten(self.classes)})"
            )
        near = get_close_matches(name, self.classes, 3, 0.4) or self.classes
        raise DatasetError(
            f"dataset.label={name!r} is no class of the victim's: choose one such as {shorten(near)}"
        )
