"""Protects SlowFast, SlowOnly, TPN, TSN and TSM as victims: weights, preprocessing, what they see."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.resnet_names import as_pytorchvideo
from video_attack.envs.victims import slowonly
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.network import NetVictim
from video_attack.envs.victims.resnet3d_net import ResNet50
from video_attack.envs.victims.slowfast import SlowFast
from video_attack.envs.victims.slowfast_net import Backbone
from video_attack.envs.victims.slowonly import SlowOnly, SlowOnlyNet
from video_attack.envs.victims.tpn import TPN
from video_attack.envs.victims.tpn_net import TPNNet
from video_attack.envs.victims.tsm import TSM, Shift
from video_attack.envs.victims.tsn import TSN
from video_attack.envs.victims.weights import load_into

VICTIMS: list[tuple[type[NetVictim], int]] = [
    (SlowFast, 8), (SlowOnly, 4), (TPN, 8), (TSN, 3), (TSM, 4),
]  # fmt: skip


def noise(count: int, frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, frames, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module", params=VICTIMS, ids=lambda pair: pair[0].__name__)
def victim(request: pytest.FixtureRequest) -> NetVictim:
    kind, frames = request.param
    return kind(frames=frames, size=32, short_side=32, device="cpu")


def test_scores_repeat_and_do_not_depend_on_the_batch(victim: NetVictim) -> None:
    clips = noise(3, victim.sampling.frames)
    scores = victim.scores(clips)
    assert scores.shape == (3, 400) and np.allclose(scores.sum(1), 1, atol=1e-4)
    assert np.array_equal(scores, victim.scores(clips))
    assert np.allclose(victim.scores(clips[1:2]), scores[1:2], atol=1e-5)
    assert np.abs(scores[0] - scores[1]).max() > 1e-5  # it sees its input
    assert scores.max() < 0.9  # random weights do not saturate it


def test_the_last_layer_answers_the_logits_of_the_features(victim: NetVictim) -> None:
    clips = noise(2, victim.sampling.frames)
    features, layer = victim.features(clips), victim.last(victim.net)
    assert features.shape == (2, 2304 if isinstance(victim, SlowFast) else 2048)
    assert layer.bias is not None
    logits = features @ layer.weight.T + layer.bias
    assert torch.allclose(victim.logits(clips), logits, atol=1e-4)


def test_all_but_tsn_see_the_order_of_the_frames(victim: NetVictim) -> None:
    clips = noise(2, victim.sampling.frames)
    change = np.abs(victim.scores(clips) - victim.scores(clips[:, ::-1])).max()
    assert change < 1e-6 if type(victim) is TSN else change > 1e-5


def test_the_clip_is_normalised_as_imagenet(victim: NetVictim) -> None:
    white = np.full((1, 1, 1, 1, 3), 255, np.uint8)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert victim.preprocess(white).flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_slow_frames_are_each_librarys() -> None:
    clip = torch.arange(32.0).view(1, 1, 32, 1, 1)
    with torch.device("meta"):
        first, spread = (Backbone(4, pytorchvideo=flag) for flag in (False, True))
    assert first.slow_frames(clip).flatten().tolist() == [0, 4, 8, 12, 16, 20, 24, 28]
    assert spread.slow_frames(clip).flatten().tolist() == [0, 4, 8, 13, 17, 22, 26, 31]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """SlowOnly with few channels, under the same names."""
    kernels = ((1, 1, 1), (1, 1, 1), (3, 1, 1), (3, 1, 1))
    monkeypatch.setattr(slowonly, "slow_resnet50", lambda: ResNet50((1, 7, 7), kernels, width=4))


@pytest.mark.usefixtures("narrow")
def test_weights_of_either_library_get_their_normalisation(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, clips = SlowOnlyNet(5).eval(), noise(2, 4)
    raw = torch.tensor(clips).permute(0, 4, 1, 2, 3) / 255
    imagenet = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1, 1)
    meta = {"meta": {"epoch": 1}, "state_dict": net.state_dict()}
    for name, file, x in (
        ("mmaction2", meta, (raw - imagenet[0]) / imagenet[1]),
        ("pytorchvideo", {"model_state": as_pytorchvideo(net, 5)}, (raw - 0.45) / 0.225),
    ):
        torch.save(file, tmp_path / name)
        options: dict[str, Any] = {"frames": 4, "size": 32, "short_side": 32, "device": "cpu"}
        victim = SlowOnly(weights=str(tmp_path / name), **options)
        with torch.no_grad():
            expected = net(x).softmax(1).numpy()
        assert len(victim.classes) == 5
        assert np.allclose(victim.scores(clips), expected, atol=1e-5)
        # What is saved here, as fine-tuning does, is still known for what it is.
        torch.save({"state_dict": victim.net.state_dict()}, tmp_path / "again")
        again = SlowOnly(weights=str(tmp_path / "again"), **options)
        assert np.array_equal(again.scores(clips), victim.scores(clips))


@pytest.mark.usefixtures("narrow")
def test_a_strange_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    state = as_pytorchvideo(SlowOnlyNet(5), 5)
    state["blocks.1.res_blocks.0.branch3_conv.weight"] = torch.zeros(1)
    torch.save({"model_state": state}, tmp_path / "strange.pyth")
    with pytest.raises(VictimError, match=r"1 unexpected \(blocks\.1\.res_blocks\.0\.branch3"):
        SlowOnly(weights=str(tmp_path / "strange.pyth"), device="cpu")


def test_tpn_drops_only_what_classification_does_not_use() -> None:
    with torch.device("meta"):
        net = TPNNet(400)
    state = net.state_dict()
    unused = ("neck.aux_head.conv.conv.weight", "neck.aux_head.fc.bias", "cls_head.new_cls.bias")
    bare = TPN.__new__(TPN)
    load_into(net, bare.rename({**state, **dict.fromkeys(unused, torch.zeros(1))}), "tpn")
    with pytest.raises(VictimError, match=r"1 unexpected \(neck\.other\.bias\)"):
        load_into(net, bare.rename({**state, "neck.other.bias": torch.zeros(1)}), "tpn")


@given(
    clips=st.integers(1, 3),
    frames=st.integers(1, 6),
    channels=st.sampled_from([8, 16, 20]),
)
@settings(max_examples=30, deadline=None)
def test_shift_takes_an_eighth_from_each_neighbour(clips: int, frames: int, channels: int) -> None:
    x = torch.randn(clips, frames, channels, 2, 2)
    shifted = Shift(nn.Identity(), frames)(x.flatten(0, 1)).unflatten(0, (clips, frames))
    fold = channels // 8
    for t in range(frames):
        following = x[:, t + 1, :fold] if t + 1 < frames else torch.zeros(1)
        previous = x[:, t - 1, fold : 2 * fold] if t else torch.zeros(1)
        assert (shifted[:, t, :fold] == following).all()
        assert (shifted[:, t, fold : 2 * fold] == previous).all()
    assert torch.equal(shifted[:, :, 2 * fold :], x[:, :, 2 * fold :])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": 3}, r"alpha=3: choose 4 \(the network 8x8\) or 8 \(4x16\)"),
        ({"frames": 30}, "frames=30: must be a multiple of alpha=4"),
        ({"frames": 4, "alpha": 8}, "frames=4: must be a multiple of alpha=8"),
    ],
)
def test_slowfast_refuses_what_its_pathways_cannot_share(
    options: dict[str, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        SlowFast(**options)
