"""Small known things for tests: a victim whose optimum is known, and clips that it gets right."""

import numpy as np

from envs.clip import Clip, Frames, Sampling
from envs.datasets.base import ClipDataset
from envs.victims.base import Scores, Victim


class BrightnessVictim(Victim):
    """Class 0 while one cell of space-time stays dark, class 1 when it is bright; 2 never wins.

    The watched cell is frames 4-7, the centre patch of a 4 x 4 grid's second row and column. The
    victim counts its own calls and clips, independently of any ledger.
    """

    classes = ("dark", "bright", "never")

    def __init__(self, frames: int = 8, size: int = 32) -> None:
        self.sampling = Sampling(frames=frames, size=size, short_side=size, stride=1)
        self.calls = self.clips = 0

    def predict(self, clips: Frames) -> Scores:
        """Softmax of a linear function of the watched cell's mean."""
        self.calls += 1
        self.clips += len(clips)
        cell = self.sampling.size // 4
        watched = clips[:, 4:8, cell : 2 * cell, cell : 2 * cell].astype(np.float64)
        bright = watched.mean(axis=(1, 2, 3, 4)) / 255.0
        logits = np.stack([0.5 - bright, bright - 0.5, np.full_like(bright, -5)], axis=1) * 8
        odds = np.exp(logits)
        return (odds / odds.sum(1, keepdims=True)).astype(np.float32)


class DarkClips(ClipDataset):
    """Random dark clips; every fifth one is labelled wrongly, so that the victim fails on it."""

    classes = BrightnessVictim.classes

    def __init__(self, clips: int = 20, frames: int = 8, size: int = 32) -> None:
        self.clips, self.shape = clips, (frames, size, size, 3)

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, index: int) -> Clip:
        rng = np.random.default_rng(index)
        frames = rng.integers(0, 90, self.shape, dtype=np.uint8)
        return Clip(frames, int(index % 5 == 4), f"dark-{index}")


def brighten(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """A user's own distortion: adds light, with a little noise."""
    light = 30 * severity + rng.integers(0, 20, clip.shape)
    return np.minimum(clip.astype(np.int64) + light, 255).astype(np.uint8)
