"""TorchRL: MAPPO (critics that see both agents) or IPPO, by a word after the script's name."""

import sys

import numpy as np
import torch
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import PettingZooWrapper
from torchrl.modules import MLP, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from video_attack.envs.video_attack_v1 import parallel_env

KIND = "ippo" if "ippo" in sys.argv[1:] else "mappo"
QUERIES = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 20000
AGENTS, PARTS, BATCH = ("spatial", "temporal"), ("objective", "critic", "entropy"), 1024
torch.manual_seed(0)


class Critic(nn.Module):
    """A value of the observations of those whom it sees."""

    def __init__(self, size):
        super().__init__()
        self.net = MLP(size, 1, num_cells=[128, 64], activation_class=nn.Tanh)

    def forward(self, *seen):
        """Observations (..., 1, size) of each to values (..., 1, 1)."""
        return self.net(torch.cat(seen, -1))


game = parallel_env(flat_obs=True, flat_actions=True)
env = PettingZooWrapper(game, group_map={agent: [agent] for agent in AGENTS}, use_mask=False)
env.set_seed(0)
sizes = {agent: game.observation_space(agent).shape[0] for agent in AGENTS}
actors, losses, gains = [], [], []
for agent in AGENTS:
    seen = AGENTS if KIND == "mappo" else (agent,)
    choices = int(game.action_space(agent).n)
    net = MLP(sizes[agent], choices, num_cells=[128, 64], activation_class=nn.Tanh)
    actor = ProbabilisticActor(
        TensorDictModule(net, [(agent, "observation")], [(agent, "logits")]), {"logits": (agent, "logits")},
        [(agent, "action")], distribution_class=torch.distributions.Categorical,
        return_log_prob=True, log_prob_key=(agent, "log_prob"),
    )  # fmt: skip
    looks = [(a, "observation") for a in seen]
    critic = ValueOperator(Critic(sum(sizes[a] for a in seen)), looks, [(agent, "value")])
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.005, normalize_advantage=True)
    names = ["advantage", "value_target", "value", "reward", "done", "terminated"]
    keys = {key: (agent, key) for key in names}
    loss.set_keys(**keys, action=(agent, "action"), sample_log_prob=(agent, "log_prob"))
    gain = GAE(gamma=0.99, lmbda=0.95, value_network=critic)
    gain.set_keys(**keys)
    actors, losses, gains = [*actors, actor], [*losses, loss], [*gains, gain]

both, ended = nn.ModuleList(losses), []
adam, policy = torch.optim.Adam(both.parameters(), 1e-3), TensorDictSequential(*actors)
collector = Collector(env, policy, frames_per_batch=BATCH, total_frames=QUERIES)
for number, batch in enumerate(collector, 1):
    over = batch["next", "done"].flatten()
    ended += batch["next", "spatial", "info", "success"].flatten()[over].bool().tolist()
    for gain in gains:
        gain(batch)
    for _ in range(4):
        for rows in torch.randperm(BATCH).split(256):
            found = [loss(batch[rows]) for loss in losses]
            adam.zero_grad()
            sum(one["loss_" + part] for one in found for part in PARTS).backward()
            nn.utils.clip_grad_norm_(both.parameters(), 0.5)
            adam.step()
    print(number * BATCH, f"queries, success of 100 clips {np.mean(ended[-100:]):.2f}", flush=True)
fifth = max(len(ended) // 5, 1)
first, last = np.mean(ended[:fifth]), np.mean(ended[-fifth:])
print(
    f"torchrl {KIND}: {len(ended)} clips, success of the first fifth {first:.2f}, last {last:.2f}"
)
