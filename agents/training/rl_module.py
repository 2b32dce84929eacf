"""RLModule: our networks in the form that RLlib's learner takes."""

from typing import Any

from gymnasium.spaces import MultiDiscrete
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchMultiCategorical
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor, nn

from video_attack.agents.policy.networks import CentralCritic, make_actor, make_critic


class AgentModule(TorchRLModule, ValueFunctionAPI, InferenceOnlyAPI):
    """Actor and critic of one agent.

    `model_config`: agent (name), extents (see `Moves`), hidden (channels), central (critic on the joint
    state), frames, grid.
    """

    def setup(self) -> None:
        """Build the networks."""
        assert isinstance(self.action_space, MultiDiscrete)  # the game without flat_actions
        config, parts = self.model_config, [int(n) for n in self.action_space.nvec]
        self.action_dist_cls = TorchMultiCategorical.get_partial_dist_cls(
            space=self.action_space, input_lens=tuple(parts)
        )
        self.actor = make_actor(config["agent"], parts, config["extents"], config["hidden"])
        if not self.inference_only:
            self.critic: nn.Module = (
                CentralCritic(config["frames"], config["grid"], config["hidden"])
                if config["central"]
                else make_critic(config["agent"], config["hidden"])
            )

    def get_non_inference_attributes(self) -> list[str]:
        """What acting does not need."""
        return ["critic"]

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        return {Columns.ACTION_DIST_INPUTS: self.actor(batch[Columns.OBS])}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Values of a batch."""
        return self.critic(batch[Columns.OBS])
