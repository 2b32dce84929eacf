"""Tianshou's PPO on the joint form (JointEnv): one network makes both moves, eight games a step."""

import sys

import numpy as np
import torch
from small_game import GAMES, chance, play, report, small_game
from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.discrete import DiscreteCritic
from torch import nn
from torch.distributions import Categorical, Independent

from video_attack.envs.game.joint import JointEnv

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
BATCH = 256
torch.manual_seed(0)
np.random.seed(0)  # Tianshou's minibatches


class Told(Collector):
    """Prints what is gained."""

    def collect(self, **how):
        """Called by the trainer."""
        stats = super().collect(**how)
        gained = float(np.mean(stats.returns))
        print(f"{self.collect_step} queries, mean reward of a clip {gained:.3f}", flush=True)
        return stats


game = small_game()
random = chance(game)
games = DummyVectorEnv([lambda one=one: JointEnv(one) for one in game.siblings(GAMES)])
games.seed(0)
env = JointEnv(game)
size, counts = env.observation_space.shape, torch.as_tensor(env.action_space.nvec)
shape = (len(counts), int(counts.max()))
closed = torch.where(
    torch.arange(shape[1]) < counts[:, None], 0.0, -1e9
)  # beyond an agent's own choices
nets = {"hidden_sizes": [128, 64], "activation": nn.Tanh}
policy = ProbabilisticActorPolicy(
    actor=Net(state_shape=size, action_shape=shape, **nets),
    dist_fn=lambda out: Independent(Categorical(logits=out.view(-1, *shape) + closed), 1),
    action_space=env.action_space, action_scaling=False, action_bound_method=None,
)  # fmt: skip
algorithm = PPO(
    policy=policy, critic=DiscreteCritic(preprocess_net=Net(state_shape=size, **nets)),
    optim=AdamOptimizerFactory(lr=2e-3), gamma=0.9, gae_lambda=0.9, max_grad_norm=0.5, ent_coef=0.01,
)  # fmt: skip
training = OnPolicyTrainerParams(
    training_collector=Told(algorithm, games, VectorReplayBuffer(BATCH, GAMES)),
    max_epochs=QUERIES // BATCH, epoch_num_steps=BATCH, collection_step_num_env_steps=BATCH,
    batch_size=64, update_step_num_repetitions=6, verbose=False, show_progress=False,
)  # fmt: skip
algorithm.run_training(training)


def act(seen):
    """Sampled actions, of batches by agent."""
    both = np.concatenate([seen[agent] for agent in game.possible_agents], axis=1)
    with torch.no_grad():
        moves = policy(Batch(obs=both, info={})).act.numpy()
    return dict(zip(game.possible_agents, moves.T, strict=True))


queries = training.training_collector.collect_step
report("tianshou_ppo", random, play(game, act), queries)
