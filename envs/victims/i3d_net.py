"""The network of I3D: Inception-v1 inflated to video (Carreira and Zisserman, CVPR 2017)."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Triple = tuple[int, int, int]
FEATURES = 1024  # channels of Mixed_5c
KINETICS_CLASSES = 400


def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zero-pad (N, C, T, H, W) as TensorFlow's "SAME" does: the odd element goes to the end."""
    pads: list[int] = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(k - (size % s or s), 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class Unit(nn.Module):
    """Convolution, batch norm, ReLU; `kernel` and `stride` are the same on all three axes."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel: Triple = (kernel,) * 3
        self.stride: Triple = (stride,) * 3
        # With stride 1 and an odd kernel SAME is symmetric, and the convolution can pad by itself.
        padding = kernel // 2 if stride == 1 else 0
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, ceil(T / stride), ...), non-negative."""
        if self.stride != (1, 1, 1):
            x = pad_same(x, self.kernel, self.stride)
        return F.relu(self.bn(self.conv3d(x)), inplace=True)

    def fold(self) -> None:
        """Put the batch norm into the convolution; for a network that only predicts."""
        assert isinstance(self.bn, nn.BatchNorm3d)  # not folded yet
        self.conv3d, self.bn = fuse_conv_bn_eval(self.conv3d, self.bn), nn.Identity()


class Pool(nn.Module):
    """Max pooling with SAME padding; zeros pad correctly because the input is non-negative."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, ceil(T / stride), ...)."""
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Inception block: four branches side by side; `widths` are their channels."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = Unit(inputs, widths[0])
        self.b1a, self.b1b = Unit(inputs, widths[1]), Unit(widths[1], widths[2], 3)
        self.b2a, self.b2b = Unit(inputs, widths[3]), Unit(widths[3], widths[4], 3)
        self.b3a, self.b3b = Pool((3, 3, 3), (1, 1, 1)), Unit(inputs, widths[5])
        self.outputs = widths[0] + widths[2] + widths[4] + widths[5]

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, T, H, W)."""
        branches = (
            self.b0(x),
            self.b1b(self.b1a(x)),
            self.b2b(self.b2a(x)),
            self.b3b(self.b3a(x)),
        )
        return torch.cat(branches, dim=1)


class Logits(nn.Module):
    """The classifier: a 1x1x1 convolution under the name that checkpoints give it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(FEATURES, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1024, T, H, W) to (N, classes)."""
        # The paper pools 2x7x7 with stride 1 before the logits, and averages them over time.
        _, _, T, H, W = x.shape
        pooled = F.avg_pool3d(x.float(), (min(T, 2), min(H, 7), min(W, 7)), stride=1)
        return self.conv3d(pooled.to(x.dtype)).mean(dim=(2, 3, 4))


class I3DNet(nn.Module):
    """The network, with the parameter names of the usual PyTorch checkpoints."""

    def __init__(self, classes: int = KINETICS_CLASSES) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, 2)
        self.MaxPool3d_2a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        self.MaxPool3d_3a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        self.Mixed_3b = Mixed(192, (64, 96, 128, 16, 32, 32))
        self.Mixed_3c = Mixed(256, (128, 128, 192, 32, 96, 64))
        self.MaxPool3d_4a_3x3 = Pool((3, 3, 3), (2, 2, 2))
        self.Mixed_4b = Mixed(480, (192, 96, 208, 16, 48, 64))
        self.Mixed_4c = Mixed(512, (160, 112, 224, 24, 64, 64))
        self.Mixed_4d = Mixed(512, (128, 128, 256, 24, 64, 64))
        self.Mixed_4e = Mixed(512, (112, 144, 288, 32, 64, 64))
        self.Mixed_4f = Mixed(528, (256, 160, 320, 32, 128, 128))
        self.MaxPool3d_5a_2x2 = Pool((2, 2, 2), (2, 2, 2))
        self.Mixed_5b = Mixed(832, (256, 160, 320, 32, 128, 128))
        self.Mixed_5c = Mixed(832, (384, 192, 384, 48, 128, 128))
        self.logits = Logits(classes)

    def features(self, x: Tensor) -> Tensor:
        """Mixed_5c, (N, 1024, T/8, H/32, W/32) rounded up, of RGB (N, 3, T, H, W) in [-1, 1]."""
        for name, layer in self.named_children():
            if name != "logits":
                x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of RGB (N, 3, T, H, W) in [-1, 1]."""
        return self.logits(self.features(x))

    def lean(self) -> "I3DNet":
        """A copy to predict with, in bfloat16 throughout, its batch norms folded."""
        copy = deepcopy(self).eval()
        for module in copy.modules():
            if isinstance(module, Unit):
                module.fold()
        return copy.bfloat16().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # no stub
