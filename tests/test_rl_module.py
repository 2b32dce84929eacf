"""Protects what RLlib's learner is given: our actor's logits cut as the game's actions are, and the value of
the critic that was asked for; acting alone needs no critic."""

import numpy as np
import pytest
import torch

from tests.test_learning import games
from video_attack.agents.policy.networks import CentralCritic, Critic
from video_attack.envs.game.episode import AGENTS

rl_module = pytest.importorskip("video_attack.agents.training.rl_module")
rllib_env = pytest.importorskip("video_attack.agents.training.rllib_env")


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize("agent", AGENTS)
def test_the_module_is_our_actor_and_the_critic_that_was_asked_for(agent, central) -> None:
    setup = games()
    env = rllib_env.RllibAttackEnv(setup.env("train"), central)
    observation, _ = env.reset(seed=0)
    moves, space = env.env.moves, env.action_spaces[agent]
    made = {
        "observation_space": env.observation_spaces[agent], "action_space": space,
        "model_config": {"agent": agent, "extents": moves.extents[agent], "hidden": 4,
                         "central": central, "frames": 8, "grid": 4},
    }  # fmt: skip
    module = rl_module.AgentModule(**made, inference_only=False)
    batch = {
        "obs": {
            k: torch.from_numpy(np.stack([v, v])) for k, v in observation[agent].items()
        }
    }  # fmt: skip
    with torch.no_grad():
        logits = module.forward_train(batch)["action_dist_inputs"]
        values = module.compute_values(batch)
    assert logits.shape == (2, sum(space.nvec)) and values.shape == (2,)
    assert torch.equal(logits, module.actor(batch["obs"]))
    assert isinstance(module.critic, CentralCritic if central else Critic)
    drawn = module.action_dist_cls.from_logits(logits).sample()
    assert all(space.contains(action.numpy()) for action in drawn)
    acting = rl_module.AgentModule(**made, inference_only=True)
    assert not hasattr(acting, "critic") and "critic" in module.get_non_inference_attributes()
