"""video_attack_v1 by PettingZoo's naming; the environment itself is in `game.environment`."""

from video_attack.envs.game.environment import VideoAttackEnv, parallel_env

__all__ = ["VideoAttackEnv", "parallel_env"]
