"""PPO in a single file, in CleanRL's form: one network makes both agents' moves, eight games a step."""

import sys

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from video_attack.envs.game.vector import JointVector
from video_attack.envs.video_attack_v1 import parallel_env

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
GAMES, STEPS, EPOCHS, MINIBATCH, GAMMA, LAMBDA = 8, 128, 4, 256, 0.99, 0.95
torch.manual_seed(0)


class Agent(nn.Module):
    """Actor and critic on the flat observation of both agents."""

    def __init__(self, size, choices):
        super().__init__()
        self.choices = choices
        self.actor, self.critic = (
            nn.Sequential(nn.Linear(size, 128), nn.Tanh(), nn.Linear(128, 64), nn.Tanh(), last)
            for last in (nn.Linear(64, sum(choices)), nn.Linear(64, 1))
        )
        nn.init.orthogonal_(self.actor[-1].weight, 0.01)

    def forward(self, seen, action=None):
        """Action, its log-probability, entropy and the value."""
        parts = [Categorical(logits=part) for part in self.actor(seen).split(self.choices, dim=1)]
        if action is None:
            action = torch.stack([part.sample() for part in parts], 1)
        log = sum(part.log_prob(action[:, i]) for i, part in enumerate(parts))
        return action, log, sum(part.entropy() for part in parts), self.critic(seen)[:, 0]


games = JointVector(parallel_env(flat_obs=True), GAMES, autoreset="same_step")
agent = Agent(games.single_observation_space.shape[0], games.single_action_space.nvec.tolist())
adam = torch.optim.Adam(agent.parameters(), 1e-3, eps=1e-5)
seen, _ = games.reset(seed=0)
queries, ended = 0, []
while queries < QUERIES:
    kept, learned = [], []
    for _ in range(STEPS):
        now = torch.as_tensor(seen)
        with torch.no_grad():
            action, log, _, value = agent(now)
        seen, reward, over, cut, info = games.step(action.numpy())
        done = torch.as_tensor(over | cut)
        kept.append((now, action, log, value, torch.as_tensor(reward), done))
        if (over | cut).any():
            ended += info["final_info"]["success"][over | cut].tolist()
        queries += GAMES
    with torch.no_grad():
        following, carried = agent(torch.as_tensor(seen))[3], 0.0
    for *_, value, reward, done in reversed(kept):
        alive = 1.0 - done.float()
        carried = reward + GAMMA * following * alive - value + GAMMA * LAMBDA * alive * carried
        following = value
        learned.insert(0, carried)
    now, action, log, value = (torch.cat(part) for part in list(zip(*kept, strict=True))[:4])
    gain = torch.cat(learned)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(gain)).split(MINIBATCH):
            _, fresh, entropy, guess = agent(now[rows], action[rows])
            g = (gain[rows] - gain[rows].mean()) / (gain[rows].std() + 1e-8)
            ratio = (fresh - log[rows]).exp()
            loss = -torch.min(g * ratio, g * ratio.clamp(0.8, 1.2)).mean() - 0.005 * entropy.mean()
            loss = loss + 0.5 * (guess - gain[rows] - value[rows]).square().mean()
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            adam.step()
    print(queries, f"queries, success of 100 clips {np.mean(ended[-100:]):.2f}", flush=True)
fifth = max(len(ended) // 5, 1)
first, last = np.mean(ended[:fifth]), np.mean(ended[-fifth:])
print(f"cleanrl_style: {len(ended)} clips, success of the first fifth {first:.2f}, last {last:.2f}")
