"""Stable-Baselines3 through SuperSuit: one PPO policy that both agents share."""

import sys

import numpy as np
import supersuit
import torch
from small_game import chance, play, report, small_game
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
GAMES = 8
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
        if self.ended and self.n_calls % 32 == 0:
            queries, lately = self.n_calls * GAMES, np.mean(self.ended[-100:])
            print(f"{queries} queries, success of the last 100 clips {lately:.2f}", flush=True)
        return True


# Equal spaces of ours: padding by SuperSuit would map most temporal actions to the same one.
game = small_game(equal_spaces=True)
random = chance(game)
games = supersuit.pettingzoo_env_to_vec_env_v1(game)
games = supersuit.concat_vec_envs_v1(games, GAMES, num_cpus=0, base_class="stable_baselines3")
noted = Success()
size = {"n_steps": 32, "batch_size": 128, "n_epochs": 6, "gamma": 0.9, "gae_lambda": 0.9}
model = PPO("MlpPolicy", games, 2e-3, **size, ent_coef=0.01, seed=0, device="cpu")
model.learn(2 * QUERIES, noted)  # two rows a query
report(
    "sb3_supersuit",
    random,
    play(game, lambda seen: {agent: model.predict(rows)[0] for agent, rows in seen.items()}),
    model.num_timesteps // 2,
)
