"""PPO in a single file, in CleanRL's form: one network makes both moves, eight games a step."""

import sys

import numpy as np
import torch
from small_game import chance, play, report, small_game
from torch import nn
from torch.distributions import Categorical

from video_attack.envs.game.vector import JointVector

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
GAMES, STEPS, EPOCHS, MINIBATCH, GAMMA, LAMBDA = 8, 32, 6, 64, 0.9, 0.9
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
        action = torch.stack([p.sample() for p in parts], 1) if action is None else action
        log = sum(part.log_prob(action[:, i]) for i, part in enumerate(parts))
        return action, log, sum(part.entropy() for part in parts), self.critic(seen)[:, 0]


game = small_game()
random = chance(game)
games = JointVector(game, GAMES, autoreset="same_step")
agent = Agent(games.single_observation_space.shape[0], games.single_action_space.nvec.tolist())
adam = torch.optim.Adam(agent.parameters(), 2e-3, eps=1e-5)
seen, _ = games.reset(seed=0)
for queries in range(GAMES * STEPS, QUERIES + 1, GAMES * STEPS):
    kept, learned = [], []
    for _ in range(STEPS):
        with torch.no_grad():
            action, log, _, value = agent(now := torch.as_tensor(seen))
        seen, reward, over, cut, _ = games.step(action.numpy())
        ends = torch.as_tensor(over | cut)
        kept.append((now, action, log, value, torch.as_tensor(reward), ends))
    with torch.no_grad():
        following, carried = agent(torch.as_tensor(seen))[3], 0.0
    for *_, value, reward, done in reversed(kept):
        carried = reward - value + GAMMA * (following + LAMBDA * carried) * ~done
        following, learned = value, [carried, *learned]
    now, action, log, value, reward, _ = map(torch.cat, zip(*kept, strict=True))
    gain = torch.cat(learned)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(gain)).split(MINIBATCH):
            _, fresh, entropy, guess = agent(now[rows], action[rows])
            g = (gain[rows] - gain[rows].mean()) / (gain[rows].std() + 1e-8)
            ratio = (fresh - log[rows]).exp()
            loss = -torch.min(g * ratio, g * ratio.clamp(0.8, 1.2)).mean() - 0.01 * entropy.mean()
            loss = loss + 0.5 * (guess - gain[rows] - value[rows]).square().mean()
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            adam.step()
    print(queries, f"queries, mean reward of a step {reward.mean():.3f}", flush=True)


def act(seen):
    """Both agents' actions, of batches by agent."""
    both = agent(torch.as_tensor(np.concatenate([seen["spatial"], seen["temporal"]], 1)))[0]
    return {"spatial": both[:, 0].numpy(), "temporal": both[:, 1].numpy()}


report("cleanrl_style", random, play(game, act), queries)
