"""PyTorchVideo's checkpoints of SlowFast and Slow under the names of MMAction2's."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from video_attack.envs.victims.resnet3d_net import IMAGENET_MEAN, IMAGENET_STD

MARK = "rescale.scale"  # a key that only networks for PyTorchVideo's weights have
_MEAN, _STD = 0.45, 0.225  # PyTorchVideo's normalisation of all three channels
_LAYERS = {"a": "conv1", "b": "conv2", "c": "conv3"}
_PATHS = ("slow_path.", "fast_path.")
_STEM = re.compile(r"blocks\.0\.(?:multipathway_blocks\.([01])\.)?(conv|norm)\.(.+)")
_FUSION = re.compile(r"blocks\.(\d)\.multipathway_fusion\.(conv_fast_to_slow|norm)\.(.+)")
_BLOCK = re.compile(
    r"blocks\.(\d)\.(?:multipathway_blocks\.([01])\.)?res_blocks\.(\d+)\."
    r"(?:branch1_(conv|norm)|branch2\.(conv|norm)_([abc]))\.(.+)"
)
_HEAD = re.compile(r"blocks\.\d\.proj\.(.+)")


class Rescale(nn.Module):
    """From clips normalised as MMAction2 does to clips normalised as PyTorchVideo does.

    Being part of the network, it is saved with it, so that weights fine-tuned from PyTorchVideo's
    are known for what they are.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, value in rescaling().items():
            self.register_buffer(name.removeprefix("rescale."), value)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) to the same shape."""
        return x * self.scale.view(3, 1, 1, 1) + self.shift.view(3, 1, 1, 1)


def rescaling() -> dict[str, Tensor]:
    """What Rescale holds, each float32 (3,), RGB."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return {MARK: std / _STD, "rescale.shift": (mean - _MEAN) / _STD}


def is_pytorchvideo(state: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is PyTorchVideo's, untouched or fine-tuned here."""
    return any(key == "model_state" or key.startswith(("blocks.0.", MARK)) for key in state)


def rename_pytorchvideo(state: Mapping[str, Any]) -> dict[str, Any]:
    """PyTorchVideo's tensors under our names, with the constants of Rescale.

    A key that follows no pattern of PyTorchVideo's keeps its name, so that loading reports it.
    """
    if MARK in state:
        return dict(state)
    tensors = state.get("model_state", state)
    return {**{rename_key(key): value for key, value in tensors.items()}, **rescaling()}


def rename_key(key: str) -> str:
    """Our name of one tensor of PyTorchVideo's SlowFast or Slow."""
    if match := _STEM.fullmatch(key):
        path, kind, rest = match.groups()
        return f"backbone.{_path(path)}conv1.{_kind(kind)}.{rest}"
    if match := _FUSION.fullmatch(key):
        stage, kind, rest = match.groups()
        layer = f"layer{stage}" if stage != "0" else "conv1"
        return f"backbone.slow_path.{layer}_lateral.{_kind(kind)}.{rest}"
    if match := _BLOCK.fullmatch(key):
        stage, path, block, shortcut, kind, letter, rest = match.groups()
        layer = _LAYERS[letter] if letter else "downsample"
        where = f"backbone.{_path(path)}layer{stage}.{block}.{layer}"
        return f"{where}.{_kind(kind or shortcut)}.{rest}"
    if match := _HEAD.fullmatch(key):
        return f"cls_head.fc_cls.{match[1]}"
    return key


def _path(index: str | None) -> str:
    return _PATHS[int(index)] if index else ""


def _kind(name: str) -> str:
    return "bn" if name == "norm" else "conv"
