"""Protects torchvision's models as victims: sizes, normalisation, public weights, names of keys."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from video_attack.envs.clip import Sampling
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.torchvision_import import import_video_models
from video_attack.envs.victims.torchvision_nets import NETS, TorchvisionNet

CONF = Path(__file__).parents[1] / "conf/model"
YAMLS = ("r3d", "mc3", "r2plus1d", "s3d", "mvit_v2", "swin3d")
SMALL: dict[str, Any] = {"frames": 4, "size": 32, "short_side": None, "device": "cpu"}

try:
    import_video_models("this test")
except VictimError as error:
    pytest.skip(str(error), allow_module_level=True)

from torchvision.models import get_model_weights  # noqa: E402  # needs the import above


def bare(net: str, frames: int, size: int, classes: int = 400) -> nn.Module:
    """The victim's network without storage."""
    victim = TorchvisionNet.__new__(TorchvisionNet)
    victim.name, victim.sampling = net, Sampling(frames, size, None)
    with torch.device("meta"):
        return victim.make_net(classes).eval()


@pytest.fixture(scope="module")
def small() -> TorchvisionNet:
    return TorchvisionNet(net="mc3_18", **SMALL)


@pytest.fixture
def clips() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("net", NETS)
def test_networks_are_those_that_torchvision_publishes_weights_for(net: str) -> None:
    weights = get_model_weights(net)["KINETICS400_V1"]
    transforms, family = weights.transforms(), NETS[net]
    assert (family.mean, family.std) == (tuple(transforms.mean), tuple(transforms.std))
    size = transforms.crop_size[0]
    module = bare(net, 16, size)
    assert sum(p.numel() for p in module.parameters()) == weights.meta["num_params"]
    assert module.get_submodule(family.last_layer).weight.shape[0] == 400
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(torch.empty(1, 3, 16, size, size))
    # torchvision counts a multiplication and an addition as one, over 16 frames.
    assert counter.get_total_flops() / 2e9 == pytest.approx(weights.meta["_ops"], abs=1e-3)


@pytest.mark.parametrize("name", YAMLS)
def test_configurations_name_the_public_weights_and_fit(name: str) -> None:
    text = (CONF / f"{name}.yaml").read_text()
    config = yaml.safe_load(text)
    urls = re.findall(r"https?://\S+", text)
    published = get_model_weights(config["net"])["KINETICS400_V1"]
    assert urls == [published.url]
    assert published.transforms().crop_size == [config["size"]] * 2
    assert published.transforms().resize_size[0] == config["short_side"]
    bare(config["net"], config["frames"], config["size"])  # raises where the size does not fit


def test_every_published_file_of_swin_is_named() -> None:
    text = (CONF / "swin3d.yaml").read_text()
    for net in ("swin3d_t", "swin3d_s", "swin3d_b"):
        for weights in get_model_weights(net):
            assert weights.url.rpartition("/")[2] in text


def test_scores_are_those_of_the_library(small: TorchvisionNet, clips: np.ndarray) -> None:
    from torchvision.models.video import mc3_18

    net = mc3_18().eval()
    net.load_state_dict(small.net.state_dict())  # strict: the names are the library's
    x = torch.tensor(clips).float().div(255).permute(0, 4, 1, 2, 3)
    mean, std = torch.tensor(NETS["mc3_18"].mean), torch.tensor(NETS["mc3_18"].std)
    x = (x - mean.view(3, 1, 1, 1)) / std.view(3, 1, 1, 1)
    with torch.inference_mode():
        expected = net(x).softmax(dim=1).numpy()
    np.testing.assert_allclose(small.scores(clips), expected, atol=1e-5)
    assert len(small.classes) == 400


def test_weights_of_other_classes_and_heads_load(
    small: TorchvisionNet, clips: np.ndarray, tmp_path: Path
) -> None:
    head = {"weight": torch.randn(3, 512), "bias": torch.zeros(3), "classes": ["a", "b", "c"]}
    torch.save(head, tmp_path / "head.pt")
    torch.save({"model": small.net.state_dict()}, tmp_path / "net.pt")
    files = {"weights": str(tmp_path / "net.pt"), "head": str(tmp_path / "head.pt")}
    first = TorchvisionNet(net="mc3_18", seed=1, **files, **SMALL)
    assert first.classes == ("a", "b", "c")
    torch.save(first.net.state_dict(), tmp_path / "three.pt")
    second = TorchvisionNet(net="mc3_18", weights=str(tmp_path / "three.pt"), **SMALL)
    np.testing.assert_array_equal(first.scores(clips), second.scores(clips))
    with pytest.raises(VictimError, match=r"three\.pt does not fit VideoResNet: .* missing"):
        TorchvisionNet(net="r2plus1d_18", weights=str(tmp_path / "three.pt"), **SMALL)


def test_unknown_net_is_refused_with_the_choice() -> None:
    with pytest.raises(ValueError, match="net='r3d': choose one of r3d_18, mc3_18"):
        TorchvisionNet(net="r3d")


@pytest.mark.parametrize(("net", "frames", "size"), [("s3d", 16, 112), ("mvit_v2_s", 8, 224)])
def test_clips_that_do_not_fit_are_refused(net: str, frames: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"{net} cannot take {frames} frames of {size} x {size}"):
        TorchvisionNet(net=net, frames=frames, size=size, short_side=None)


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models.video", None)
    with pytest.raises(VictimError, match=r'r3d_18 needs torchvision .*-e "\.\[torchvision\]"'):
        TorchvisionNet(net="r3d_18", **SMALL)
