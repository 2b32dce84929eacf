"""Components by name: `_target_` names a class to construct or a function to call."""

import functools
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from video_attack.agents.core.errors import USER_ERRORS, ConfigError
from video_attack.agents.core.renamed import told
from video_attack.envs.game.palette import Distort

WHOLE = (int, int | None, "int", "int | None")  # annotations, which some modules keep as text
HOME = Path(__file__).parents[2]  # holds envs/ and agents/, in a checkout as in an installed wheel


def locate(target: str) -> Callable[..., Any]:
    """The class or function that a dotted name means.

    Raises:
        ConfigError: no such module, or nothing of that name in it, or a name that was ours once.
    """
    module, _, name = target.rpartition(".")
    now = respelled(target)
    if now and _means_home(module.split(".")[0]):  # else each would be there twice
        raise ConfigError(f"_target_={target!r} has another name by now: write {now}")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        remedy = now or (
            "package.module.Name, and see that the package is installed or on PYTHONPATH"
        )
        raise ConfigError(
            f"_target_={target!r} cannot be imported ({error}): write {remedy}"
        ) from error
    if not callable(found):
        raise ConfigError(f"_target_={target!r} is neither a class nor a function")
    return found


def respelled(target: str) -> str | None:
    """The present name of what was called `envs...` or `agents...` before; None: never one of ours.

    The module is looked for below its old folder, since it may have moved into a room there.
    """
    top, *folders = target.split(".")[:-1]
    if top not in ("envs", "agents") or not folders:
        return None
    *folders, module = folders
    files = [*(HOME / top).rglob(f"{module}.py"), *(HOME / top).rglob(f"{module}/__init__.py")]
    for file in sorted(files, key=lambda file: len(file.parts)):
        parts = file.relative_to(HOME).with_suffix("").parts
        if set(folders) <= set(parts):
            place = ".".join(parts).removesuffix(".__init__")
            return f"video_attack.{place}.{target.rpartition('.')[2]}"
    return None


def _means_home(package: str) -> bool:
    """Whether an import of this package would find our folder, not one of the user's."""
    found = find_spec(package)
    places = found.submodule_search_locations if found else None
    return any(Path(place).resolve() == (HOME / package).resolve() for place in places or ())


def accepted(target: Callable[..., Any]) -> list[str] | None:
    """Names of the arguments that a class or function takes; None when it takes any.

    A constructor with `**kwargs` passes them on to the base class, whose arguments are looked up.
    """
    names: list[str] = []
    for maker in makers(target):
        parameters = inspect.signature(maker).parameters.values()
        names += [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return [name for name in dict.fromkeys(names) if name != "self"]
    return None


def makers(target: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function, or the constructors of a class and of its bases."""
    if not inspect.isclass(target):
        return [target]
    return [vars(c)["__init__"] for c in inspect.getmro(target) if "__init__" in vars(c)]


def whole_numbers_whole(target: Callable[..., Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in which 1e3 is 1000 where the target wants a whole number and nothing else."""
    kinds: dict[str, Any] = {}
    for maker in reversed(makers(target)):
        kinds |= {name: p.annotation for name, p in inspect.signature(maker).parameters.items()}
    return {
        key: int(value)
        if isinstance(value, float) and value.is_integer() and kinds.get(key) in WHOLE
        else value
        for key, value in own.items()
    }


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
        unknown = [key for key in own if key not in parameters or key in given]
        if unknown:
            allowed = ", ".join(key for key in parameters if key not in given) or "none"
            raise ConfigError(
                f"{group}.{unknown[0]}: {config['_target_']} takes no such argument; allowed: {allowed}"
                f"{told(f'{group}.{unknown[0]}')}"
            )
    own = whole_numbers_whole(target, own)
    if inspect.isclass(target):
        try:
            return target(*args, **own, **given)
        except (ValueError, TypeError) as error:
            if isinstance(error, USER_ERRORS):
                raise
            raise ConfigError(f"{group}: {error}") from error
    return functools.partial(target, **own)


def build_distort(config: Mapping[str, Any]) -> Distort:
    """The distortion of the config group `distortion`; its severity is not bound."""
    distort: Distort = build("distortion", {k: v for k, v in config.items() if k != "severity"})
    return distort
