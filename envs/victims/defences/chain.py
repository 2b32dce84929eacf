"""Several defences, one after another."""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import Any

import numpy as np

from video_attack.envs.clip import Frames


def chain(clip: Frames, rng: np.random.Generator, *, steps: Sequence[Mapping[str, Any]]) -> Frames:
    """Pass the clip through each step in turn; all draw from the same generator.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: for the steps.
        steps: of each, `_target_`, the dotted name of a defence, and that defence's own keys.

    Raises:
        ValueError: there is no step, a step names no function, or its keys are not the function's.
    """
    if not steps:
        raise ValueError("steps is empty: name at least one defence, or choose defence=none")
    for step in steps:
        keys = dict(step)
        target = keys.pop("_target_", None)
        try:
            clip = resolve_name(target)(clip, rng, **keys)
        except (ImportError, AttributeError, TypeError) as error:
            raise ValueError(
                f"steps: {target!r} with {keys} is no defence ({error}): "
                "give the _target_ and the keys of a file in conf/defence"
            ) from error
    return clip
