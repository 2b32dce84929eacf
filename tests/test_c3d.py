"""Protects C3D: the published architecture and size, both families of names, its normalisation."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from video_attack.envs.clip import Sampling
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.c3d import C3D, C3DNet

# The layers of the network, in their order, as most ports of the Sports-1M weights call them.
PLAIN = ["conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"]
PLAIN += ["fc6", "fc7", "fc8"]


class Narrow(C3D):
    """C3D with a sixteenth of the channels."""

    outputs = 3

    def make_net(self, classes: int) -> nn.Module:
        return C3DNet(classes, width=4)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 112, 112, 3), np.uint8)


@pytest.fixture(scope="module")
def victim() -> C3D:
    return Narrow(device="cpu")


# From MMAction2 1.2.0: its model's names and shapes; 78,409,573 is also in its metafile.
@pytest.mark.parametrize(("classes", "parameters"), [(101, 78_409_573), (487, 79_991_015)])
def test_architecture_is_the_published_one(classes: int, parameters: int) -> None:
    with torch.device("meta"):
        net, clip = C3DNet(classes).eval(), torch.empty(1, 3, 16, 112, 112)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert net(clip).shape == (1, classes)
    assert sum(p.numel() for p in net.parameters()) == parameters
    # MMAction2's metafile: 38,615,475,200, with biases.
    assert counter.get_total_flops() / 2 == pytest.approx(38.615e9, rel=2e-3)
    if classes == 101:
        lines = sorted(f"{key} {tuple(value.shape)}" for key, value in net.state_dict().items())
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        assert (len(lines), digest[:16]) == (22, "9c4917e453a1d3ed")


def test_clips_are_sixteen_neighbouring_frames_less_the_mean_of_each_channel(victim: C3D) -> None:
    assert Narrow(stride=1).sampling == Sampling(16, 112, 128, 1)
    clip = np.zeros((1, 16, 112, 112, 3), np.uint8)
    clip[..., 0], clip[..., 1], clip[..., 2] = 104, 118, 126
    x = victim.preprocess(clip)
    assert x.shape == (1, 3, 16, 112, 112)
    assert torch.allclose(x[0, :, 3, 5, 7], torch.tensor([0.0, 1.0, -2.0]), atol=1e-4)


def test_scores_repeat_and_do_not_depend_on_the_batch(victim: C3D) -> None:
    clips = noise(2)
    scores = victim.scores(clips)
    assert scores.shape == (2, 3) and np.allclose(scores.sum(1), 1, atol=1e-5)
    assert np.array_equal(scores, victim.scores(clips))
    assert np.allclose(victim.scores(clips[1:]), scores[1:], atol=1e-5)
    assert np.abs(scores[0] - victim.scores(255 - clips)[0]).max() > 1e-4  # it sees its input


@pytest.mark.parametrize("plain", [True, False])
def test_weights_load_under_both_families_of_names(plain: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = C3DNet(5, width=4).eval()
    state: dict[str, Any] = net.state_dict()
    if plain:  # layers come in the order of the network in both
        kinds = [f"{layer}.{kind}" for layer in PLAIN for kind in ("weight", "bias")]
        state = dict(zip(kinds, state.values(), strict=True))
    file = tmp_path / "c3d.pickle"
    # The old format, in which the Sports-1M weights are.
    torch.save(
        state if plain else {"state_dict": state}, file, _use_new_zipfile_serialization=False
    )
    victim = Narrow(weights=str(file), device="cpu")
    clips = noise(1)
    assert len(victim.classes) == 5
    with torch.no_grad():
        assert torch.allclose(victim.net(victim.preprocess(clips)), net(victim.preprocess(clips)))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    for options in ({"frames": 8}, {"size": 224, "short_side": 256}):
        with pytest.raises(ValueError, match="C3D takes frames=16, size=112 only"):
            Narrow(**options)
    state = C3DNet(5, width=4).state_dict()
    state["backbone.fc6.weight"] = state["backbone.fc6.weight"][:, :288]  # no padding before fc6
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(VictimError, match=r"backbone\.fc6\.weight \(256, 288\) instead of"):
        Narrow(weights=str(tmp_path / "other.pt"))
