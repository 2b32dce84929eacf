"""BenchMARL with a task of its own: MAPPO or IPPO, by a word after the script's name."""

import sys
import tempfile

import numpy as np
from benchmarl.algorithms import IppoConfig, MappoConfig
from benchmarl.environments.common import TaskClass
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from torch import nn, set_num_threads
from torchrl.envs import PettingZooWrapper

from video_attack.envs.video_attack_v1 import parallel_env

KIND = "ippo" if "ippo" in sys.argv[1:] else "mappo"
QUERIES = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 20000
AGENTS = ("spatial", "temporal")
set_num_threads(1)


class VideoAttack(TaskClass):
    """The game as BenchMARL's task: a group an agent, flat spaces."""

    def get_env_fun(self, num_envs, continuous_actions, seed, device):
        """What makes one game."""
        groups = {agent: [agent] for agent in AGENTS}
        game = parallel_env(flat_obs=True, flat_actions=True)
        return lambda: PettingZooWrapper(game, group_map=groups, device=device, seed=seed)

    supports_continuous_actions = has_state = has_render = lambda self, env=None: False
    supports_discrete_actions = lambda self: True  # noqa: E731 - one word an answer
    max_steps = lambda self, env: self.config["max_steps"]  # noqa: E731
    group_map = lambda self, env: env.group_map  # noqa: E731
    info_spec = state_spec = action_mask_spec = lambda self, env: None
    action_spec = lambda self, env: env.full_action_spec  # noqa: E731
    env_name = staticmethod(lambda: "video_attack")

    def observation_spec(self, env):
        """Observations alone."""
        spec = env.observation_spec.clone()
        for agent in AGENTS:
            for key in list(spec[agent].keys()):
                if key != "observation":
                    del spec[agent, key]
        return spec


class Success(Callback):
    """Notes how each clip ended."""

    ended: list = []  # noqa: RUF012 - one for all

    def on_batch_collected(self, batch):
        """Called by BenchMARL."""
        over = batch["next", "done"].flatten()
        won = batch["next", "spatial", "info", "success"].flatten()[over]
        self.ended.extend(won.bool().tolist())
        print(f"success of the last 100 clips {np.mean(self.ended[-100:]):.2f}", flush=True)


config = ExperimentConfig.get_from_yaml()
config.max_n_frames, config.loggers, config.save_folder = QUERIES, [], tempfile.mkdtemp()
config.on_policy_collected_frames_per_batch, config.on_policy_n_envs_per_worker = 1024, 1
config.on_policy_n_minibatch_iters, config.on_policy_minibatch_size = 4, 256
config.lr, config.evaluation, config.render, config.create_json = 1e-3, False, False, False
kind = (IppoConfig if KIND == "ippo" else MappoConfig).get_from_yaml()
kind.entropy_coef, kind.share_param_critic = 0.005, False
net = MlpConfig(num_cells=[128, 64], activation_class=nn.Tanh, layer_class=nn.Linear)
task, noted = VideoAttack("CLIPS", {"max_steps": 1000}), Success()
Experiment(task, kind, net, seed=0, config=config, critic_model_config=net, callbacks=[noted]).run()
fifth = max(len(noted.ended) // 5, 1)
first, last = np.mean(noted.ended[:fifth]), np.mean(noted.ended[-fifth:])
print(
    f"benchmarl {KIND}: {len(noted.ended)} clips, success of the first fifth {first:.2f}, last {last:.2f}"
)
