"""A victim of one's own: tells day from night by the mean brightness."""

import numpy as np

from video_attack.envs.clip import Sampling
from video_attack.envs.victims.base import Victim


class DayOrNight(Victim):
    """Two classes, decided at a brightness of `dusk`."""

    classes = ("day", "night")

    def __init__(self, *, dusk: float) -> None:
        self.dusk = dusk
        self.sampling = Sampling(frames=4, size=32, short_side=32, stride=1)

    def predict(self, clips):
        """uint8 (N, T, H, W, 3) to probabilities float32 (N, 2)."""
        light = clips.mean(axis=(1, 2, 3, 4), dtype=np.float64) - self.dusk
        day = 1 / (1 + np.exp(-light / 10))
        return np.stack([day, 1 - day], axis=1).astype(np.float32)
