"""Any folder of videos, sorted into folders named after their classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError, Split
from video_attack.envs.datasets.files import VideoDataset, VideoFile, check_folder, check_range
from video_attack.envs.datasets.layout import class_folders, split_folders
from video_attack.envs.datasets.partition import cut_validation, hashed_split


class Folder(VideoDataset):
    """Videos root/split/class/clip, or root/class/clip, in any format that FFmpeg reads.

    Folders of splits are called train, validation (or val) and test; where validation has none, it
    is cut from train. Without such folders, the name of each file decides its split, for good:
    clips of one recording may then come into different splits, so give them folders of splits if
    there are several of one recording.

    Args:
        split: train, validation or test.
        sampling: how the victim wants its clips.
        classes: the victim's class names, which labels index.
        root: the folder.
        validation_share: about this share of the clips (of train's, where train is a folder and
            validation is none) is the validation split.
        test_share: about this share of the clips is the test split, where there are no folders of splits.
        **options: see `VideoDataset`.

    Raises:
        DatasetError: no videos in class folders, or the victim knows none of the classes.
        ValueError: an argument is out of its range.
    """

    title = "the folder"

    def __init__(
        self,
        split: Split,
        sampling: Sampling,
        classes: Sequence[str] | None,
        *,
        root: str | Path,
        validation_share: float = 0.15,
        test_share: float = 0.25,
        **options: Any,
    ) -> None:
        check_range("validation_share", 0 <= validation_share < 1, "at least 0 and below 1")
        check_range(
            "test_share",
            test_share >= 0 and test_share + validation_share <= 1,
            "at least 0, and at most 1 together with validation_share",
        )
        self.root = root
        self.validation_share, self.test_share = validation_share, test_share
        super().__init__(split, sampling, classes, **options)

    def videos(self, split: Split) -> list[VideoFile]:
        """The videos of the split's folder, or those whose names belong to the split."""
        root = check_folder(self.root, "root", "make one that holds a folder of videos a class")
        folders = split_folders(root)
        if not folders:
            shares = self.validation_share, self.test_share
            # Before the split, so that classes unknown to the victim are told once for all splits.
            files = self.known(class_folders(root), root)
            return [file for file in files if hashed_split(file.path.name, *shares) == split]
        folder = folders.get(split, folders.get("train") if split == "validation" else None)
        if folder is None:
            raise DatasetError(
                f"no folder {root / split} beside {', '.join(map(str, folders.values()))}: make one "
                "that holds a folder of videos a class"
            )
        files = self.known(class_folders(folder), root)
        if "validation" in folders:
            return files
        return cut_validation(files, self.validation_share, split)
