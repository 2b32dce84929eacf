"""Tracker: one place for the figures of a training run; several may be open."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from video_attack.agents.core.build import build, locate
from video_attack.agents.core.errors import ConfigError


class Tracker(ABC):
    """Takes the figures of each iteration; a subclass takes its own keys after `settings`.

    Args:
        run_dir: the run's folder.
        start: queries before the first figures, above 0 in a run that goes on.
        settings: the run's whole plain configuration.

    Attributes:
        module: what it needs, by the name that is imported; None: nothing.
        package: what pip calls that.
    """

    module: ClassVar[str | None] = None
    package: ClassVar[str] = ""

    @abstractmethod
    def __init__(self, run_dir: Path, start: int, settings: Mapping[str, Any]) -> None:
        """Open it."""

    @abstractmethod
    def log(self, facts: Mapping[str, float], queries: int) -> None:
        """Note finite figures by name, after so many queries of training."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left; further figures are not taken."""


def check_trackers(config: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the packages of all trackers of a configuration are installed."""
    for name, keys in (config.get("loggers") or {}).items():
        kind: Any = locate(keys["_target_"])
        if kind.module is not None and find_spec(kind.module) is None:
            raise ConfigError(
                f"logger={name} needs the package {kind.package}: pip install {kind.package}"
            )


def open_trackers(config: Mapping[str, Any], run_dir: Path, start: int) -> list[Tracker]:
    """The trackers of a configuration.

    Raises:
        ConfigError: a package is missing, or a tracker does not take its keys.
    """
    check_trackers(config)
    return [
        build(f"loggers.{name}", keys, run_dir, start, config)
        for name, keys in (config.get("loggers") or {}).items()
    ]
