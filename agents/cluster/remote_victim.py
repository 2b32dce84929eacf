"""The victim as a client sees it when it lives in a Ray actor."""

from typing import Any

import numpy as np
import ray

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores, Victim, VictimError


class RemoteVictim(Victim):
    """A victim that lives in a named actor."""

    def __init__(self, name: str) -> None:
        self._actor = ray.get_actor(name)
        for attribute, value in _answer(self._actor.about.remote()).items():
            setattr(self, attribute, value)

    def predict(self, clips: Frames) -> Scores:
        """Scores by one remote call."""
        scores: Scores = _answer(self._actor.scores.remote(np.ascontiguousarray(clips)))
        return scores


def _answer(call: Any) -> Any:
    """Result of a remote call; raises VictimError in one line when it failed there."""
    try:
        return ray.get(call)
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1]
        raise VictimError(f"the victim's actor failed: {last}") from error
