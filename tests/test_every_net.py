"""Protects what fine-tuning rests on, for each network of conf/model: its features, through its last
layer, are its logits, whatever axes that layer sees."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from tests.toy_net import ToyNet
from video_attack.agents.core.build import build, locate
from video_attack.envs.victims.network import NetVictim

CONF = Path(__file__).parents[1] / "conf/model"
# Clips as small as each network takes; of the others nothing is changed.
SMALL: dict[str, dict[str, Any]] = {
    "lrcn": {"frames": 5, "size": 64},
    "c3d": {},
    "i3d": {"frames": 16, "size": 64, "short_side": 64},
    "tsm": {"frames": 8, "size": 64, "short_side": 64},
    "x3d": {"variant": "xs", "size": 192, "short_side": None},
    "s3d": {"frames": 16, "size": 224, "short_side": 224},
    "mvit_v2": {"frames": 16, "size": 224, "short_side": 224},
    "swin3d": {"frames": 4, "size": 64, "short_side": 64},
    **{name: {"frames": 4, "size": 64, "short_side": 64} for name in ("videomae", "timesformer")},
    **{name: {"frames": 4, "size": 64, "short_side": 64} for name in ("vivit", "vjepa2")},
}
USUAL = {"frames": 8, "size": 48, "short_side": 48}
LARGE = ("c3d", "s3d", "mvit_v2", "videomae", "timesformer", "vivit", "vjepa2")


def targets() -> dict[str, str]:
    lines = {file.stem: file.read_text().splitlines() for file in sorted(CONF.glob("*.yaml"))}
    found = {
        name: next(line.split()[1] for line in own if line.startswith("_target_"))
        for name, own in lines.items()
    }
    return {name: target for name, target in found.items() if issubclass(locate(target), NetVictim)}  # type: ignore[arg-type]


NETS = targets()


def test_all_networks_are_looked_at() -> None:
    assert len(NETS) == 19 and SMALL.keys() <= NETS.keys()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in NETS]
)
def test_features_through_the_last_layer_are_the_logits(name: str) -> None:
    for library in ("torchvision", "transformers"):
        if library in NETS[name] and find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    own = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    keys = {k: own[k] for k in own if k in ("net", "variant", "spread")} | SMALL.get(name, USUAL)
    victim = build("model", {"_target_": NETS[name], "device": "cpu", **keys})
    shape = (2, victim.sampling.frames, victim.sampling.size, victim.sampling.size, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    features = victim.features(clips)
    layer = victim.last(victim.net)
    assert features.shape == (2, layer.weight.shape[1])
    with torch.inference_mode():
        ours = victim.from_features(features).log_softmax(dim=1)
        theirs = victim.logits(clips).log_softmax(dim=1)
    spread = float((theirs - theirs.mean(dim=1, keepdim=True)).abs().max())
    assert torch.allclose(ours, theirs, atol=0.02 * spread), (ours - theirs).abs().max() / spread
    assert spread > 0


def test_a_convolution_over_places_is_averaged_and_a_linear_layer_too() -> None:
    class Places(nn.Module):
        """A linear layer at each place, then the mean, as X3D's head has it."""

        def __init__(self, classes: int) -> None:
            super().__init__()
            self.out = nn.Linear(3, classes)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(x.permute(0, 2, 3, 4, 1)).mean(dim=(1, 2, 3))

    class Victim(ToyNet):
        def make_net(self, classes: int) -> nn.Module:
            return Places(classes)

    victim = Victim(frames=3, size=8, short_side=8)
    clips = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8, 3), np.uint8)
    found = victim.from_features(victim.features(clips))
    assert torch.allclose(found, victim.logits(clips), atol=1e-5)
