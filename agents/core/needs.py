"""Libraries that a plain wheel does not bring: named with what installs them where they are missing."""

import sys
from importlib.util import find_spec

from video_attack.agents.core.errors import ConfigError

# What each extra of this project brings, by the name that is imported.
EXTRAS = {
    "evaluate": ("hydra", "omegaconf", "matplotlib"),
    "train": ("ray", "tensorboardX"),
}


def need(extra: str, *modules: str, user: str) -> None:
    """Raise unless these modules are there.

    Args:
        extra: which extra of this project brings them.
        modules: names as they are imported.
        user: who needs them, as the beginning of a sentence.

    Raises:
        ConfigError: one is missing; the message says how to install it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise ConfigError(sentence(module, extra, user))


def begin(extra: str, *modules: str, user: str) -> None:
    """`need` for a command: ends with the sentence."""
    try:
        need(extra, *modules, user=user)
    except ConfigError as error:
        sys.exit(f"error: {error}")


def sentence(module: str, extra: str, user: str) -> str:
    """What to write where a module is missing."""
    return f"{user} needs {module}: pip install 'video-attack-marl[{extra}]'"


def extra_of(module: str) -> str | None:
    """Which extra brings a module; None: none."""
    top = module.partition(".")[0]
    return next((extra for extra, brought in EXTRAS.items() if top in brought), None)
