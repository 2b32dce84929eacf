"""What reports call a victim: the name that its user gave it, or a readable one."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any


def victim_name(config: Mapping[str, Any], otherwise: str) -> str:
    """`model.name`; else the user's own function, file or server; else the architecture.

    Args:
        config: a run's; only the group `model` is read.
        otherwise: where it says nothing.
    """
    model = config.get("model")
    if not isinstance(model, Mapping) or not model.get("_target_"):
        return otherwise
    if model.get("name"):
        return str(model["name"])
    if model.get("function"):
        return str(model["function"])
    if model.get("path"):
        return PurePath(str(model["path"])).name
    if model.get("url"):
        return str(model["url"])
    kind = str(model["_target_"]).rsplit(".", 1)[-1]
    return f"{kind} {model['network']}" if model.get("network") else kind
