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
torch.manual_seed(0)


class Reward(BaseCallback):
    """Prints the mean reward of a step, of the steps since it last did."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[float] = []

    def _on_step(self) -> bool:
        self.rewards.append(float(self.locals["rewards"].mean()))
        if self.n_calls % 32 == 0:
            lately, self.rewards = np.mean(self.rewards), []
            print(f"{self.n_calls * GAMES} queries, mean reward of a step {lately:.3f}", flush=True)
        return True


# Equal spaces of ours: padding by SuperSuit would map most temporal actions to the same one.
game = small_game(equal_spaces=True)
random = chance(game)
games = supersuit.pettingzoo_env_to_vec_env_v1(game)
games = supersuit.concat_vec_envs_v1(games, GAMES, num_cpus=0, base_class="stable_baselines3")
games.venv.reset(seed=0)  # and 1, 2, ...: SuperSuit's copies would all draw the same clips
size = {"n_steps": 32, "batch_size": 128, "n_epochs": 6, "gamma": 0.9, "gae_lambda": 0.9}
model = PPO("MlpPolicy", games, 2e-3, **size, ent_coef=0.01, device="cpu")
model.learn(2 * QUERIES, Reward())  # two rows a query
report(
    "sb3_supersuit",
    random,
    play(game, lambda seen: {agent: model.predict(rows)[0] for agent, rows in seen.items()}),
    model.num_timesteps // 2,
)
