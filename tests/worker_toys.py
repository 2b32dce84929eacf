"""Victims that are slow or fail, for tests of workers."""

import time
from pathlib import Path

from tests.toys import BrightnessVictim
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores, VictimError


class SlowVictim(BrightnessVictim):
    """Takes `seconds` for each call, once the file `slow_from` exists (None: always)."""

    def __init__(self, seconds: float, slow_from: str | None = None, **common) -> None:
        super().__init__(**common)
        self._seconds, self._from = seconds, slow_from

    def predict(self, clips: Frames) -> Scores:
        if self._from is None or Path(self._from).exists():
            time.sleep(self._seconds)
        return super().predict(clips)


class FailingVictim(BrightnessVictim):
    """Fails once the file `from_file` exists."""

    def __init__(self, from_file: str, **common) -> None:
        super().__init__(**common)
        self._from = from_file

    def predict(self, clips: Frames) -> Scores:
        if Path(self._from).exists():
            raise VictimError("the victim is out of order")
        return super().predict(clips)
