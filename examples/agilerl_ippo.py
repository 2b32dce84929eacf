"""AgileRL's IPPO on our vector form: eight games, one victim call a step."""

import sys

import numpy as np
import torch
from agilerl.algorithms import IPPO
from small_game import chance, play, report, small_game

from video_attack.envs.game.vector import ParallelVector

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
AGENTS, GAMES, STEPS = ["spatial", "temporal"], 8, 32
torch.manual_seed(0)

game = small_game()
random = chance(game)
games = ParallelVector(game, GAMES, autoreset="same_step")
agent = IPPO(
    [games.single_observation_space(a) for a in AGENTS],
    [games.single_action_space(a) for a in AGENTS],
    AGENTS,
    net_config={"encoder_config": {"hidden_size": [128]}, "head_config": {"hidden_size": [64]}},
    batch_size=64,
    lr=2e-3,
    gamma=0.9,
    gae_lambda=0.9,
    learn_step=GAMES * STEPS,
    ent_coef=0.01,
    update_epochs=6,
)
agent.set_training_mode(True)
seen, _ = games.reset(seed=0)
over, queries, ended = {a: np.zeros(GAMES) for a in AGENTS}, 0, []
while queries < QUERIES:
    kept = [{a: [] for a in AGENTS} for _ in range(6)]
    for _ in range(STEPS):
        action, log, _, value = agent.get_action(obs=seen)
        following, reward, terminated, truncated, infos = games.step(action)
        for into, found in zip(kept, (seen, action, log, reward, over, value), strict=True):
            for a in AGENTS:
                into[a].append(found[a])
        seen, queries = following, queries + GAMES
        over = {a: (terminated[a] | truncated[a]).astype(float) for a in AGENTS}
        if (rows := over["spatial"] > 0).any():
            ended += infos["spatial"]["final_info"]["success"][rows].tolist()
    agent.learn((*kept, seen, over))
    print(
        f"{queries} queries, success of the last 100 clips {np.mean(ended[-100:]):.2f}", flush=True
    )
report("agilerl_ippo", random, play(game, lambda seen: agent.get_action(obs=seen)[0]), queries)
