"""The network of TPN on SlowOnly ResNet-50 (Yang et al., CVPR 2020)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from video_attack.envs.victims.resnet3d_net import ConvNorm, Head, slow_resnet50

POOLED = 8  # frames that the temporal modulation pools to one
LEVELS = (1024, 2048)  # channels of the backbone's last two stages
WIDTH = 1024  # channels of a level inside the pyramid
OUTPUTS = 2048  # channels of each pyramid, and of the two fused
GROUPS = 32  # of the grouped convolutions


class SpatialModulation(nn.Module):
    """Brings the lower level to the size and channels of the upper one."""

    def __init__(self) -> None:
        super().__init__()
        lower = nn.ModuleList([ConvNorm(LEVELS[0], LEVELS[1], (1, 3, 3), (1, 2, 2))])
        self.spatial_modulation = nn.ModuleList([lower, nn.Identity()])

    def forward(self, lower: Tensor, upper: Tensor) -> list[Tensor]:
        """(N, 1024, T, H, W) and (N, 2048, T, H / 2, W / 2) to two of the latter shape."""
        return [self.get_submodule("spatial_modulation.0.0")(lower), upper]


class TemporalModulation(nn.Module):
    """Sees three frames, then keeps the greatest value of each eight."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNorm(LEVELS[1], WIDTH, (3, 1, 1), groups=GROUPS, norm=False, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2048, T, H, W) to (N, 1024, ceil(T / 8), H, W)."""
        pool = (POOLED, 1, 1)
        return F.max_pool3d(self.conv(x), pool, pool, ceil_mode=True)


class Wrapped(nn.Module):
    """A convolution one name deeper, where checkpoints keep it beside a pooling that does nothing."""

    def __init__(self, conv: ConvNorm) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """What the convolution answers."""
        y: Tensor = self.conv(x)
        return y


class LevelFusion(nn.Module):
    """Two levels (N, 1024, ...) to one pyramid (N, 2048, ...)."""

    def __init__(self) -> None:
        super().__init__()
        self.downsamples = nn.ModuleList(
            Wrapped(ConvNorm(WIDTH, WIDTH, (1, 1, 1), groups=GROUPS)) for _ in LEVELS
        )
        self.fusion_conv = ConvNorm(WIDTH * len(LEVELS), OUTPUTS, (1, 1, 1))

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Both levels, side by side, mixed."""
        mixed = [op(level) for op, level in zip(self.downsamples, levels, strict=True)]
        fused: Tensor = self.fusion_conv(torch.cat(mixed, dim=1))
        return fused


class Pyramid(nn.Module):
    """Features of two depths, aligned in space and time, fused top-down and then bottom-up."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial_modulation = SpatialModulation()
        self.temporal_modulation_ops = nn.ModuleList(TemporalModulation() for _ in LEVELS)
        down = ConvNorm(WIDTH, WIDTH, (3, 1, 1), norm=False, relu=False)
        self.downsample_ops = nn.ModuleList([Wrapped(down)])
        self.level_fusion_1, self.level_fusion_2 = LevelFusion(), LevelFusion()
        self.pyramid_fusion = ConvNorm(2 * OUTPUTS, OUTPUTS, (1, 1, 1))

    def forward(self, lower: Tensor, upper: Tensor) -> Tensor:
        """(N, 1024, T, H, W) and (N, 2048, T, H / 2, W / 2) to (N, 2048, ceil(T / 8), ...)."""
        levels = self.spatial_modulation(lower, upper)
        low, high = (op(x) for op, x in zip(self.temporal_modulation_ops, levels, strict=True))
        low = low + high
        top_down = self.level_fusion_1([low, high])
        bottom_up = self.level_fusion_2([low, high + self.downsample_ops[0](low)])
        fused: Tensor = self.pyramid_fusion(torch.cat((top_down, bottom_up), dim=1))
        return fused


class TPNNet(nn.Module):
    """SlowOnly R50, temporal pyramid, global average, linear classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = slow_resnet50()
        self.neck = Pyramid()
        self.cls_head = Head(OUTPUTS, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W), normalised with ImageNet's statistics, to logits (N, classes)."""
        for index in range(4):
            x = self.backbone.stage(index, x)
        pyramid = self.neck(x, self.backbone.stage(4, x))
        logits: Tensor = self.cls_head(pyramid.mean(dim=(2, 3, 4)))
        return logits
