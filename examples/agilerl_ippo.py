"""AgileRL's IPPO on our vector form: four games, one victim call a step."""

import sys

import numpy as np
import torch
from agilerl.algorithms import IPPO

from video_attack.envs.game.vector import ParallelVector
from video_attack.envs.video_attack_v1 import parallel_env

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
AGENTS, GAMES, STEPS = ["spatial", "temporal"], 4, 256
torch.manual_seed(0)
torch.set_num_threads(1)

games = ParallelVector(parallel_env(flat_obs=True), GAMES, autoreset="same_step")
agent = IPPO(
    [games.single_observation_space(a) for a in AGENTS],
    [games.single_action_space(a) for a in AGENTS],
    AGENTS,
    net_config={"encoder_config": {"hidden_size": [128]}, "head_config": {"hidden_size": [64]}},
    batch_size=256,
    lr=1e-3,
    learn_step=GAMES * STEPS,
    ent_coef=0.005,
    update_epochs=4,
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
fifth = max(len(ended) // 5, 1)
first, last = np.mean(ended[:fifth]), np.mean(ended[-fifth:])
print(f"agilerl_ippo: {len(ended)} clips, success of the first fifth {first:.2f}, last {last:.2f}")
