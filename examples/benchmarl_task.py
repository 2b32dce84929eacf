"""BenchMARL with a task of its own: MAPPO or IPPO, by a word after the script's name."""

import sys
import tempfile

from benchmarl.algorithms import IppoConfig, MappoConfig
from benchmarl.environments.common import TaskClass
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from small_game import chance, play, report, small_game
from tensordict import TensorDict
from torch import as_tensor, nn
from torchrl.envs import PettingZooWrapper

KIND = "ippo" if "ippo" in sys.argv[1:] else "mappo"
QUERIES = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 2048
AGENTS = ("spatial", "temporal")


class VideoAttack(TaskClass):
    """The game as BenchMARL's task: a group an agent, flat spaces."""

    def get_env_fun(self, num_envs, continuous_actions, seed, device):
        """What makes one game."""
        groups = {agent: [agent] for agent in AGENTS}
        game = small_game()
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


class Gained(Callback):
    """Shows what is gained."""

    def on_batch_collected(self, batch):
        """Called by BenchMARL."""
        print(f"mean reward of a step {batch['next', 'spatial', 'reward'].mean():.3f}", flush=True)


config = ExperimentConfig.get_from_yaml()
config.max_n_frames, config.loggers, config.save_folder = QUERIES, [], tempfile.mkdtemp()
config.on_policy_collected_frames_per_batch, config.on_policy_n_envs_per_worker = 256, 1
config.on_policy_n_minibatch_iters, config.on_policy_minibatch_size = 6, 64
config.gamma, config.lr = 0.9, 2e-3
config.evaluation, config.render, config.create_json = False, False, False
kind = (IppoConfig if KIND == "ippo" else MappoConfig).get_from_yaml()
kind.entropy_coef, kind.share_param_critic = 0.01, False
net = MlpConfig(num_cells=[128, 64], activation_class=nn.Tanh, layer_class=nn.Linear)
task = VideoAttack("CLIPS", {"max_steps": 1000})
experiment = Experiment(task, kind, net, 0, config, critic_model_config=net, callbacks=[Gained()])
experiment.run()


def act(seen):
    """Sampled actions, of batches by agent."""
    rows = {a: {"observation": as_tensor(one)[:, None]} for a, one in seen.items()}
    chosen = experiment.policy(TensorDict(rows, batch_size=[8]))
    return {a: chosen[a, "action"].flatten().numpy() for a in AGENTS}


game = small_game()
report(f"benchmarl {KIND}", chance(game), play(game, act), experiment.total_frames)
