"""X3D, the small and efficient video networks, as victims."""

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from video_attack.envs.victims.network import NetVictim
from video_attack.envs.victims.x3d_net import Bottleneck, X3DNet


@dataclass(frozen=True)
class Variant:
    """A size of X3D: its test clips (`frames`, `stride`, `size`), training `crop` and `depth`."""

    frames: int
    stride: int
    size: int
    crop: int
    depth: float


# Feichtenhofer, CVPR 2020; clips as PyTorchVideo's model zoo tests them.
VARIANTS = {
    "xs": Variant(4, 12, 182, 160, 2.2),
    "s": Variant(13, 6, 182, 160, 2.2),
    "m": Variant(16, 5, 256, 224, 2.2),
    "l": Variant(16, 5, 356, 312, 5.0),
}
# Parts of MMAction2's names, and of PyTorchVideo's.
PORTED = {
    r"^backbone\.conv1_s\.conv": "blocks.0.conv.conv_t",
    r"^backbone\.conv1_t\.conv": "blocks.0.conv.conv_xy",
    r"^backbone\.conv1_t\.bn": "blocks.0.norm",
    r"^backbone\.layer(\d)\.(\d+)\.": r"blocks.\1.res_blocks.\2.",
    r"\.downsample\.conv": ".branch1_conv",
    r"\.downsample\.bn": ".branch1_norm",
    r"(res_blocks\.\d+)\.conv1\.conv": r"\1.branch2.conv_a",
    r"(res_blocks\.\d+)\.conv1\.bn": r"\1.branch2.norm_a",
    r"(res_blocks\.\d+)\.conv2\.conv": r"\1.branch2.conv_b",
    r"(res_blocks\.\d+)\.conv2\.bn": r"\1.branch2.norm_b.0",
    r"(res_blocks\.\d+)\.conv3\.conv": r"\1.branch2.conv_c",
    r"(res_blocks\.\d+)\.conv3\.bn": r"\1.branch2.norm_c",
    r"\.se_module\.fc1": ".branch2.norm_b.1.block.0",
    r"\.se_module\.fc2": ".branch2.norm_b.1.block.2",
    r"^backbone\.conv5\.conv": "blocks.5.pool.pre_conv",
    r"^backbone\.conv5\.bn": "blocks.5.pool.pre_norm",
    r"^cls_head\.fc1": "blocks.5.pool.post_conv",
    r"^cls_head\.fc2": "blocks.5.proj",
}
FOLDED = "blocks.1.res_blocks.0"  # where MMAction2 has a batch norm that PyTorchVideo has not
EPS = 1e-5  # of batch norm


class X3D(NetVictim):
    """X3D-XS, -S, -M or -L (Feichtenhofer, CVPR 2020).

    Weights under PyTorchVideo's names, or MMAction2's. On frames larger than those of the training
    the head averages the probabilities of several windows, as PyTorchVideo's does; MMAction2's
    averages the features instead, so that at the test size its scores are others.

    Args:
        variant: xs, s, m or l.
        frames: T, frames of a clip; None takes the variant's (4, 13, 16 or 16).
        size: side of the square frames, in pixels; None takes the variant's (182, 182, 256 or 356).
        short_side: shorter side before the crop, in pixels; None takes the size.
        stride: distance between sampled frames; None takes the variant's (12, 6, 5 or 5).
        **kwargs: see NetVictim.

    Raises:
        ValueError: no such variant.
    """

    last_layer = "blocks.5.proj"

    def __init__(
        self,
        *,
        variant: str = "s",
        frames: int | None = None,
        size: int | None = None,
        short_side: int | None = None,
        stride: int | None = None,
        **kwargs: Any,
    ) -> None:
        if variant not in VARIANTS:
            raise ValueError(f"variant={variant!r}: choose one of {', '.join(VARIANTS)}")
        self.variant = own = VARIANTS[variant]
        size = own.size if size is None else size
        super().__init__(
            frames=own.frames if frames is None else frames,
            size=size,
            short_side=size if short_side is None else short_side,
            stride=own.stride if stride is None else stride,
            **kwargs,
        )

    def make_net(self, classes: int) -> nn.Module:
        """X3DNet, with a scale of weights that keeps the signal's through the depth."""
        side = -(-self.variant.crop // 32)
        net = X3DNet(classes, self.variant.depth, (self.variant.frames, side, side))
        for module in net.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, Bottleneck):  # what dozens of them add up to stays small
                nn.init.constant_(module.norm_c.weight, 0.2)
        return net

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """MMAction2's names to PyTorchVideo's, which stay as they are."""
        if "backbone.conv1_s.conv.weight" not in state:
            return state
        renamed = {}
        for key, value in state.items():
            for pattern, name in PORTED.items():
                key = re.sub(pattern, name, key)
            renamed[key] = value
        last = f"{self.last_layer.rpartition('.')[0]}.pool.post_conv.weight"
        if isinstance(renamed.get(last), Tensor) and renamed[last].ndim == 2:
            renamed[last] = renamed[last][..., None, None, None]  # there a linear layer
        return fold(renamed)


def fold(state: dict[str, Any]) -> dict[str, Any]:
    """Without the batch norm of the first shortcut: its scale in the convolution before it.

    Its shift goes to the bias of the branch that is added to the shortcut; the sum is the same.
    """
    keys = [f"{FOLDED}.branch1_norm.{k}" for k in ("weight", "bias", "running_mean", "running_var")]
    conv, added = f"{FOLDED}.branch1_conv.weight", f"{FOLDED}.branch2.norm_c.bias"
    if not {*keys, conv, added} <= state.keys():
        return state
    state.pop(f"{FOLDED}.branch1_norm.num_batches_tracked", None)
    weight, bias, mean, variance = (state.pop(key) for key in keys)
    scale = weight / torch.sqrt(variance + EPS)
    state[conv] = state[conv] * scale[:, None, None, None, None]
    state[added] = state[added] + bias - mean * scale
    return state
