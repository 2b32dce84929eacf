"""RLlib's state as tensors and plain values: it can be read again without unpickling any code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:  # evaluation reads run folders without Ray
    from ray.rllib.algorithms.algorithm import Algorithm


def with_tensors(state: Any, path: str = "state") -> Any:
    """Nested dicts, lists and tuples whose NumPy arrays and scalars became tensors and plain numbers.

    Raises:
        TypeError: something else is in it; the message says where.
    """
    if isinstance(state, Mapping):
        return {key: with_tensors(value, f"{path}.{key}") for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(with_tensors(v, f"{path}.{i}") for i, v in enumerate(state))
    if isinstance(state, np.ndarray):
        return torch.from_numpy(np.array(state, order="C"))
    if isinstance(state, np.generic):
        return state.item()
    if isinstance(state, torch.Tensor):
        return state.detach().cpu()
    if isinstance(state, str | int | float | bool | None):
        return state
    raise TypeError(f"{path} is a {type(state).__name__}, which a checkpoint does not hold")


def with_arrays(state: Any) -> Any:
    """The same with NumPy arrays for tensors, as RLlib takes it."""
    if isinstance(state, Mapping):
        return {key: with_arrays(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(with_arrays, state))
    return state.numpy() if isinstance(state, torch.Tensor) else state


def put_back(algo: Algorithm, state: Mapping[str, Any]) -> None:
    """Set an algorithm's state to one that `with_tensors` made."""
    arrays = with_arrays(state)
    # First, since `set_state` tells the env runners the number of steps that stands there.
    algo.metrics.set_state(arrays["metrics_logger"])
    algo.set_state(arrays)
