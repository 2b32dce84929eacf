"""C3D, the plain 3-D convolutional network, as a victim."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from video_attack.envs.victims.network import NetVictim

FRAMES, SIZE = 16, 112
# Layers as other ports call them, and as MMAction2 does.
PORTED = {
    "conv1": "backbone.conv1a.conv",
    "conv2": "backbone.conv2a.conv",
    **{f"conv{n}": f"backbone.conv{n}.conv" for n in ("3a", "3b", "4a", "4b", "5a", "5b")},
    "fc6": "backbone.fc6",
    "fc7": "backbone.fc7",
    "fc8": "cls_head.fc_cls",
}


class C3D(NetVictim):
    """C3D (Tran et al., ICCV 2015): clips of 16 x 112 x 112, less the mean of each RGB channel.

    Weights under MMAction2's names (UCF-101, 101 classes) or under the plain ones (conv1, conv2,
    conv3a, ..., fc8) that ports of the Sports-1M network (487 classes) use. The mean is MMAction2's;
    weights that were trained on BGR or with another mean load, but are not themselves.

    Raises:
        ValueError: a clip of another size; the fully connected layers fit 16 x 112 x 112 only.
    """

    mean = (104 / 255, 117 / 255, 128 / 255)
    std = (1 / 255, 1 / 255, 1 / 255)
    last_layer = "cls_head.fc_cls"
    outputs = 101

    def __init__(
        self, *, frames: int = FRAMES, size: int = SIZE, stride: int = 1, **kwargs: Any
    ) -> None:
        if (frames, size) != (FRAMES, SIZE):
            raise ValueError(
                f"frames={frames}, size={size}: C3D takes frames={FRAMES}, size={SIZE} only"
            )
        super().__init__(frames=frames, size=size, stride=stride, **kwargs)

    def make_net(self, classes: int) -> nn.Module:
        """C3DNet, with a scale of weights that keeps the signal's through the depth."""
        net = C3DNet(classes)
        for module in net.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        return net

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """Plain names to MMAction2's, which stay as they are."""
        renamed = {}
        for key, value in state.items():
            layer, _, kind = key.rpartition(".")
            renamed[f"{PORTED[layer]}.{kind}" if layer in PORTED else key] = value
        return renamed


class Conv(nn.Module):
    """3x3x3 convolution and ReLU; the inner name is that of checkpoints."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, T, H, W)."""
        return F.relu(self.conv(x), inplace=True)


class Backbone(nn.Module):
    """Eight convolutions, five poolings and two fully connected layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1a = Conv(3, width)
        self.conv2a = Conv(width, 2 * width)
        self.conv3a, self.conv3b = Conv(2 * width, 4 * width), Conv(4 * width, 4 * width)
        self.conv4a, self.conv4b = Conv(4 * width, 8 * width), Conv(8 * width, 8 * width)
        self.conv5a, self.conv5b = Conv(8 * width, 8 * width), Conv(8 * width, 8 * width)
        self.fc6 = nn.Linear(8 * width * 4 * 4, 64 * width)
        self.fc7 = nn.Linear(64 * width, 64 * width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 16, 112, 112) to fc7 (N, 64 * width)."""
        x = F.max_pool3d(self.conv1a(x), (1, 2, 2))  # time is not pooled this early
        x = F.max_pool3d(self.conv2a(x), 2)
        x = F.max_pool3d(self.conv3b(self.conv3a(x)), 2)
        x = F.max_pool3d(self.conv4b(self.conv4a(x)), 2)
        x = F.max_pool3d(self.conv5b(self.conv5a(x)), 2, padding=(0, 1, 1))
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


class Classifier(nn.Module):
    """The last layer under the name that checkpoints give it."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.fc_cls = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) to (N, classes)."""
        return self.fc_cls(x)


class C3DNet(nn.Module):
    """The network, with MMAction2's parameter names.

    Args:
        classes: number of outputs.
        width: channels of the first layer; 64 in the paper.
    """

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        self.backbone = Backbone(width)
        self.cls_head = Classifier(64 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of (N, 3, 16, 112, 112)."""
        return self.cls_head(self.backbone(x))
