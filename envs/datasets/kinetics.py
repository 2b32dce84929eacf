"""Kinetics-400, 600 and 700: clips of human actions from YouTube (Kay et al., 2017)."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoDataset, check_folder, check_range
from video_attack.envs.datasets.layout import class_folders, split_folders
from video_attack.envs.datasets.names import plain, shorten
from video_attack.envs.datasets.partition import cut_validation
from video_attack.envs.datasets.search import scan
from video_attack.envs.datasets.video_file import VideoFile
from video_attack.envs.text_file import read_text

PAGE = "https://github.com/cvdfoundation/kinetics-dataset"
COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_TIMES = re.compile(r"_\d{6}_\d{6}$")  # from second, to second

# What splits are called in lists and in the names of lists.
_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validate": "val",
    "validation": "val", "test": "test", "testing": "test",
}  # fmt: skip
_SPLIT_OF: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "test": "test",
}  # their folders


class Kinetics(VideoDataset):
    """One split of Kinetics, labelled for a victim.

    The official split val serves as the test split, as it does in published results; train and
    validation are cut from the official split train, by YouTube video. Files are those that
    usual downloads make: ID_000010_000020.mp4 or ID.mp4 (also mkv, webm, ...), in folders named
    after their classes (using_segway for "using segway") or in others, in folders train, val and
    test or in none. Of an untrimmed ID.mp4 the clip is cut from time_start to time_end.
    Class folders in no folder of a split are taken for the split that serves as test.

    Args:
        split: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        root: the folder of the videos.
        lists: an official csv file (columns label, youtube_id, time_start, time_end, and split, or
            a file name that tells it), or a folder of such, .csv or .txt; None takes
            all videos that lie in class folders.
        test_split: official split that serves as the test split, val or test.
        validation_share: share of each class's videos of the train split that go to validation.
        **options: see `VideoDataset`.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        ValueError: an argument is out of its range.
    """

    title = "Kinetics"

    def __init__(
        self,
        split: Split,
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
        super().__init__(split, sampling, classes, **options)

    def videos(self, split: Split) -> list[VideoFile]:
        """The videos of the official split, less those cut off for another."""
        root = check_folder(self.root, "root", f"get the videos as {PAGE} says")
        official = self.test_split if split == "test" else "train"
        folders = split_folders(root, need_classes=self.lists is None)
        folder = folders.get(_SPLIT_OF[official])
        if self.lists is not None:
            files = list(_listed(_list_files(self.lists), official, folder or root))
        elif folder is not None or (split == "test" and not folders):
            files = [
                file._replace(source=_TIMES.sub("", file.source))
                for file in class_folders(folder or root)
            ]
        else:
            raise DatasetError(
                f"no folder {root / official}, which split {split} is taken from: get the split as {PAGE} "
                "says, or use dataset=folder, which makes splits of any videos"
            )
        return cut_validation(self.known(files, root), self.validation_share, split)


def _list_files(lists: str | Path) -> list[Path]:
    """The file, or all lists of a folder; those of Kinetics-600 end in .txt and are csv too."""
    path = Path(lists).expanduser()
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".csv", ".txt"))
        files = [file for file in files if _is_list(file)]
    if not files or not files[0].is_file():
        raise DatasetError(
            f"no list {path}: get the annotations as {PAGE} says and set dataset.lists to the csv "
            "file or its folder, or to null to take what lies in class folders, or use dataset=list for "
            "lines of a path and a label"
        )
    return files


def _is_list(file: Path) -> bool:
    """Whether a file begins as a list does, unlike a readme or a list of class names beside it."""
    return "youtube_id" in _text(file).partition("\n")[0]


def _text(file: Path) -> str:
    try:
        return read_text(file)
    except ValueError as error:
        raise DatasetError(str(error)) from error


def _split_of(text: str) -> str:
    """The split that a word of a line, or of the name of a list, means; the text where none does."""
    words = re.split(r"[^a-z]+", text.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), text.strip())


def _listed(lists: Sequence[Path], split: str, folder: Path) -> Iterator[VideoFile]:
    """The videos of a split, at the paths where they lie, or where they are missing.

    Raises:
        DatasetError: a line lacks a column, or no line is of the split.
    """
    videos: dict[tuple[str, str], Path] = {}
    for name, path in scan(folder):
        videos.setdefault((plain(name), path.stem), path)
        videos.setdefault(("*", path.stem), path)
    others: dict[str, None] = {}
    empty = True
    for file in lists:
        for row in csv.DictReader(io.StringIO(_text(file))):
            given = _split_of(row.get("split") or file.stem)
            if given != split:
                others[given] = None
                continue
            empty = False
            yield _video(row, file, split, folder, videos)
    if empty:
        where = lists[0] if len(lists) == 1 else lists[0].parent
        also = " or dataset.test_split=test" if split == "val" and "test" in others else ""
        raise DatasetError(
            f"{where} lists no video of split {split}, only of {shorten(list(others)) or 'none'}: set "
            f"dataset.lists to a folder with the list of {split} too{also}"
        )


def _video(
    row: Mapping[str, Any], file: Path, split: str, folder: Path, videos: Mapping[Any, Path]
) -> VideoFile:
    try:
        label, video = row["label"].strip(), row["youtube_id"].strip()
        start, end = (float(row[name]) for name in COLUMNS[2:])
        if not 0 <= start < end < math.inf or not label:
            raise ValueError
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{file}: a line of split {split} lacks one of {', '.join(COLUMNS)}: get the "
            f"annotations as {PAGE} says, or use dataset=list for lines of a path and a label"
        ) from error
    name = f"{video}_{int(start):06d}_{int(end):06d}"
    places = (plain(label), "", "*")
    for stem, span in ((name, None), (video, (start, end))):
        path = next((videos[place, stem] for place in places if (place, stem) in videos), None)
        if path is not None:
            return VideoFile(path, label, name, video, span=span)
    return VideoFile(folder / label.replace(" ", "_") / f"{name}.mp4", label, name, video)
