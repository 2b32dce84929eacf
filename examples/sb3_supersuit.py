"""Stable-Baselines3 through SuperSuit: one PPO policy that both agents share."""

import sys

import numpy as np
import supersuit
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from video_attack.envs.video_attack_v1 import parallel_env

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
GAMES = 4
torch.set_num_threads(1)


class Success(BaseCallback):
    """Notes how each clip ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[bool] = []

    def _on_step(self) -> bool:
        # Rows 0, 2, 4 ... are the spatial agents; the two of a game end together.
        rows = zip(self.locals["dones"][::2], self.locals["infos"][::2], strict=True)
        self.ended += [bool(info["success"]) for done, info in rows if done]
        if self.ended and self.n_calls % 128 == 0:
            queries, lately = self.n_calls * GAMES, np.mean(self.ended[-100:])
            print(f"{queries} queries, success of the last 100 clips {lately:.2f}", flush=True)
        return True


# Equal spaces of ours: padding by SuperSuit would map most temporal actions to the same one.
game = parallel_env(equal_spaces=True)
games = supersuit.pettingzoo_env_to_vec_env_v1(game)
games = supersuit.concat_vec_envs_v1(games, GAMES, num_cpus=0, base_class="stable_baselines3")
noted = Success()
size = {"n_steps": 128, "batch_size": 256, "n_epochs": 4}
model = PPO("MlpPolicy", games, 1e-3, **size, ent_coef=0.005, seed=0, device="cpu")
model.learn(2 * QUERIES, noted)  # two rows a query
fifth = max(len(noted.ended) // 5, 1)
first, last = np.mean(noted.ended[:fifth]), np.mean(noted.ended[-fifth:])
print(
    f"sb3_supersuit: {len(noted.ended)} clips, success of the first fifth {first:.2f}, last {last:.2f}"
)
