"""Rules of the game and options of a reset, from plain values."""

import logging
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

import numpy as np

from video_attack.envs.game.config import GameConfig, RewardWeights


def rules_of(plain: Mapping[str, Any]) -> GameConfig:
    """Rules of the game from plain values; those that are missing are the default's.

    Raises:
        ValueError: a key that is none, or a value out of its range.
    """
    if not isinstance(plain, Mapping):
        raise ValueError(
            f"config={plain!r}: give a GameConfig, or a dict such as {{'budget': 500}}"
        )
    reward = plain.get("reward")
    for values, kind, name in ((plain, GameConfig, ""), (reward, RewardWeights, "reward.")):
        known = [field.name for field in fields(kind)]
        for key in values if isinstance(values, Mapping) else ():
            if key not in known:
                near = get_close_matches(str(key), known, 1) or known
                raise ValueError(f"config: there is no key {name}{key}; did you mean {near[0]}?")
    if isinstance(reward, Mapping):
        plain = {**plain, "reward": RewardWeights(**reward)}
    return GameConfig(**plain)


def chosen_clip(options: dict[str, Any], clips: int) -> int | None:
    """The index that reset's options name; raises ValueError where it is misspelt or none.

    An option of quite another name is warned of only: PettingZoo's api test gives one.
    """
    for key in options:
        if key != "clip" and get_close_matches(str(key).lower(), ["clip"], cutoff=0.5):
            raise ValueError(f"options {key!r}: reset takes one option only, clip, an index")
        if key != "clip":
            logging.getLogger(__name__).warning(
                "reset ignores the option %r: it takes clip only", key
            )
    chosen = options.get("clip")
    if chosen is None:
        return None
    whole = isinstance(chosen, int | np.integer) and not isinstance(chosen, bool)
    if not whole or not 0 <= chosen < clips:
        raise ValueError(f"options clip={chosen!r}: choose from 0 to {clips - 1}")
    return int(chosen)
