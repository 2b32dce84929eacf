"""The embedded data set: rendered actions, endless by seed."""

from video_attack.envs.datasets.actions.dataset import Actions

__all__ = ["Actions"]
