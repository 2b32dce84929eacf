"""video_attack_v1 by PettingZoo's naming; the environment itself is in `game.environment`."""

from typing import Any

from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from video_attack.envs.game.environment import VideoAttackEnv, parallel_env
from video_attack.envs.game.turns import TurnsEnv

__all__ = ["VideoAttackEnv", "env", "parallel_env", "raw_env"]


def raw_env(*args: Any, **kwargs: Any) -> TurnsEnv:
    """The game turn by turn (AECEnv); arguments are those of `parallel_env`."""
    return TurnsEnv(parallel_env(*args, **kwargs))


def env(*args: Any, **kwargs: Any) -> OrderEnforcingWrapper:
    """`raw_env` with PettingZoo's sentences for calls in the wrong order."""
    return OrderEnforcingWrapper(raw_env(*args, **kwargs))
