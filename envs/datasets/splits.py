"""Data sets that come with three official splits into train and test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoDataset, check_range
from video_attack.envs.text_file import read_text


def list_lines(file: Path) -> list[str]:
    """The lines of a list; raises DatasetError where it is no text."""
    try:
        return read_text(file).splitlines()
    except ValueError as error:
        raise DatasetError(str(error)) from error


class SplitDataset(VideoDataset):
    """One split by the official lists; a subclass reads the lists in `videos`.

    Args:
        split: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        root: the folder that holds one folder of .avi files a class.
        lists: the folder of the official lists.
        fold: number of the official split, 1, 2 or 3.
        validation_share: share of each class's recordings in the train list that go to validation.
        **options: see `VideoDataset`.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        split: Split,
        sampling: Sampling,
        classes: Sequence[str] | None,
        *,
        root: str | Path,
        lists: str | Path,
        fold: int = 1,
        validation_share: float = 0.15,
        **options: Any,
    ) -> None:
        check_range("fold", fold in (1, 2, 3), "1, 2 or 3")
        check_range("validation_share", 0 <= validation_share < 1, "at least 0 and below 1")
        self.root, self.lists, self.fold = root, Path(lists).expanduser(), fold
        self.validation_share = validation_share
        super().__init__(split, sampling, classes, **options)
