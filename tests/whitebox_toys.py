"""A network whose smallest perturbations are known, for tests of attacks that use gradients."""

import numpy as np
import torch
from torch import nn

from tests.attack_toys import darken
from video_attack.agents.attacks.base import ThreatModel
from video_attack.envs.clip import Clip
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.victims.network import NetVictim

T, SIZE = 4, 8
LINEAR = {"_target_": "tests.whitebox_toys.Linear"}


class Linear(NetVictim):
    """Logits are linear in the pixels.

    Args:
        seed: of the weights.
        of: another seed whose weights are added.
        noise: factor of `seed`'s where others are added.
    """

    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    last_layer = "1"
    outputs = 3

    def __init__(self, seed: int = 0, of: int | None = None, noise: float = 1.0) -> None:
        super().__init__(frames=T, size=SIZE, short_side=SIZE, seed=seed)
        if of is not None:
            with torch.no_grad():
                self.net[1].weight.mul_(noise).add_(Linear(of).net[1].weight)
        self.classes = ("a", "b", "c")

    def make_net(self, classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * T * SIZE * SIZE, classes))


def held(victim: Linear, gap: float = 0.05) -> Clip:
    """A clip on which the victim's first class wins by about `gap`: mid-grey and a little of its slope."""
    weight = victim.net[1].weight.detach().numpy()
    slope = 2 * weight[0] - weight[1] - weight[2]
    slope = np.moveaxis(slope.reshape(3, T, SIZE, SIZE), 0, 3)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 3, slope.shape)
    for size in np.arange(0, 100, 0.5):
        frames = np.rint(128 + noise + size * slope / np.abs(slope).max()).astype(np.uint8)
        logits = victim.logits(frames[None])[0].detach().numpy()
        if logits[0] - logits[1:].max() > gap:
            return Clip(frames, 0, "held")
    raise AssertionError("no such clip")


def linear_rules(budget: int, bound: BoundConfig, **game: object) -> ThreatModel:
    """Rules for the linear network."""
    config = GameConfig(
        **{"grid": 4, "budget": budget, "sizes": [0.25], "windows": [2], **game}  # type: ignore[arg-type]
    )
    return ThreatModel(config, darken, 5, 3, T, bound)
