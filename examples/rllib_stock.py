"""RLlib's own PettingZoo wrapper and PPO, a policy an agent (train.py has our wrapper and networks)."""

import sys

import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune import register_env
from small_game import chance, play, report, small_game

QUERIES = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
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
    register_env("video_attack_v1", lambda _: ParallelPettingZooEnv(small_game()))
    algorithm = (
        PPOConfig()
        .environment("video_attack_v1", disable_env_checking=True)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=8)
        .training(
            train_batch_size_per_learner=256, minibatch_size=64, num_epochs=6, lr=2e-3, lambda_=0.9,
            gamma=0.9, entropy_coeff=0.01, use_kl_loss=False, grad_clip=0.5,
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

    def act(seen):
        """Sampled actions, of batches by agent."""
        logits = {
            a: algorithm.get_module(a).forward_inference({"obs": torch.as_tensor(rows)})
            for a, rows in seen.items()
        }
        return {
            a: torch.distributions.Categorical(logits=x["action_dist_inputs"]).sample().numpy()
            for a, x in logits.items()
        }

    game = small_game()
    report("rllib_stock", chance(game), play(game, act), queries)
    algorithm.stop()
    ray.shutdown()
