"""Lists of lines "path label", as SlowFast, TimeSformer, VideoMAE and MMAction2 take them."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoDataset, VideoFile, check_folder, check_range
from video_attack.envs.datasets.names import numbered
from video_attack.envs.datasets.partition import cut_validation
from video_attack.envs.text_file import read_text
from video_attack.envs.victims.labels import read_labels

log = logging.getLogger(__name__)
COLUMNS = ("path", "label", "start", "end", "_")
_MARKS = ("\t", ",", ";", " ")
_TITLES = ("label", "labels", "class", "class_id", "target", "category")
# What follows the name of a recording in those of its clips: Kinetics' seconds, UCF-101's number.
_CLIP = re.compile(r"_\d{6}_\d{6}$|_c\d+$")
_MORE = re.compile(r"[\s,;]+[\d.]+$")  # a column more than was told, at the end of a path


class PathList(VideoDataset):
    """One split of a data set whose lists name a video and its label in each line.

    Columns stand apart by tabs, commas, semicolons or spaces, of which a path may hold some. A label
    is a class name or a number. Numbers are places in the victim's scores (or in `labels`), counted
    from 0, or from 1 where the number of classes is in a list and 0 is in none. A line that begins
    with # is a comment, unless there is a video of that name. Where validation
    has no list, it is cut from train.

    Args:
        split: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        train: the list of the train split; None where there is none.
        validation: the list of the validation split.
        test: the list of the test split.
        root: the folder that relative paths begin at; None is the folder of each list.
        columns: what a line holds in order: path and label; also start and end, the seconds that the
            clip is cut from; _ is not used.
        labels: file of the class names that numbers mean, see `read_labels`; None: the victim's.
        validation_share: share of each class's recordings of train that go to validation.
        **options: see `VideoDataset`.

    Raises:
        DatasetError: lists or videos are missing, or the victim knows none of the classes.
        VictimError: the file of class names cannot be read.
        ValueError: an argument is out of its range.
    """

    title = "the list"

    def __init__(
        self,
        split: Split,
        sampling: Sampling,
        classes: Sequence[str] | None,
        *,
        train: str | Path | None = None,
        validation: str | Path | None = None,
        test: str | Path | None = None,
        root: str | Path | None = None,
        columns: Sequence[str] = ("path", "label"),
        labels: str | None = None,
        validation_share: float = 0.15,
        **options: Any,
    ) -> None:
        check_range("validation_share", 0 <= validation_share < 1, "at least 0 and below 1")
        used = [column for column in columns if column != "_"]
        check_range(
            "columns",
            {"path", "label"} <= set(used) <= set(COLUMNS)
            and len(set(used)) == len(used)
            and ("start" in used) == ("end" in used),
            "path and label, in the order of the list, with start and end, and _ for unused ones",
        )
        given = {"train": train, "validation": validation, "test": test}
        self.lists = {name: Path(file).expanduser() for name, file in given.items() if file}
        self.root, self.columns, self.labels = root, tuple(columns), labels
        self.validation_share = validation_share
        super().__init__(split, sampling, classes, **options)

    def videos(self, split: Split) -> list[VideoFile]:
        """The videos of the split's list, or those cut off train's."""
        for name, file in self.lists.items():
            if not file.is_file():
                raise DatasetError(f"no list {file}: set dataset.{name} to a file that exists")
        own = "train" if split == "validation" and split not in self.lists else split
        if own not in self.lists:
            raise DatasetError(
                f"split {split} has no list: set dataset.{own} to a file with lines of a path and a label"
            )
        root = None if self.root is None else check_folder(self.root, "root", "get the videos")
        read = {name: self._read(file, root or file.parent) for name, file in self.lists.items()}
        every = {video.name for videos in read.values() for video in videos}
        files = read[own]
        if self.labels is not None:
            names = read_labels(self.labels)
            numbers = numbered(every, len(names)) or {}
            files = [f._replace(name=names[numbers[f.name]]) if numbers else f for f in files]
            every = {file.name for file in files}
        found = self.known(files, root or self.lists[own].parent, every)
        if own == "train" and "validation" not in self.lists:
            return cut_validation(found, self.validation_share, split)
        return found

    def _read(self, file: Path, root: Path) -> list[VideoFile]:
        try:
            lines = [line.strip() for line in read_text(file).splitlines()]
        except ValueError as error:
            raise DatasetError(str(error)) from error
        filled = {number: line for number, line in enumerate(lines, start=1) if line}
        rows = {n: line for n, line in filled.items() if not self._is_comment(line, root)}
        if len(rows) < len(filled):
            log.info("%s: %d lines that begin with # are comments", file, len(filled) - len(rows))
        if any("youtube_id" in line for line in lines[:1]):
            raise DatasetError(f"{file} is a list of Kinetics' own: use dataset=kinetics")
        found: dict[str, VideoFile] = {}
        pattern = self._pattern(list(rows.values()))
        for number, line in rows.items():
            match = pattern.fullmatch(line)
            cells = (
                {key: _unquoted(text) for key, text in match.groupdict().items()} if match else {}
            )
            if number == min(rows) and cells.get("label", "").lower() in _TITLES:
                continue
            video = _video(cells, root)
            if video is None:
                raise DatasetError(
                    f"{file}, line {number}: expected {' '.join(self.columns)}, not {line!r}: correct "
                    "it, or say by dataset.columns what the columns hold"
                )
            if not found and not video.path.is_file() and _MORE.search(cells["path"]):
                _check_columns(_MORE.sub("", cells["path"]), root, f"{file}, line {number}")
            if found.setdefault(video.id, video) != video:
                raise DatasetError(
                    f"{file}, line {number}: {cells['path']} has the label {video.name}, and above "
                    f"{found[video.id].name}: leave it one"
                )
        return list(found.values())

    def _is_comment(self, line: str, root: Path) -> bool:
        """Whether a line begins with #, and no video that it could name does."""
        if not line.startswith("#"):
            return False
        cells = [match.groupdict() for p in self._patterns() if (match := p.fullmatch(line))]
        videos = [_video({k: _unquoted(v) for k, v in cell.items()}, root) for cell in cells]
        return not any(video is not None and video.path.is_file() for video in videos)

    def _patterns(self) -> list[re.Pattern[str]]:
        """Of a line, by what its columns stand apart by."""
        patterns = []
        for mark in _MARKS:
            cell, between = (r"\S+", r"\s+") if mark == " " else (f"[^{mark}]+", rf"\s*{mark}\s*")
            kinds = {"path": "(?P<path>.+)", "_": cell}
            patterns.append(
                re.compile(between.join(kinds.get(c, f"(?P<{c}>{cell})") for c in self.columns))
            )
        return patterns

    def _pattern(self, lines: Sequence[str]) -> re.Pattern[str]:
        """Of a line; by the first mark that leaves numbers as labels, or else that all lines have."""
        patterns = self._patterns()
        fits = {
            pattern: [match["label"] for line in lines if (match := pattern.fullmatch(line))]
            for pattern in patterns
        }
        whole = [pattern for pattern, labels in fits.items() if len(labels) == len(lines)]
        for pattern in whole:  # the first line may be a title
            if len(lines) > 1 and all(_unquoted(label).isdecimal() for label in fits[pattern][1:]):
                return pattern
        return whole[0] if whole else max(patterns, key=lambda pattern: len(fits[pattern]))


def _video(cells: Mapping[str, str], root: Path) -> VideoFile | None:
    """The video of a line's cells; None where they are none."""
    if not cells:
        return None
    given, span = cells["path"], None
    path = root / Path(given).expanduser()
    if "\\" in given and not path.is_file():  # a list made on Windows
        path = root / given.replace("\\", "/")
    id_ = given
    if "start" in cells:
        try:
            span = float(cells["start"]), float(cells["end"])
        except ValueError:
            return None
        if not 0 <= span[0] < span[1] < float("inf"):
            return None
        id_ = f"{given} {span[0]:g}-{span[1]:g}"
    return VideoFile(path, cells["label"], id_, _CLIP.sub("", path.stem), span=span)


def _check_columns(path: str, root: Path, where: str) -> None:
    """Raise DatasetError where a path exists once a number behind it is taken off."""
    if (root / path).is_dir():
        raise DatasetError(
            f"{where}: {path} is a folder of pictures: give a list of videos, which this reads"
        )
    if (root / path).is_file():
        raise DatasetError(
            f"{where} has more columns than a path and a label: say which they are, such as "
            "dataset.columns=[path,_,label]"
        )


def _unquoted(cell: str) -> str:
    return cell.strip().strip('"')
