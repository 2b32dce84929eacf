"""PPO on RLlib: two policies, one shared reward."""

from typing import Any

from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from video_attack.agents.training.rl_module import AgentModule
from video_attack.agents.training.rllib_env import AttackEnvRunner, RllibAttackEnv
from video_attack.envs.game.episode import AGENTS


class AttackCallback(RLlibCallback):
    """Carries what the games report (finished episodes, queries) into RLlib's metrics."""

    def on_sample_end(self, *, env_runner: Any, metrics_logger: Any, **kwargs: Any) -> None:
        """Log the episodes that ended in this sample, and the queries that it took."""
        episodes, asked = env_runner.env.take_report()
        for episode in episodes:
            for key, value in episode.items():
                metrics_logger.log_value(("attack", key), value, reduce="mean", window=200)
        metrics_logger.log_value(("attack", "asked"), asked, reduce="sum")


class HomelessPPO(PPO):
    """RLlib's PPO without the folder that it makes in the user's home and leaves empty."""

    def _setup_logdir(self) -> None:
        self._logdir = ""


def ppo_config(
    config: dict[str, Any], frames: int, seed_salt: int, actor: str | None = None
) -> PPOConfig:
    """RLlib's configuration from ours.

    Args:
        config: the plain training configuration (see agents/configs/schema.py).
        frames: frames of a clip.
        seed_salt: changes with every resume, so that no episode is played twice.
        actor: name of the actor that the victim lives in; None: each process has its own.
    """
    algo, cluster = config["algo"], config["cluster"]
    game = config["env"]
    extents = {
        "spatial": len(game["sizes"]), "temporal": len(game["windows"]) * len(game["strides"])
    }  # fmt: skip
    model = {"central": algo["central"], "hidden": algo["hidden"], "frames": frames,
             "grid": config["env"]["grid"]}  # fmt: skip
    context = {
        "setup": {
            key: config.get(key)
            for key in ("dataset", "model", "defence", "distortion", "env", "bound")
        },
        "victim_actor": actor,
        "central": algo["central"],
        "seed_salt": seed_salt,
        # Workers share the cores; with none, the main process has set its own number.
        "threads": 1 if cluster["runners"] else 0,
    }
    return (
        PPOConfig(HomelessPPO)
        .environment(RllibAttackEnv, env_config=context, disable_env_checking=True)
        .env_runners(
            env_runner_cls=AttackEnvRunner,
            num_env_runners=cluster["runners"],
            num_envs_per_env_runner=cluster["games_per_runner"],
            num_cpus_per_env_runner=cluster["runner_cpus"],
            sample_timeout_s=cluster["sample_timeout_s"],
        )
        .learners(num_learners=0, num_gpus_per_learner=cluster["learner_gpus"])
        .training(
            train_batch_size_per_learner=algo["batch"], minibatch_size=algo["minibatch"],
            num_epochs=algo["epochs"], gamma=algo["gamma"], lambda_=algo["gae_lambda"],
            lr=[[0, algo["lr"]], [config["queries"], algo["lr"] / 10]],
            clip_param=algo["clip_range"], entropy_coeff=algo["ent_coef"],
            vf_loss_coeff=algo["vf_coef"], vf_clip_param=10.0,  # returns are of the order of 1
            grad_clip=algo["grad_clip"], grad_clip_by="global_norm", use_kl_loss=False,
        )
        .multi_agent(policies=list(AGENTS), policy_mapping_fn=_own_policy)
        .rl_module(
            rl_module_spec=MultiRLModuleSpec(
                rl_module_specs={
                    agent: RLModuleSpec(
                        AgentModule,
                        model_config={**model, "agent": agent, "extents": extents[agent]},
                    )
                    for agent in AGENTS
                }
            )
        )
        .callbacks(AttackCallback)
        .fault_tolerance(restart_failed_env_runners=True)
        .debugging(seed=config["seed"], log_level="ERROR")
    )  # fmt: skip


def _own_policy(agent: str, *args: Any, **kwargs: Any) -> str:
    return agent
