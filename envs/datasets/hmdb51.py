"""HMDB-51: 6,766 clips of 51 human actions (Kuehne et al., ICCV 2011), as downloaded."""

import re
from pathlib import Path

from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoFile, check_folder
from video_attack.envs.datasets.partition import cut_validation
from video_attack.envs.datasets.splits import SplitDataset, list_lines

PAGE = "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/"
# Use of a clip in a split: 0 not at all, 1 train, 2 test.
_LINE = re.compile(r"(?P<video>\S+)\.avi\s+(?P<use>[012])")
# What follows the class in a name: visible parts of the body, motion of the camera, number of
# people, point of view, quality, and a number of the clip.
_CODES = r"_[a-z]_[a-z]{2}_np\d+_[a-z]{2}_[a-z]{3}_\d+"


class Hmdb51(SplitDataset):
    """One split by the official lists of HMDB-51, labelled for a victim.

    Train and test follow the official lists, which leave some clips of each class unused;
    validation is cut from the train list by source videos, which the file names tell.

    `root` and `lists`, with the other arguments, are those of `SplitDataset`; the lists are
    the 153 files such as climb_test_split1.txt.
    """

    title = "HMDB-51"

    def videos(self, split: Split) -> list[VideoFile]:
        """The videos of the official lists, less those cut off for another split."""
        get = f"get test_train_splits.rar from {PAGE}, unpack it"
        folder, ending = check_folder(self.lists, "lists", get), f"_test_split{self.fold}.txt"
        lists = sorted(folder.glob(f"*{ending}"))
        if not lists:
            raise DatasetError(
                f"no list of the name climb{ending} in {folder}: {get}, and set dataset.lists "
                "to the folder of its 153 files"
            )
        root = check_folder(
            self.root, "root", f"get hmdb51_org.rar from {PAGE}, unpack it and the 51 .rar in it"
        )
        use = "2" if split == "test" else "1"
        files = [
            file
            for list_ in lists
            for file in _read_list(list_, root, list_.name.removesuffix(ending), use)
        ]
        return cut_validation(self.known(files, root), self.validation_share, split)


def _read_list(file: Path, root: Path, name: str, use: str) -> list[VideoFile]:
    """The videos of one class that the list gives this use."""
    source = re.compile(rf"(?P<source>.+)_{re.escape(name)}{_CODES}")
    files = []
    for number, line in enumerate(list_lines(file), start=1):
        match = _LINE.fullmatch(line.strip())
        if match and match["use"] == use:
            video = match["video"]
            told = source.fullmatch(video)
            path = root / name / f"{video}.avi"
            files.append(VideoFile(path, name, video, told["source"] if told else video))
        elif line.strip() and not match:
            raise DatasetError(
                f"{file}, line {number}: expected name.avi and 0, 1 or 2, not {line.strip()!r}; "
                f"get the official lists from {PAGE}"
            )
    return files
