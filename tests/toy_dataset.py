"""The dark clips as a data set with parts, for whole runs."""

from tests.toys import DarkClips
from video_attack.envs.clip import Sampling


class ToyDataset(DarkClips):
    """The same clips in every split."""

    def __init__(self, split: str, sampling: Sampling, classes: tuple[str, ...]) -> None:
        super().__init__(clips=20, frames=sampling.frames, size=sampling.size)
