"""Data sets of labelled video files: what they share, whatever their lists look like."""

import logging
import sys
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from video_attack.envs.clip import Clip, Sampling
from video_attack.envs.datasets import clip_cache
from video_attack.envs.datasets.base import ClipDataset, DatasetError, Split, check_split
from video_attack.envs.datasets.names import find_class, numbered, shorten
from video_attack.envs.datasets.partition import mix
from video_attack.envs.datasets.present import keep_present
from video_attack.envs.datasets.video import read_frames
from video_attack.envs.datasets.video_file import VideoFile

_SHARES = {
    "validation": " (dataset.validation_share)",
    "test": ", where its share is not given by a list or folder (dataset.test_share)",
}
CHANGES = ("stride", "spread", "short_side")  # of the sampling, that a data set may ask for

log = logging.getLogger(__name__)


class VideoDataset(ClipDataset):
    """One split of a data set of video files, labelled for a victim.

    Videos of classes that the victim does not know are left out; see `find_class` for how names
    are matched. Decoded clips are kept on disk, for all runs, and the recently used ones in memory.

    A subclass sets what its `videos` needs, and then calls this constructor.

    Args:
        split: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index; None takes the data set's own, sorted
            (of those at hand with `allow_missing`), for training a victim.
        allow_missing: use the listed files that exist, with a warning, instead of raising.
        clips: use only this many clips, balanced over the classes; None uses all.
        seed: of the order of the clips, in which classes take turns.
        cut: changes to the sampling: any of stride, spread and short_side; None makes none.
        cache_mb: MiB of decoded clips that each process keeps in memory; 0 keeps none.
        disk_cache_gb: bound of the clips kept on disk, in 10^9 bytes; 0 keeps none.
        fill: decode all clips of the split at once, with a progress bar.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        ValueError: an argument is out of its range.
    """

    title: ClassVar[str]  # what messages call the data set

    def __init__(
        self,
        split: Split,
        sampling: Sampling,
        classes: Sequence[str] | None,
        *,
        allow_missing: bool = False,
        clips: int | None = None,
        seed: int = 0,
        cut: Mapping[str, Any] | None = None,
        cache_mb: int = 1024,
        disk_cache_gb: float = 4.0,
        fill: bool = False,
    ) -> None:
        check_split(split)
        check_range("clips", clips is None or clips > 0, "positive, or null for all")
        check_range("cache_mb", cache_mb >= 0, "at least 0, which keeps no clips in memory")
        check_range("disk_cache_gb", disk_cache_gb >= 0, "at least 0, which keeps no clips on disk")
        check_range(
            "fill", not fill or bool(cache_mb or disk_cache_gb), "false where no clips are kept"
        )
        self.classes = tuple(classes or ())
        self.allow_missing = allow_missing
        self.sampling = change_sampling(sampling, cut)
        files = self.videos(split)
        if not files:
            raise DatasetError(
                f"split {split} of {self.title} is empty: add videos to it, or give it a larger share of "
                f"them{_SHARES.get(split, '')}"
            )
        self.files = tuple(mix(files, seed)[:clips])
        bytes_each = self.sampling.frames * self.sampling.size**2 * 3
        self._room = cache_mb * 2**20 // bytes_each  # clips
        self._cache: OrderedDict[int, Clip] = OrderedDict()
        self._disk = clip_cache.ClipCache(None, disk_cache_gb)
        if fill:
            clip_cache.fill(self)

    @abstractmethod
    def videos(self, split: Split) -> list[VideoFile]:
        """The labelled videos of a split, in any order: those listed, passed through `known`.

        Raises:
            DatasetError: lists or folders are missing; says what was expected and how to get it.
        """

    def known(
        self, files: Sequence[VideoFile], root: Path, every: Collection[str] = ()
    ) -> list[VideoFile]:
        """The videos of classes that the victim knows, with their labels, each clip once.

        Where no class is one of the victim's and all are numbers, they are places in its scores.

        Args:
            files: the listed videos.
            root: the folder that messages name.
            every: classes of all splits, which tell whether numbers begin at 0 or 1; also those of
                `files`.

        Raises:
            DatasetError: there are none, or files are missing.
        """
        files = self._once(files)
        names = {file.name for file in files}
        if not self.classes:
            there = (f.name for f in files if not self.allow_missing or f.path.is_file())
            self.classes = tuple(sorted(set(there), key=_by_number))
        labels = {name: find_class(name, self.classes) for name in names}
        numbers = numbered({*every, *names}, len(self.classes))
        if numbers and set(labels.values()) == {None}:
            labels = {name: numbers[name] for name in names}
            one = min(names, key=_by_number)
            log.warning(
                "%s calls its classes by numbers, which are taken for places in the victim's scores "
                "(%s is %s)", self.title, one, self.classes[numbers[one]],
            )  # fmt: skip
        found = [
            file._replace(label=label) for file in files if (label := labels[file.name]) is not None
        ]
        strange = sorted(name for name, label in labels.items() if label is None)
        if files and not found:
            raise DatasetError(
                f"the victim knows none of this split's {len(labels)} classes: its own are "
                f"{shorten(self.classes)}, those of {self.title} {shorten(strange)}; choose a victim "
                "that was trained on some of them, or, where these are its classes under other names, "
                "set model.labels to a file of the names in the order of its scores"
            )
        if strange:
            log.info(
                "%s: %d of %d clips left out, whose %d classes the victim does not know (%s)",
                self.title, len(files) - len(found), len(files), len(strange), shorten(strange),
            )  # fmt: skip
        return keep_present(found, root, self.allow_missing)

    def _once(self, files: Sequence[VideoFile]) -> list[VideoFile]:
        """Each clip as it is listed first; a clip that lists repeat would weigh twice in a result."""
        first: dict[Any, VideoFile] = {}
        for file in files:
            first.setdefault((file.path, file.span), file)
        if len(first) < len(files):
            other = [file for file in files if first[file.path, file.span].name != file.name]
            log.warning(
                "%s lists %d clips more than once, each of which is counted once%s",
                self.title, len(files) - len(first),
                f" (and {other[0].id} as {first[other[0].path, other[0].span].name} and as "
                f"{other[0].name}, of which the first is taken)" if other else "",
            )  # fmt: skip
        return list(first.values())

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
            frames = self._disk.frames(
                file.path,
                self.sampling,
                lambda path, sampling: read_frames(path, sampling, file.span),
                file.span,
            )
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


def change_sampling(sampling: Sampling, changes: Mapping[str, Any] | None) -> Sampling:
    """The victim's sampling with a user's changes.

    Raises:
        ValueError: a key that is not to be changed, or a value out of its range.
    """
    changes = dict(changes or {})
    for key, value in changes.items():
        if key not in CHANGES:
            why = "; the victim decides it: set model.frames or model.size"
            raise ValueError(
                f"cut.{key}: choose from {', '.join(CHANGES)}"
                f"{why if key in ('frames', 'size') else ''}"
            )
        whole = isinstance(value, int) and not isinstance(value, bool)
        if key != "spread" and not whole and not (key == "short_side" and value is None):
            raise ValueError(f"cut.{key}={value!r}: must be a whole number")
    try:
        return replace(sampling, **changes)
    except ValueError as error:
        raise ValueError(f"cut.{error}") from error


def check_range(name: str, fine: bool, allowed: str) -> None:
    """Raise ValueError unless `fine`, with what is allowed."""
    if not fine:
        raise ValueError(f"dataset.{name} must be {allowed}")


def check_folder(path: str | Path, key: str, remedy: str) -> Path:
    """The folder that a key of the configuration names.

    Raises:
        DatasetError: it is not there; the message ends with the remedy.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder}: {remedy}, and set dataset.{key} to it")
    return folder


def _by_number(name: str) -> tuple[int, str]:
    """Puts numbers in their order, before other names."""
    return int(name) if name.isdecimal() else sys.maxsize, name
