"""Dataset: an indexed set of labelled clips, cut as the victim needs them."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from video_attack.envs.clip import Clip

log = logging.getLogger(__name__)
Split = Literal["train", "validation", "test"]


class DatasetError(RuntimeError):
    """A data set that cannot be read; the message says what was expected and how to get it."""


class BadClipError(DatasetError):
    """One clip that cannot be read; the message names its file."""


class ClipDataset(ABC):
    """Clips of one split of a data set; indexing is deterministic.

    Attributes:
        classes: the class names that labels index, in the victim's order.
    """

    classes: tuple[str, ...]

    @abstractmethod
    def __len__(self) -> int:
        """Number of clips."""

    @abstractmethod
    def __getitem__(self, index: int) -> Clip:
        """Clip `index`; raises BadClipError when its file cannot be read."""

    def __iter__(self) -> Iterator[Clip]:
        """All clips in order; see `load_clips` for one that skips bad files."""
        return (self[index] for index in range(len(self)))


def check_split(split: str) -> None:
    """Raise ValueError unless `split` is train, validation or test."""
    if split not in get_args(Split):
        raise ValueError(f"split={split!r}: choose one of {', '.join(get_args(Split))}")


def readable(dataset: ClipDataset, indices: Iterable[int]) -> Iterator[tuple[int, Clip]]:
    """Clips with their indices; one that cannot be read is skipped with a warning."""
    for index in indices:
        try:
            clip = dataset[index]
        except BadClipError as error:
            log.warning("%s; skipped", error)
            continue
        yield index, clip


def load_clips(dataset: ClipDataset, indices: Iterable[int]) -> Iterator[Clip]:
    """Clips in the order of `indices`; one that cannot be read is skipped with a warning.

    Raises:
        DatasetError: none of them could be read.
    """
    asked, good = list(indices), 0
    for _, clip in readable(dataset, asked):
        good += 1
        yield clip
    if asked and not good:
        raise DatasetError(f"none of {len(asked)} clips could be read: check the files named above")
