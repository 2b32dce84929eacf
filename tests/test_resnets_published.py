"""Protects SlowFast, SlowOnly, TPN, TSN and TSM: names, sizes, costs and answers of the originals."""

import hashlib
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.resnet_names import as_pytorchvideo, theirs
from video_attack.envs.victims.slowfast import SlowFast
from video_attack.envs.victims.slowfast_net import SlowFastNet
from video_attack.envs.victims.slowonly import SlowOnly, SlowOnlyNet
from video_attack.envs.victims.tpn_net import TPNNet
from video_attack.envs.victims.tsm import TSMNet
from video_attack.envs.victims.tsn import TSNNet

Make = Callable[[], nn.Module]
PTV = {"pytorchvideo": True}


def digest(state: Mapping[str, Tensor]) -> str:
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in state.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def on_meta(make: Make) -> nn.Module:
    """The network without memory: shapes and names only."""
    with torch.device("meta"):
        return make().eval()


def pattern(name: str, shape: tuple[int, ...]) -> Tensor:
    """Values in [-0.5, 0.5) that are the same everywhere, by integer arithmetic."""
    index = torch.arange(math.prod(shape), dtype=torch.int64)
    mixed = (index + zlib.crc32(name.encode()) % 2**20) * 2654435761 % 2**32
    return ((mixed ^ mixed >> 15) * 1597334677 % 2**32 / 2**32 - 0.5).float().view(shape)


def fill(net: nn.Module) -> nn.Module:
    """Give a network values that depend on its tensors' names and shapes only."""
    for key, value in net.state_dict().items():
        if value.ndim > 1:  # a kernel, by its fan-in
            value.copy_(pattern(key, value.shape) * math.sqrt(24 / value[0].numel()))
        elif value.ndim == 1 and "rescale" not in key:
            centre = {"running_var": 1.5, "weight": 0.7}.get(key.rpartition(".")[2], 0.0)
            value.copy_(centre + pattern(key, value.shape))
    return net


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


# Names and shapes are those of the models that MMAction2 1.2.0 builds from its configs. The cost is
# its metafiles', which count batch norms: for 256 pixels (TSN and TSM 224) and TSN's 25 test frames.
# TPN's published 91,498,336 parameters include the auxiliary head's, and its 66,014,576,640
# operations include 112,066,560 of ReLU, pooling and interpolation.
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


# What MMAction2 1.2.0 and (the last three) PyTorchVideo 0.1.5 answer with the same values inside.
@pytest.mark.parametrize(
    ("make", "frames", "expected"),
    [
        (lambda: SlowFastNet(3, 4), 8, [[0.4011, -0.8652, 1.9484], [0.3711, -0.8317, 1.9645]]),
        (lambda: SlowFastNet(3, 8), 8, [[-0.7337, -0.5157, 0.6805], [-0.7751, -0.5483, 0.6144]]),
        (lambda: SlowOnlyNet(3), 4, [[2.2318, -1.5735, -0.113], [2.2409, -1.5524, -0.1191]]),
        (lambda: TPNNet(3), 9, [[-0.0021, -0.0425, -0.1354], [-0.0164, -0.0235, -0.1414]]),
        (lambda: TSNNet(3), 3, [[1.9112, -1.5043, -0.7561], [1.9493, -1.4551, -0.8224]]),
        (lambda: TSMNet(3, 4), 4, [[1.8104, -0.7686, -0.3801], [1.8285, -0.7666, -0.3168]]),
        (lambda: SlowOnlyNet(3, **PTV), 4, [[2.2586, -1.5426, -0.1191], [2.2824, -1.5338, -0.1234]]),
        (lambda: SlowFastNet(3, 4, **PTV), 8, [[0.4101, -0.7329, 1.227], [0.4178, -0.7529, 1.2294]]),
        (lambda: SlowFastNet(3, 8, **PTV), 16, [[-0.1665, -0.6293, 1.0884], [-0.1339, -0.6345, 1.104]]),
    ],
)  # fmt: skip
def test_logits_are_the_original_librarys(
    make: Make, frames: int, expected: list[list[float]]
) -> None:
    net = fill(make()).eval()
    with torch.no_grad():
        logits = net(4 * pattern("clip", (2, 3, frames, 64, 64)))
    assert torch.allclose(logits, torch.tensor(expected), atol=5e-4)


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
