"""ResNet-50 for frames and for clips: the blocks that several video networks share.

The names of parameters are those of MMAction2's public checkpoints (OpenMMLab).
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, ...]  # of a kernel or a stride: (H, W) for frames, (T, H, W) for clips
DEPTHS = (3, 4, 6, 3)  # blocks of each residual stage (He et al., CVPR 2016)
EXPANSION = 4  # outputs of a block per channel inside it
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB on the [0, 1] scale; MMAction2's normalisation
IMAGENET_STD = (0.229, 0.224, 0.225)


class ConvNorm(nn.Module):
    """Convolution with "same" padding, then batch norm and ReLU unless told otherwise.

    The length of `kernel` says whether it is one over frames (2) or over clips (3).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Size,
        stride: Size | int = 1,
        *,
        groups: int = 1,
        norm: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        conv: Any = nn.Conv2d if len(kernel) == 2 else nn.Conv3d
        padding = tuple(k // 2 for k in kernel)
        self.conv = conv(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.bn: nn.Module = nn.Identity()
        if norm:
            self.bn = nn.BatchNorm2d(outputs) if len(kernel) == 2 else nn.BatchNorm3d(outputs)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, ...) to (N, outputs, ...), each size divided by its stride, rounded up."""
        x = self.bn(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the 3x3 one has the stride.

    Args:
        inputs: channels coming in.
        width: channels inside.
        first: kernel of the first convolution; (3, 1, 1) looks at three frames.
        stride: of height and width.
    """

    def __init__(self, inputs: int, width: int, first: Size, stride: int) -> None:
        super().__init__()
        outputs, time = width * EXPANSION, (1,) * (len(first) - 2)
        pointwise, steps = (*time, 1, 1), (*time, stride, stride)
        self.conv1 = ConvNorm(inputs, width, first)
        self.conv2 = ConvNorm(width, width, (*time, 3, 3), steps)
        self.conv3 = ConvNorm(width, outputs, pointwise, relu=False)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = ConvNorm(inputs, outputs, pointwise, steps, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, ..., H, W) to (N, 4 * width, ..., H / stride, W / stride), non-negative."""
        return F.relu(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x), inplace=True)


class ResNet50(nn.Module):
    """ResNet-50 without its classifier; time is never strided.

    Args:
        stem: kernel of the first convolution, (7, 7) for frames or (T, 7, 7) for clips.
        first: for each residual stage, the kernel of its blocks' first convolution.
        width: channels of the stem; 64 is the usual network.
        extra: for each residual stage, channels that come in beside the ones of the stage before.
    """

    def __init__(
        self,
        stem: Size,
        first: tuple[Size, Size, Size, Size],
        width: int = 64,
        extra: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> None:
        super().__init__()
        time = (1,) * (len(stem) - 2)
        halve = (*time, 2, 2)
        self.conv1 = ConvNorm(3, width, stem, halve)
        pool: Any = nn.MaxPool2d if len(stem) == 2 else nn.MaxPool3d
        self.maxpool = pool((*time, 3, 3), halve, tuple(k // 2 for k in (*time, 3, 3)))
        inputs = width
        for i, depth in enumerate(DEPTHS):
            blocks = []
            for j in range(depth):
                if j == 0:
                    inputs += extra[i]
                blocks.append(Bottleneck(inputs, width << i, first[i], 2 if i and not j else 1))
                inputs = (width << i) * EXPANSION
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.features = inputs

    def stage(self, index: int, x: Tensor) -> Tensor:
        """Output of one stage: 0 is the stem with its pooling, 1 to 4 are the residual stages."""
        layer = self.get_submodule(f"layer{index}") if index else self.conv1
        y: Tensor = layer(x)
        return y if index else self.maxpool(y)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, ..., H, W) to (N, 32 * width, ..., H / 32, W / 32)."""
        for index in range(len(DEPTHS) + 1):
            x = self.stage(index, x)
        return x


def slow_resnet50(extra: tuple[int, int, int, int] = (0, 0, 0, 0)) -> ResNet50:
    """The slow pathway of Feichtenhofer et al. (ICCV 2019): time is seen in the last two stages."""
    frame, three = (1, 1, 1), (3, 1, 1)
    return ResNet50((1, 7, 7), (frame, frame, three, three), extra=extra)


class Head(nn.Module):
    """Linear classifier on pooled features (N, F), under MMAction2's name."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.fc_cls = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F) to logits (N, classes)."""
        logits: Tensor = self.fc_cls(x)
        return logits


def initialise(net: nn.Module) -> nn.Module:
    """Random weights under which the signal neither fades nor grows much through the depth."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, Bottleneck):
            # Each block adds to its shortcut, and untrained batch norms do not scale the sum back.
            nn.init.constant_(module.get_parameter("conv3.bn.weight"), 0.25)
    return net
