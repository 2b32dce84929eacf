"""video_attack_v1 by PettingZoo's naming; the environment itself is in `game.environment`."""

from collections.abc import Mapping
from typing import Any

from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from video_attack.envs.datasets.base import ClipDataset
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.palette import Distort
from video_attack.envs.game.turns import TurnsEnv
from video_attack.envs.victims.base import Victim

__all__ = ["VideoAttackEnv", "env", "parallel_env", "raw_env"]


def parallel_env(
    victim: Victim | None = None,
    dataset: ClipDataset | None = None,
    distort: Distort | None = None,
    **kwargs: Any,
) -> VideoAttackEnv:
    """The environment; without arguments, the embedded victim, clips and gaussian noise.

    Args:
        victim: see VideoAttackEnv, as for the others.
        dataset: clips cut as the victim needs them.
        distort: a function (clip, severity, rng) -> clip.
        **kwargs: of VideoAttackEnv.

    Raises:
        TypeError: a name in place of an object; `video_attack.make` takes names.
    """
    for key, value in (("model", victim), ("dataset", dataset), ("distortion", distort)):
        if isinstance(value, str | Mapping):
            raise TypeError(
                f"{key}: parallel_env takes objects, not {value!r}; by name it is "
                f"video_attack.make({key}={value!r})"
            )
    if victim is None:
        from video_attack.envs.victims.tiny3d import Tiny3D

        victim = Tiny3D()
    if dataset is None:
        from video_attack.envs.datasets.actions import Actions

        dataset = Actions(split="train", sampling=victim.sampling, classes=victim.classes)
    if distort is None:
        from video_attack.envs.distortions.gaussian_noise import gaussian_noise

        distort = gaussian_noise
    return VideoAttackEnv(victim, dataset, distort, **kwargs)


def raw_env(*args: Any, **kwargs: Any) -> TurnsEnv:
    """The game turn by turn (AECEnv); arguments are those of `parallel_env`."""
    return TurnsEnv(parallel_env(*args, **kwargs))


def env(*args: Any, **kwargs: Any) -> OrderEnforcingWrapper:
    """`raw_env` with PettingZoo's sentences for calls in the wrong order."""
    return OrderEnforcingWrapper(raw_env(*args, **kwargs))
