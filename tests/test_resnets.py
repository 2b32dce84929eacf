"""Protects SlowFast, SlowOnly, TPN, TSN and TSM: published sizes, costs and names, and what they see."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from envs.victims import slowonly
from envs.victims.base import VictimError
from envs.victims.network import NetVictim
from envs.victims.resnet3d_net import ResNet50
from envs.victims.slowfast import SlowFast
from envs.victims.slowfast_net import Backbone, SlowFastNet
from envs.victims.slowonly import SlowOnly, SlowOnlyNet
from envs.victims.tpn import TPN
from envs.victims.tpn_net import TPNNet
from envs.victims.tsm import TSM, Shift, TSMNet
from envs.victims.tsn import TSN, TSNNet
from envs.victims.weights import load_into

Make = Callable[[], nn.Module]
VICTIMS: list[tuple[type[NetVictim], int]] = [
    (SlowFast, 8), (SlowOnly, 4), (TPN, 8), (TSN, 3), (TSM, 4),
]  # fmt: skip


def noise(count: int, frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, frames, 32, 32, 3), np.uint8)


def digest(state: Mapping[str, Tensor]) -> str:
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in state.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def on_meta(make: Make) -> nn.Module:
    """The network without memory: shapes and names only."""
    with torch.device("meta"):
        return make().eval()


def costs(net: nn.Module, frames: int, size: int) -> tuple[float, float]:
    """Billions of multiply-adds of a clip; with two operations more a value of each batch norm."""
    seen = 0

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal seen
        seen += 2 * output.numel()

    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.register_forward_hook(count)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert net(torch.empty(1, 3, frames, size, size, device="meta")).shape == (1, 400)
    macs = counter.get_total_flops() / 2
    return macs / 1e9, (macs + seen) / 1e9


# Names and shapes are those of the models that MMAction2 1.2.0 builds from its configs; the cost
# is its metafiles', which count batch norms. Those of the 3-D networks are for a crop of 256 pixels, TSN's is
# for 25 frames. TPN's published 91,498,336 parameters include the auxiliary head's, and
# its 66,014,576,640 operations include 112,066,560 of ReLU, pooling and interpolation.
@pytest.mark.parametrize(
    ("make", "clip", "parameters", "keys", "names", "cost"),
    [
        (lambda: SlowFastNet(400, 4), (32, 256), 34_565_560, 642, "9d54b275ed0ebc41", 66.1),
        (lambda: SlowFastNet(400, 8), (32, 256), 34_479_288, 642, "d258b3beb91ede9f", 36.3),
        (lambda: SlowOnlyNet(400), (8, 256), 32_454_096, 320, "05f9cba26af1e82f", 54.75),
        (lambda: SlowOnlyNet(400), (4, 256), 32_454_096, 320, "05f9cba26af1e82f", 27.38),
        (lambda: TPNNet(400), (8, 256), 91_498_336 - 19_698_064, 371, "5cff04fcb3285fcf", 65.90251),
        (lambda: TSNNet(400), (25, 224), 24_327_632, 320, "369d6d80bebe81a6", 102.7),
        (lambda: TSMNet(400, 8), (8, 224), 24_327_632, 320, "036ebb3d72d4a6ed", 32.88),
        (lambda: TSMNet(400, 16), (16, 224), 24_327_632, 320, "036ebb3d72d4a6ed", 65.75),
    ],
)
def test_architecture_is_mmaction2s(
    make: Make, clip: tuple[int, int], parameters: int, keys: int, names: str, cost: float
) -> None:
    net = on_meta(make)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert (len(net.state_dict()), digest(net.state_dict())) == (keys, names)
    assert costs(net, *clip)[1] == pytest.approx(cost, rel=0.001)


def theirs(key: str) -> str:
    """PyTorchVideo's name of one of our tensors."""
    parts, path = key.removeprefix("backbone.").split("."), ""
    two = "_path" in parts[0]
    if parts[0] == "cls_head":
        return f"proj.{parts[-1]}"
    if two:
        path = f"multipathway_blocks.{['slow_path', 'fast_path'].index(parts.pop(0))}."
    *where, kind, leaf = parts
    kind = kind.replace("bn", "norm")
    stage = 0 if where[0].startswith("conv1") else int(where[0][5])
    if where[0].endswith("lateral"):
        kind = kind.replace("conv", "conv_fast_to_slow")
        return f"blocks.{stage}.multipathway_fusion.{kind}.{leaf}"
    if len(where) == 1:
        return f"blocks.0.{path}{kind}.{leaf}"
    branch = f"branch2.{kind}_{'abc'[int(where[2][-1]) - 1]}" if where[2] != "downsample" else None
    return f"blocks.{stage}.{path}res_blocks.{where[1]}.{branch or f'branch1_{kind}'}.{leaf}"


def as_pytorchvideo(net: nn.Module, head: int) -> dict[str, Tensor]:
    state = {key: value for key, value in net.state_dict().items() if "rescale" not in key}
    return {theirs(key).replace("proj", f"blocks.{head}.proj"): state[key] for key in state}


# Names and shapes are those of PyTorchVideo 0.1.5; the cost is its model zoo's.
@pytest.mark.parametrize(
    ("victim", "alpha", "head", "parameters", "keys", "names", "cost"),
    [
        (SlowOnly, None, 5, 32_454_096, 320, "908b21ac4c77775a", 54.52),
        (SlowFast, 4, 6, 34_566_488, 662, "b64258d537dd0d36", 65.71),
        (SlowFast, 8, 6, 34_480_216, 662, "7702b9885c4ea50b", None),
    ],
)
def test_architecture_and_names_are_pytorchvideos(
    victim: type[SlowOnly | SlowFast], alpha: int | None, head: int, parameters: int, keys: int,
    names: str, cost: float | None,
) -> None:  # fmt: skip
    options = {"alpha": alpha} if alpha else {}
    kind: Any = SlowFastNet if alpha else SlowOnlyNet
    net = on_meta(lambda: kind(400, pytorchvideo=True, **options))
    state = as_pytorchvideo(net, head)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert (len(state), digest(state)) == (keys, names)
    if cost:
        assert costs(net, 32 if alpha else 8, 256)[0] == pytest.approx(cost, abs=0.005)

    state[f"blocks.{head}.proj.weight"] = weight = torch.arange(2304.0 if alpha else 2048.0)[None]
    bare = victim.__new__(victim)
    renamed = bare.rename({"model_state": state, "epoch": 1})
    assert renamed.keys() == net.state_dict().keys()
    ours = renamed.pop("cls_head.fc_cls.weight")[0].tolist()
    assert ours == ([*range(2048, 2304), *range(2048)] if alpha else weight[0].tolist())
    where = {id(tensor): key for key, tensor in state.items()}
    for key, tensor in renamed.items():
        if "rescale" not in key and "proj" not in theirs(key):
            assert where[id(tensor)] == theirs(key)


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
    assert change < 1e-6 if isinstance(victim, TSN) else change > 1e-5


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
    net = on_meta(lambda: TPNNet(400))
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
