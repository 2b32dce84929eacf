"""Data sets of labelled video files: what they share, whatever their lists look like."""

import logging
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from video_attack.envs.clip import Clip, Sampling
from video_attack.envs.datasets import clip_cache
from video_attack.envs.datasets.base import ClipDataset, DatasetError, Part, check_part
from video_attack.envs.datasets.names import find_class
from video_attack.envs.datasets.parts import mix
from video_attack.envs.datasets.video import read_frames

CHANGES = ("stride", "spread", "short_side")  # of the sampling, that a data set may ask for

log = logging.getLogger(__name__)


class VideoFile(NamedTuple):
    """A listed video.

    Attributes:
        path: the file, which may be missing.
        name: its class, as the data set calls it.
        id: a name unique in the data set.
        source: the recording that it was cut from, which must not lie in two parts.
        label: index of the class among the victim's; -1 until it is looked up.
    """

    path: Path
    name: str
    id: str
    source: str
    label: int = -1


class VideoDataset(ClipDataset):
    """One part of a data set of video files, labelled for a victim.

    Videos of classes that the victim does not know are left out; see `find_class` for how names
    are matched. Decoded clips are kept on disk, for all runs, and the recently used ones in memory.

    A subclass sets what its `videos` needs, and then calls this constructor.

    Args:
        part: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index; None takes the data set's own, sorted
            (of those at hand with `allow_missing`), for training a victim.
        allow_missing: use the listed files that exist, with a warning, instead of raising.
        clips: use only this many clips, balanced over the classes; None uses all.
        seed: of the order of the clips, in which classes take turns.
        cut: changes to the sampling: any of stride, spread and short_side; None makes none.
        cache_mb: MiB of decoded clips that each process keeps in memory; 0 keeps none.
        disk_cache_gb: bound of the clips kept on disk, in 10^9 bytes; 0 keeps none.
        fill: decode all clips of the part at once, with a progress bar.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        ValueError: an argument is out of its range.
    """

    title: ClassVar[str]  # what messages call the data set

    def __init__(
        self,
        part: Part,
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
        check_part(part)
        check_range("clips", clips is None or clips > 0, "positive, or null for all")
        check_range("cache_mb", cache_mb >= 0, "at least 0, which keeps no clips in memory")
        check_range("disk_cache_gb", disk_cache_gb >= 0, "at least 0, which keeps no clips on disk")
        check_range(
            "fill", not fill or bool(cache_mb or disk_cache_gb), "false where no clips are kept"
        )
        self.classes = tuple(classes or ())
        self.allow_missing = allow_missing
        self.sampling = change_sampling(sampling, cut)
        files = self.videos(part)
        if not files:
            raise DatasetError(
                f"part {part} of {self.title} is empty: raise its share, or add videos to it"
            )
        self.files = tuple(mix(files, seed)[:clips])
        bytes_each = self.sampling.frames * self.sampling.size**2 * 3
        self._room = cache_mb * 2**20 // bytes_each  # clips
        self._cache: OrderedDict[int, Clip] = OrderedDict()
        self._disk = clip_cache.ClipCache(None, disk_cache_gb)
        if fill:
            clip_cache.fill(self)

    @abstractmethod
    def videos(self, part: Part) -> list[VideoFile]:
        """The labelled videos of a part, in any order: those listed, passed through `known`.

        Raises:
            DatasetError: lists or folders are missing; says what was expected and how to get it.
        """

    def known(self, files: Sequence[VideoFile], root: Path) -> list[VideoFile]:
        """The videos of classes that the victim knows, with their labels.

        Args:
            files: the listed videos.
            root: the folder that messages name.

        Raises:
            DatasetError: there are none, or files are missing.
        """
        if not self.classes:
            there = (f.name for f in files if not self.allow_missing or f.path.is_file())
            self.classes = tuple(sorted(set(there)))
        labels = {name: find_class(name, self.classes) for name in {file.name for file in files}}
        found = [
            file._replace(label=label) for file in files if (label := labels[file.name]) is not None
        ]
        strange = sorted(name for name, label in labels.items() if label is None)
        if files and not found:
            raise DatasetError(
                f"the victim knows none of this part's {len(labels)} classes: its own are "
                f"{shorten(self.classes)}, those of {self.title} {shorten(strange)}; "
                "choose a victim that was trained on some of them"
            )
        if strange:
            log.info(
                "%s: %d of %d clips left out, whose %d classes the victim does not know (%s)",
                self.title, len(files) - len(found), len(files), len(strange), shorten(strange),
            )  # fmt: skip
        return keep_present(found, root, self.allow_missing)

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
            frames = self._disk.frames(file.path, self.sampling, read_frames)
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
    except ValueError as fault:
        raise ValueError(f"cut.{fault}") from fault


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


def shorten(names: Sequence[str]) -> str:
    """The first three names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def keep_present(files: Sequence[VideoFile], root: Path, allow_missing: bool) -> list[VideoFile]:
    """The files that exist.

    Raises:
        DatasetError: files are missing, and not `allow_missing`, or all of them.
    """
    present = [file for file in files if file.path.is_file()]
    if len(present) == len(files):
        return present
    there = set(present)
    gone = [str(file.path.relative_to(root)) for file in files if file not in there]
    text = f"{len(gone)} of {len(files)} videos are missing under {root} (first: {shorten(gone)})"
    if not present:
        raise DatasetError(f"{text}: set dataset.root to the folder of the class folders")
    if not allow_missing:
        raise DatasetError(
            f"{text}: complete the download, or set dataset.allow_missing=true to use the rest"
        )
    log.warning("%s; going on with the other %d", text, len(present))
    return present
