"""UCF-101: 13,320 clips of 101 human actions (Soomro, Zamir and Shah, 2012), as downloaded."""

import re
from pathlib import Path

from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoFile, check_folder
from video_attack.envs.datasets.partition import cut_validation
from video_attack.envs.datasets.splits import SplitDataset, list_lines

PAGE = "https://www.crcv.ucf.edu/data/UCF101.php"
# "Archery/v_Archery_g08_c01.avi 3": class, video, and in train lists the number of the class.
_LINE = re.compile(
    r"(?P<name>[^/\s]+)/(?P<video>(?P<group>\S+_g\d+)_c\d+)(?P<suffix>\.avi)(\s+\d+)?"
)


class Ucf101(SplitDataset):
    """One split by the official lists of UCF-101, labelled for a victim.

    Train and test follow the official lists; validation is cut from the train list by groups, since
    clips of one group (gNN in the file name) are pieces of the same video. It takes the groups of
    the highest numbers of each class among the files at hand, whatever the seed.

    `root` and `lists`, with the other arguments, are those of `SplitDataset`; the lists are
    the folder ucfTrainTestlist, with trainlist01.txt and its siblings.
    """

    title = "UCF-101"

    def videos(self, split: Split) -> list[VideoFile]:
        """The videos of the official list, less those cut off for another split."""
        kind = "test" if split == "test" else "train"
        list_ = self.lists / f"{kind}list0{self.fold}.txt"
        if not list_.is_file():
            raise DatasetError(
                f"no list {list_}: get UCF101TrainTestSplits-RecognitionTask.zip from {PAGE}, "
                "unpack it, and set dataset.lists to its folder ucfTrainTestlist"
            )
        root = check_folder(self.root, "root", f"get UCF101.rar from {PAGE}, unpack it")
        return cut_validation(
            self.known(_read_list(list_, root), root), self.validation_share, split
        )


def _read_list(file: Path, root: Path) -> list[VideoFile]:
    files = []
    for number, line in enumerate(list_lines(file), start=1):
        match = _LINE.fullmatch(line.strip())
        if match:
            name, video = match["name"], match["video"]
            path = root / name / f"{video}{match['suffix']}"
            files.append(VideoFile(path, name, video, match["group"]))
        elif line.strip():
            raise DatasetError(
                f"{file}, line {number}: expected Class/v_Class_g01_c01.avi, not {line.strip()!r}; "
                f"get the official lists from {PAGE}"
            )
    return files
