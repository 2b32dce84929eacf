"""Data sets of labelled video files: what they share, whatever their lists look like."""

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.clip import Clip, Sampling
from envs.datasets.base import ClipDataset, DatasetError
from envs.datasets.video import read_frames

log = logging.getLogger(__name__)


class VideoFile(NamedTuple):
    """A video on disk: its path, the index of its class, and a name unique in the data set."""

    path: Path
    label: int
    id: str


class VideoDataset(ClipDataset):
    """Clips cut from video files, the recently used ones kept in memory.

    Args:
        files: the videos, in the order of their indices.
        sampling: how a clip is cut.
        classes: class names, which the files' labels index.
        cache_mb: MiB of decoded clips that each process keeps; 0 keeps none.

    Raises:
        ValueError: the sampling crops more than the short side has.
    """

    def __init__(
        self,
        files: Sequence[VideoFile],
        sampling: Sampling,
        classes: Sequence[str],
        cache_mb: int = 1024,
    ) -> None:
        if sampling.short_side < sampling.size:
            raise ValueError(
                f"short_side={sampling.short_side} is less than size={sampling.size}: "
                "a crop cannot be larger than the frame"
            )
        self.classes = tuple(classes)
        self.sampling = sampling
        self.files = tuple(files)
        bytes_each = sampling.frames * sampling.size**2 * 3
        self._room = cache_mb * 2**20 // bytes_each  # clips
        self._cache: OrderedDict[int, Clip] = OrderedDict()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Clip:
        """Clip `index`, with read-only frames; raises BadClipError when its file is damaged."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        index %= len(self)
        clip = self._cache.pop(index, None)
        if clip is None:
            file = self.files[index]
            frames = read_frames(file.path, self.sampling)
            frames.flags.writeable = False  # a caller's change would reach all later readers
            clip = Clip(frames, file.label, file.id)
        if self._room:
            self._cache[index] = clip
            if len(self._cache) > self._room:
                self._cache.popitem(last=False)
        return clip

    def __getstate__(self) -> dict[str, object]:
        """Leave the cache behind when the data set is sent to another process."""
        return {**self.__dict__, "_cache": OrderedDict()}


def class_indices(classes: Sequence[str]) -> dict[str, int]:
    """Class index by `plain` name."""
    return {plain(name): index for index, name in enumerate(classes)}


def plain(name: str) -> str:
    """A class name without case, spaces and underscores, by which names are matched."""
    return name.replace(" ", "").replace("_", "").casefold()


def keep_present(files: Sequence[VideoFile], root: Path, allow_missing: bool) -> list[VideoFile]:
    """The files that exist.

    Raises:
        DatasetError: files are missing, and not `allow_missing`, or all of them.
    """
    present = [file for file in files if file.path.is_file()]
    gone = [file.path for file in files if not file.path.is_file()]
    if gone:
        first = ", ".join(str(path.relative_to(root)) for path in gone[:3])
        text = f"{len(gone)} of {len(files)} videos are missing under {root} (first: {first})"
        if not present:
            raise DatasetError(f"{text}: set dataset.root to the folder of the class folders")
        if not allow_missing:
            raise DatasetError(
                f"{text}: complete the download, or set dataset.allow_missing=true to use the rest"
            )
        log.warning("%s; going on with the other %d", text, len(present))
    return present


def mix(files: Sequence[VideoFile], seed: int) -> list[VideoFile]:
    """Shuffle within each class and take the classes in turn: each prefix is balanced."""
    rng = np.random.default_rng(seed)
    by_class: dict[int, list[VideoFile]] = defaultdict(list)
    for index in rng.permutation(len(files)):
        by_class[files[index].label].append(files[index])
    rounds = zip_longest(*(by_class[label] for label in sorted(by_class)))
    return [file for file in chain.from_iterable(rounds) if file is not None]
