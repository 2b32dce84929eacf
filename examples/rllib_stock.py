"""RLlib's own PettingZoo wrapper and PPO, a policy an agent (train.py has our wrapper and networks)."""

import sys

import numpy as np
import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune import register_env

from video_attack.envs.video_attack_v1 import parallel_env

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
AGENTS, ENDED = ("spatial", "temporal"), []


class Success(RLlibCallback):
    """Notes how each clip ended."""

    def on_episode_end(self, *, episode, **kwargs):
        """Called by RLlib, in this process since there are no runners of their own."""
        ENDED.append(bool(episode.agent_episodes["spatial"].get_infos(-1)["success"]))


def own_policy(agent, *args, **kwargs):
    """Each agent learns by itself."""
    return agent


if __name__ == "__main__":
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_env(
        "video_attack_v1",
        lambda _: ParallelPettingZooEnv(parallel_env(flat_obs=True)),
    )
    algorithm = (
        PPOConfig()
        .environment("video_attack_v1", disable_env_checking=True)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=4)
        .training(
            train_batch_size_per_learner=1024, minibatch_size=256, num_epochs=4, lr=1e-3, lambda_=0.95,
            entropy_coeff=0.005, use_kl_loss=False, grad_clip=0.5,
        )
        .multi_agent(policies=set(AGENTS), policy_mapping_fn=own_policy)
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={a: RLModuleSpec() for a in AGENTS}))
        .callbacks(Success)
        .debugging(seed=0, log_level="ERROR")
        .build_algo()
    )  # fmt: skip
    queries = 0
    while queries < QUERIES:
        queries = int(algorithm.train()["num_env_steps_sampled_lifetime"])
        print(
            f"{queries} queries, success of the last 100 clips {np.mean(ENDED[-100:]):.2f}",
            flush=True,
        )
    algorithm.stop()
    ray.shutdown()
    fifth = max(len(ENDED) // 5, 1)
    first, last = np.mean(ENDED[:fifth]), np.mean(ENDED[-fifth:])
    print(
        f"rllib_stock: {len(ENDED)} clips, success of the first fifth {first:.2f}, last {last:.2f}"
    )
