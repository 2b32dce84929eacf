"""What can go wrong with an attack while others go on, and errors of the system in words."""

import traceback

from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.metrics.record import RecordError
from video_attack.envs.victims.base import VictimError


class AttackError(RuntimeError):
    """An attack that failed; the message names it and the clip."""


class IncompleteError(RuntimeError):
    """A run in which an attack failed; whatever else it was to do is done."""


def in_words(error: OSError) -> str:
    """An error of the system in one sentence; one that has a sentence already stays as it is."""
    if error.filename is None:
        return str(error)
    said = f"{error.strerror}: {str(error.filename)!r}"
    frames = traceback.extract_tb(error.__traceback__)
    if frames and frames[-1].name in ("mkdir", "makedirs"):
        return (
            f"a folder cannot be made ({said}): name a place that can be written, run_dir=/a/folder"
        )
    return said


class ConfigError(ValueError):
    """A configuration that names no such component or gives it arguments that it does not take."""


class CheckpointError(RuntimeError):
    """No checkpoint, or one of other settings."""


# What helps where a run cannot go on: without `resume` alone, its folder would be refused as in use.
ANEW = "start a new run in another run_dir, without resume=true"


class PolicyError(ValueError):
    """A policy file that does not fit the game, or is none."""


# Errors whose message already says what to do.
USER_ERRORS = (ConfigError, PolicyError, DatasetError, VictimError, RecordError)
