"""Kinetics-400, 600 and 700: clips of human actions from YouTube (Kay et al., 2017)."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError, Part
from video_attack.envs.datasets.files import VideoDataset, VideoFile, check_folder, check_range
from video_attack.envs.datasets.layout import class_folders, part_folders, scan
from video_attack.envs.datasets.names import plain
from video_attack.envs.datasets.parts import cut_validation

PAGE = "https://github.com/cvdfoundation/kinetics-dataset"
COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_TIMES = re.compile(r"_\d{6}_\d{6}$")  # from second, to second

_SPLITS = {"validate": "val", "validation": "val"}  # names of splits that lists use besides
_PARTS: dict[str, Part] = {"train": "train", "val": "validation", "test": "test"}  # their folders


class Kinetics(VideoDataset):
    """One part of Kinetics, labelled for a victim.

    The official split val serves as part test, as it does in published results; train and
    validation are cut from the official split train, by YouTube video. Files are those that
    usual downloads make: ID_000010_000020.mp4 or ID.mp4 (also mkv, webm, ...), in folders named
    after their classes (using_segway for "using segway") or in none, in folders train, val and test
    or in none. Class folders in no folder of a split are taken for the split that serves as test.

    Args:
        part: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        root: the folder of the videos.
        lists: an official csv file (columns label, youtube_id, time_start, time_end, split), or a
            folder of such; None takes all videos that lie in class folders.
        test_split: official split that serves as part test, val or test.
        validation_share: share of each class's videos of the split train that go to validation.
        **options: see `VideoDataset`.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        ValueError: an argument is out of its range.
    """

    title = "Kinetics"

    def __init__(
        self,
        part: Part,
        sampling: Sampling,
        classes: Sequence[str] | None,
        *,
        root: str | Path,
        lists: str | Path | None = None,
        test_split: str = "val",
        validation_share: float = 0.15,
        **options: Any,
    ) -> None:
        check_range("test_split", test_split in ("val", "test"), "val or test")
        check_range("validation_share", 0 <= validation_share < 1, "at least 0 and below 1")
        self.root, self.lists, self.test_split = root, lists, test_split
        self.validation_share = validation_share
        super().__init__(part, sampling, classes, **options)

    def videos(self, part: Part) -> list[VideoFile]:
        """The videos of the official split, less those cut off for another part."""
        root = check_folder(self.root, "root", f"get the videos as {PAGE} says")
        split = self.test_split if part == "test" else "train"
        folders = part_folders(root, need_classes=self.lists is None)
        folder = folders.get(_PARTS[split])
        if self.lists is not None:
            files = list(_listed(_csv_files(self.lists), split, folder or root))
            if not files:
                raise DatasetError(
                    f"{self.lists} lists no video of split {split}: add its csv file"
                )
        elif folder is not None or (part == "test" and not folders):
            files = [
                file._replace(source=_TIMES.sub("", file.source))
                for file in class_folders(folder or root)
            ]
        else:
            raise DatasetError(
                f"no folder {root / split}, which part {part} is taken from: get the split as {PAGE} "
                "says, or use dataset=folder, which makes parts of any videos"
            )
        return cut_validation(self.known(files, root), self.validation_share, part)


def _csv_files(lists: str | Path) -> list[Path]:
    path = Path(lists).expanduser()
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DatasetError(
            f"no list {path}: get the annotations as {PAGE} says and set dataset.lists to the csv "
            "file or its folder, or to null to take what lies in class folders"
        )
    return files


def _listed(lists: Sequence[Path], split: str, folder: Path) -> Iterator[VideoFile]:
    """The videos of a split, at the paths where they lie, or where they are missing."""
    present = {(plain(name), path.stem): path for name, path in scan(folder)}
    for file in lists:
        with file.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                given = row.get("split") or file.stem
                if _SPLITS.get(given, given) != split:
                    continue
                try:
                    label, video = row["label"], row["youtube_id"]
                    start, end = (int(float(row[name])) for name in COLUMNS[2:])
                except (KeyError, ValueError, TypeError) as fault:
                    raise DatasetError(
                        f"{file}: a line of split {split} lacks one of {', '.join(COLUMNS)}: get the "
                        f"annotations as {PAGE} says"
                    ) from fault
                name = f"{video}_{start:06d}_{end:06d}"
                keys = [(where, stem) for where in (plain(label), "") for stem in (name, video)]
                found = next((present[key] for key in keys if key in present), None)
                path = found or folder / label.replace(" ", "_") / f"{name}.mp4"
                yield VideoFile(path, label, name, video)
