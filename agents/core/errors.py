"""Errors whose message says what to do; nothing here knows who raises them."""

from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.victims.base import VictimError


class AttackError(RuntimeError):
    """An attack that failed; the message names it and the clip."""


class IncompleteError(RuntimeError):
    """A run in which an attack failed; whatever else it was to do is done."""


class ConfigError(ValueError):
    """A configuration that names no such component or gives it arguments that it does not take."""


class CheckpointError(RuntimeError):
    """No checkpoint, or one of other settings."""


class PolicyError(ValueError):
    """A policy file that does not fit the game, or is none."""


# Errors whose message already says what to do.
USER_ERRORS = (ConfigError, PolicyError, DatasetError, VictimError)
