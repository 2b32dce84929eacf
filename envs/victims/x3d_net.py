"""The network of X3D: a residual network of channel-wise 3-D convolutions (Feichtenhofer, 2020)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Triple = tuple[int, int, int]
STEM = 24  # channels after the stem, and those of the first stage
BLOCKS = (1, 2, 5, 3)  # of each stage, before the expansion of the depth
FEATURES = 2048  # that the last layer sees


def squeezed(channels: int) -> int:
    """A 16th of the channels as a multiple of 8, not less than 8 nor than 9/10 of the 16th."""
    exact = channels / 16
    width = max(8, int(exact + 4) // 8 * 8)
    return width if width >= 0.9 * exact else width + 8


def pointwise(inputs: int, outputs: int, stride: int = 1) -> nn.Conv3d:
    """1x1x1 convolution without bias; the stride is of space only."""
    return nn.Conv3d(inputs, outputs, 1, (1, stride, stride), bias=False)


class StemConv(nn.Module):
    """A convolution in space, then a channel-wise one in time.

    The checkpoints' names of the two are those of the reverse order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_t = nn.Conv3d(3, STEM, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.conv_xy = nn.Conv3d(STEM, STEM, (5, 1, 1), 1, (2, 0, 0), groups=STEM, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) to (N, STEM, T, H/2, W/2) rounded up."""
        return self.conv_xy(self.conv_t(x))


class Stem(nn.Module):
    """The first layers: convolutions, batch norm, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = StemConv()
        self.norm = nn.BatchNorm3d(STEM)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) to (N, STEM, T, H/2, W/2) rounded up."""
        return F.relu(self.norm(self.conv(x)))


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what the whole clip holds (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = squeezed(channels)
        self.block = nn.Sequential(
            nn.Conv3d(channels, inner, 1), nn.ReLU(), nn.Conv3d(inner, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, (N, channels, T, H, W)."""
        return x * self.block(x.mean(dim=(2, 3, 4), keepdim=True))


class Bottleneck(nn.Module):
    """Widen, convolve each channel, narrow."""

    def __init__(self, inputs: int, outputs: int, stride: int, excite: bool) -> None:
        super().__init__()
        inner = int(2.25 * outputs)
        self.conv_a, self.norm_a = pointwise(inputs, inner), nn.BatchNorm3d(inner)
        self.conv_b = nn.Conv3d(inner, inner, 3, (1, stride, stride), 1, groups=inner, bias=False)
        weigh = SqueezeExcitation(inner) if excite else nn.Identity()
        self.norm_b = nn.Sequential(nn.BatchNorm3d(inner), weigh)
        self.conv_c, self.norm_c = pointwise(inner, outputs), nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, T, H/stride, W/stride) rounded up."""
        x = F.relu(self.norm_a(self.conv_a(x)))
        x = F.silu(self.norm_b(self.conv_b(x)))
        return self.norm_c(self.conv_c(x))


class Residual(nn.Module):
    """A bottleneck beside a shortcut, which is a convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, excite: bool) -> None:
        super().__init__()
        changes = stride > 1 or inputs != outputs
        self.branch1_conv = pointwise(inputs, outputs, stride) if changes else nn.Identity()
        # Only where the channels change, as in the published weights.
        self.branch1_norm = nn.BatchNorm3d(outputs) if inputs != outputs else nn.Identity()
        self.branch2 = Bottleneck(inputs, outputs, stride, excite)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, T, H/stride, W/stride) rounded up."""
        return F.relu(self.branch1_norm(self.branch1_conv(x)) + self.branch2(x))


class Stage(nn.Module):
    """Blocks of one width, the first with stride 2; every other one has squeeze-and-excitation."""

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        super().__init__()
        self.res_blocks = nn.Sequential(
            *(
                Residual(outputs if i else inputs, outputs, 1 if i else 2, excite=i % 2 == 0)
                for i in range(depth)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, T, H/2, W/2) rounded up."""
        return self.res_blocks(x)


class Pool(nn.Module):
    """Widen, average over windows, and widen again."""

    def __init__(self, inputs: int, window: Triple) -> None:
        super().__init__()
        inner = int(2.25 * inputs)
        self.window = window
        self.pre_conv, self.pre_norm = pointwise(inputs, inner), nn.BatchNorm3d(inner)
        self.post_conv = pointwise(inner, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, FEATURES, T', H', W'), one place for each window."""
        x = F.relu(self.pre_norm(self.pre_conv(x)))
        T, H, W = (min(pair) for pair in zip(x.shape[2:], self.window, strict=True))
        return F.relu(self.post_conv(F.avg_pool3d(x, (T, H, W), stride=1)))


class Head(nn.Module):
    """The classifier, at each window of the size of a training clip's features."""

    def __init__(self, inputs: int, classes: int, window: Triple) -> None:
        super().__init__()
        self.pool = Pool(inputs, window)
        self.proj = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to the log of the mean probabilities over windows, (N, classes)."""
        places = self.proj(self.pool(x).flatten(2).transpose(1, 2)).log_softmax(dim=2)
        return torch.logsumexp(places, dim=1) - math.log(places.shape[1])


class X3DNet(nn.Module):
    """The network, with PyTorchVideo's parameter names.

    Args:
        classes: number of outputs.
        depth: factor of the number of blocks of each stage: 2.2, or 5 for X3D-L.
        window: what the head averages over, (T, H, W) in features, or all where there are fewer.
    """

    def __init__(self, classes: int, depth: float = 2.2, window: Triple = (13, 5, 5)) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Stem())
        inputs = STEM
        for i, blocks in enumerate(BLOCKS):
            self.blocks.append(Stage(inputs, STEM * 2**i, math.ceil(depth * blocks)))
            inputs = STEM * 2**i
        self.blocks.append(Head(inputs, classes, window))

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities (N, classes) of (N, 3, T, H, W)."""
        return self.blocks(x)
