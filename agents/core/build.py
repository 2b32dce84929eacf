"""Components by name: `_target_` names a class to construct or a function to call."""

import functools
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from video_attack.agents.core.errors import USER_ERRORS, ConfigError
from video_attack.envs.game.episode import Distort


def locate(target: str) -> Callable[..., Any]:
    """The class or function that a dotted name means.

    Raises:
        ConfigError: no such module, or nothing of that name in it.
    """
    module, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as fault:
        raise ConfigError(
            f"_target_={target!r} cannot be imported ({fault}): write package.module.Name, and see that "
            "the package is installed or on PYTHONPATH"
        ) from fault
    if not callable(found):
        raise ConfigError(f"_target_={target!r} is neither a class nor a function")
    return found


def accepted(target: Callable[..., Any]) -> list[str] | None:
    """Names of the arguments that a class or function takes; None when it takes any.

    A constructor with `**kwargs` passes them on to the base class, whose arguments are looked up.
    """
    makers: list[Callable[..., Any]] = [target]
    if inspect.isclass(target):
        makers = [vars(c)["__init__"] for c in inspect.getmro(target) if "__init__" in vars(c)]
    names: list[str] = []
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        names += [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return [name for name in dict.fromkeys(names) if name != "self"]
    return None


def build(group: str, config: Mapping[str, Any], *args: Any, **given: Any) -> Any:
    """Construct the component of a config group, or bind its keys when it is a function.

    Args:
        group: the group's name, for messages.
        config: `_target_` and its keyword arguments.
        *args: further positional arguments that the caller gives.
        **given: further keyword arguments that the caller gives.

    Raises:
        ConfigError: a key that the target does not take; the message says which it does.
    """
    own = {key: value for key, value in config.items() if key != "_target_"}
    target = locate(config["_target_"])
    parameters = accepted(target)
    if parameters is not None:
        unknown = [key for key in own if key not in parameters]
        if unknown:
            allowed = ", ".join(key for key in parameters if key not in given) or "none"
            raise ConfigError(
                f"{group}.{unknown[0]}: {config['_target_']} takes no such argument; allowed: {allowed}"
            )
    if inspect.isclass(target):
        try:
            return target(*args, **own, **given)
        except (ValueError, TypeError) as fault:
            if isinstance(fault, USER_ERRORS):
                raise
            raise ConfigError(f"{group}: {fault}") from fault
    return functools.partial(target, **own)


def build_distort(config: Mapping[str, Any]) -> Distort:
    """The distortion of the config group `distortion`; its severity is not bound."""
    distort: Distort = build("distortion", {k: v for k, v in config.items() if k != "severity"})
    return distort
