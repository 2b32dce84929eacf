"""Checkpoints with objects beside their tensors, loaded without their classes and without their code."""

import pickle
from pathlib import Path
from typing import Any

import torch


class Inert:
    """Stands where a file holds an object of some class; nothing of the object is kept."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def load_inert(file: Path) -> Any:
    """What a checkpoint holds, on the CPU; objects other than tensors and plain values are `Inert`.

    Training code keeps its arguments, its counters or a log beside the weights, which PyTorch refuses
    to load without running what they name. Here they name `Inert` instead, so that nothing of them
    is imported or run; the tensors are the same.

    Raises:
        Exception: the file is no checkpoint, or is none even so; of many classes.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as refused:
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(str(file))
        except Exception:  # not in the format that can be looked into
            raise refused from None
        stands: list[Any] = [(_STANDS.get(name, Inert), name) for name in names]
        with torch.serialization.safe_globals(stands):
            return torch.load(file, map_location="cpu", weights_only=True)


def _mapping(*_: object) -> dict[Any, Any]:
    return {}


def _sequence(*_: object) -> list[Any]:
    return []


# What is filled after it was made, which loading does for plain containers only.
_STANDS = {"collections.defaultdict": _mapping, "collections.deque": _sequence}
