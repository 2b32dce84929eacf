"""Optional libraries: imported when a victim needs them, with the remedy where they are missing."""

from importlib import import_module
from types import ModuleType

from video_attack.envs.victims.base import VictimError


def require(module: str, extra: str, user: str) -> ModuleType:
    """Import a module of an optional library.

    Args:
        module: its dotted name, such as "safetensors.torch".
        extra: the extra of this package that installs it.
        user: what needs it, for the error.

    Raises:
        VictimError: it is not installed, or itself cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise VictimError(
            f'{user} needs {library} ({error}): pip install -e ".[{extra}]"'
        ) from error
