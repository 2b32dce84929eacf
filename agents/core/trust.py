"""What is taken from a folder that somebody else may have made: plain values, and known components.

A run's folder may come from a stranger. Without `trust=true` nothing that it names is imported, called,
unpickled or interpolated unless this project, or a folder of configuration that the user names, names it
as well, and none of its file names leads out of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from video_attack.agents.core.build import locate
from video_attack.agents.core.errors import ConfigError

# conf/ stands beside agents/, in a checkout as in an installed wheel.
CONF = Path(__file__).parents[2] / "conf"


class TrustError(ConfigError):
    """Something in a folder that only `trust=true` lets in."""


def vet(
    group: str, values: Any, source: str | Path, known: Iterable[str] = (), remedy: str = ""
) -> None:
    """Raise unless a folder's values for a config group are plain and its components known.

    A component is known if a file of conf/<group> names it. One that runs what its values name
    (`needs_trust`: a function, code in a file, a server) is refused all the same, whoever names it.

    Args:
        group: a config group, such as model.
        values: what the folder says of it.
        source: where that stands, for the message.
        known: further dotted names that the user has named.
        remedy: what else than trust=true the user may do, for the message.

    Raises:
        TrustError: the first thing that is not to be taken; the message names it.
    """
    allowed = {*targets(group, [CONF]), *known}
    for path, value in leaves(values, group):
        if not isinstance(value, str | int | float | bool | None):
            raise TrustError(f"{source}: {path} is a {type(value).__name__}, not a plain value")
        if "._target_" not in path or value is None:
            continue
        if value not in allowed:
            reason = f"the component {value} ({path}), which is not this project's"
        elif why := getattr(locate(value), "needs_trust", None):
            reason = f"the component {value} ({path}), which {why}"
        else:
            continue
        raise TrustError(
            f"{source} names {reason}: if you trust who made it, add trust=true{remedy}"
        )


def targets(group: str, folders: Iterable[Path]) -> set[str]:
    """Dotted names of the components that files of a config group in these folders name."""
    files = (file for folder in folders for file in sorted((folder / group).glob("*.yaml")))
    found = (leaves(yaml.safe_load(file.read_text()), group) for file in files)
    return {str(v) for values in found for path, v in values if path.endswith("._target_")}


def dotted(function: Any) -> str:
    """The dotted name of a function, which may have keys bound to it."""
    bare = getattr(function, "func", function)
    return f"{getattr(bare, '__module__', '')}.{getattr(bare, '__qualname__', '')}"


def leaves(values: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything in nested mappings and lists that is neither."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}")
    elif isinstance(values, list):
        for place, value in enumerate(values):
            yield from leaves(value, f"{path}.{place}")
    else:
        yield path, values


def inside(folder: Path, name: object) -> Path:
    """The absolute path of a file that a folder's records name.

    Raises:
        TrustError: it lies elsewhere, links followed.
    """
    root = folder.resolve()
    path = (root / str(name)).resolve()
    if not path.is_relative_to(root):
        raise TrustError(f"{name} lies outside of {folder}: a run's files are in its folder")
    return path
