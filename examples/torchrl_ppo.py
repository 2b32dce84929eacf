"""TorchRL: MAPPO (critics that see both agents) or IPPO, by a word after the script's name."""

import sys

import torch
from small_game import chance, play, report, small_game
from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import PettingZooWrapper
from torchrl.modules import MLP, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

KIND = "ippo" if "ippo" in sys.argv[1:] else "mappo"
QUERIES = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 2048
AGENTS, PARTS, BATCH = ("spatial", "temporal"), ("objective", "critic", "entropy"), 256
KEYS = ("advantage", "value_target", "value", "reward", "done", "terminated")
torch.manual_seed(0)

game = small_game()
random = chance(game)
env = PettingZooWrapper(game, group_map={a: [a] for a in AGENTS}, use_mask=False, seed=0)
sizes = {agent: game.observation_space(agent).shape[0] for agent in AGENTS}
actors, losses, gains = [], [], []
for agent in AGENTS:
    seen = [(a, "observation") for a in (AGENTS if KIND == "mappo" else (agent,))]
    choices = int(game.action_space(agent).n)
    net = MLP(sizes[agent], choices, num_cells=[128, 64], activation_class=nn.Tanh)
    actor = ProbabilisticActor(
        TensorDictModule(net, [(agent, "observation")], [(agent, "logits")]), {"logits": (agent, "logits")},
        [(agent, "action")], distribution_class=torch.distributions.Categorical,
        return_log_prob=True, log_prob_key=(agent, "log_prob"),
    )  # fmt: skip
    width = sum(sizes[a] for a, _ in seen)
    values = MLP(width, 1, num_cells=[128, 64], activation_class=nn.Tanh)  # joins what it sees
    critic = ValueOperator(values, seen, [(agent, "value")])
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.01, normalize_advantage=True)
    keys = {key: (agent, key) for key in KEYS}
    loss.set_keys(**keys, action=(agent, "action"), sample_log_prob=(agent, "log_prob"))
    gain = GAE(gamma=0.9, lmbda=0.9, value_network=critic)
    gain.set_keys(**keys)
    actors, losses, gains = [*actors, actor], [*losses, loss], [*gains, gain]

both = nn.ModuleList(losses)
adam, policy = torch.optim.Adam(both.parameters(), 2e-3), TensorDictSequential(*actors)
collector = Collector(env, policy, frames_per_batch=BATCH, total_frames=QUERIES)
for number, batch in enumerate(collector, 1):
    for gain in gains:
        gain(batch)
    for _ in range(6):
        for rows in torch.randperm(BATCH).split(64):
            found = [loss(batch[rows]) for loss in losses]
            adam.zero_grad()
            sum(one["loss_" + part] for one in found for part in PARTS).backward()
            nn.utils.clip_grad_norm_(both.parameters(), 0.5)
            adam.step()
    gained = float(batch["next", "spatial", "reward"].mean())
    print(number * BATCH, "queries, mean reward of a step", round(gained, 3), flush=True)


def act(seen):
    """Sampled actions, of batches by agent."""
    rows = {a: {"observation": torch.as_tensor(one)[:, None]} for a, one in seen.items()}
    chosen = policy(TensorDict(rows, batch_size=[len(seen[AGENTS[0]])]))
    return {a: chosen[a, "action"].flatten().numpy() for a in AGENTS}


report(f"torchrl {KIND}", random, play(game, act), number * BATCH)
