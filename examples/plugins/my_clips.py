"""A data set of one's own: grey noise, a little brighter by day than by night."""

import numpy as np

from video_attack.envs.clip import Clip
from video_attack.envs.datasets.base import ClipDataset


class DayAndNight(ClipDataset):
    """Every other clip is one of the night; a split has `clips` of them."""

    def __init__(self, split, sampling, classes, *, clips: int) -> None:
        self.number = ("train", "validation", "test").index(split)
        self.sampling, self.clips = sampling, clips
        self.classes = tuple(classes or ("day", "night"))

    def __len__(self):
        return self.clips

    def __getitem__(self, index):
        """Clip `index`, of the length and size that the victim wants, the same each time."""
        time = ("day", "night")[index % 2]
        rng = np.random.default_rng([self.number, index])
        shape = (self.sampling.frames, self.sampling.size, self.sampling.size, 3)
        frames = rng.integers(0, 211 if time == "day" else 191, shape, np.uint8)
        return Clip(frames, self.classes.index(time), f"{time}-{self.number}-{index}")
