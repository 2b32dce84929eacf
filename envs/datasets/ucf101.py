"""UCF-101: 13,320 clips of 101 human actions (Soomro, Zamir and Shah, 2012), as downloaded."""

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from envs.clip import Sampling
from envs.datasets.base import DatasetError, Part, check_part
from envs.datasets.files import VideoDataset, VideoFile, class_indices, keep_present, mix, plain

PAGE = "https://www.crcv.ucf.edu/data/UCF101.php"
# "Archery/v_Archery_g08_c01.avi 3": class, video, and in train lists the number of the class.
_LINE = re.compile(r"(?P<name>[^/\s]+)/(?P<video>\S+_g\d+_c\d+\.avi)(\s+\d+)?")

log = logging.getLogger(__name__)


class Ucf101(VideoDataset):
    """One part of an official split of UCF-101, labelled for a victim.

    Train and test follow the official lists; validation is cut from the train list by groups, since
    clips of one group (gNN in the file name) are pieces of the same video. It takes the groups of
    the highest numbers of each class among the files at hand, whatever the seed. Clips of classes
    that the victim does not know are left out; names match without regard to case, spaces and
    underscores.

    Args:
        part: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        root: the folder UCF-101, which holds one folder of .avi files a class.
        lists: the folder ucfTrainTestlist, which holds trainlist01.txt and its siblings.
        split: official split, 1, 2 or 3.
        allow_missing: use the files that exist, with a warning, instead of raising.
        validation_share: share of each class's groups in the train list that go to validation.
        clips: use only this many clips, balanced over the classes; None uses all.
        seed: of the order of the clips, in which classes take turns.
        stride: distance between sampled frames; None takes the victim's.
        cache_mb: MiB of decoded clips that each process keeps in memory.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        ValueError: part, split, validation_share, clips or stride is out of range.
    """

    def __init__(
        self,
        part: Part,
        sampling: Sampling,
        classes: Sequence[str],
        *,
        root: str | Path,
        lists: str | Path,
        split: int = 1,
        allow_missing: bool = False,
        validation_share: float = 0.15,
        clips: int | None = None,
        seed: int = 0,
        stride: int | None = None,
        cache_mb: int = 1024,
    ) -> None:
        check_part(part)
        for name, fine, range_ in (
            ("split", split in (1, 2, 3), "1, 2 or 3"),
            ("validation_share", 0 <= validation_share < 1, "at least 0 and below 1"),
            ("clips", clips is None or clips > 0, "positive, or null for all"),
            ("stride", stride is None or stride > 0, "positive, or null for the victim's"),
        ):
            if not fine:
                raise ValueError(f"dataset.{name} must be {range_}")
        root, lists = Path(root).expanduser(), Path(lists).expanduser()
        kind = "test" if part == "test" else "train"
        entries = _read_list(lists / f"{kind}list0{split}.txt")
        if not root.is_dir():
            raise DatasetError(
                f"no folder {root}: get UCF101.rar from {PAGE}, unpack it, "
                "and set dataset.root to its folder UCF-101"
            )
        files = keep_present(_label(entries, classes, root), root, allow_missing)
        if part != "test":
            files = _cut(files, validation_share, validation=part == "validation")
        if not files:
            raise DatasetError(
                f"part {part} of UCF-101 is empty: raise validation_share={validation_share} "
                f"or complete the videos in {root}"
            )
        if stride is not None:
            sampling = replace(sampling, stride=stride)
        super().__init__(mix(files, seed)[:clips], sampling, classes, cache_mb)


def _read_list(file: Path) -> list[tuple[str, str]]:
    """(class, file name) of each line."""
    if not file.is_file():
        raise DatasetError(
            f"no list {file}: get UCF101TrainTestSplits-RecognitionTask.zip from {PAGE}, "
            "unpack it, and set dataset.lists to its folder ucfTrainTestlist"
        )
    entries = []
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
        match = _LINE.fullmatch(line.strip())
        if match:
            entries.append((match["name"], match["video"]))
        elif line.strip():
            raise DatasetError(
                f"{file}, line {number}: expected Class/v_Class_g01_c01.avi, not {line.strip()!r}; "
                f"get the official lists from {PAGE}"
            )
    return entries


def _cut(files: Sequence[VideoFile], share: float, *, validation: bool) -> list[VideoFile]:
    """The train or the validation part of the files of a train list."""
    groups: dict[int, set[str]] = defaultdict(set)
    for file in files:
        groups[file.label].add(_group(file))
    held = {
        group
        for names in groups.values()
        for group in sorted(names)[len(names) - round(share * len(names)) :]
    }
    return [file for file in files if (_group(file) in held) == validation]


def _group(file: VideoFile) -> str:
    """v_Archery_g08 of v_Archery_g08_c01."""
    return file.id.rpartition("_")[0]


def _label(
    entries: Sequence[tuple[str, str]], classes: Sequence[str], root: Path
) -> list[VideoFile]:
    """The videos of classes that the victim knows, by its labels."""
    indices = class_indices(classes)
    files = [
        VideoFile(root / name / video, indices[plain(name)], Path(video).stem)
        for name, video in entries
        if plain(name) in indices
    ]
    if not files:
        ours = sorted({name for name, _ in entries})
        raise DatasetError(
            f"the victim knows none of this part's {len(ours)} classes: its own are "
            f"{', '.join(classes[:3])}, ..., those of UCF-101 {', '.join(ours[:3])}, ...; "
            "choose a victim that was trained on some of them"
        )
    if len(files) < len(entries):
        log.info(
            "UCF-101: %d of %d clips left out, whose classes the victim does not know",
            len(entries) - len(files),
            len(entries),
        )
    return files
