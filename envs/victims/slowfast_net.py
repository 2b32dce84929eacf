"""The network of SlowFast ResNet-50 (Feichtenhofer et al., ICCV 2019)."""

import torch
from torch import Tensor, nn

from video_attack.envs.victims.pytorchvideo_names import Rescale
from video_attack.envs.victims.resnet3d_net import DEPTHS, ConvNorm, Head, ResNet50, slow_resnet50

FAST_WIDTH = 8  # channels of the fast pathway's stem, an eighth of the slow one's
FAST_FEATURES = 32 * FAST_WIDTH  # of its last stage
FAST_OUTPUTS = tuple(FAST_WIDTH * n for n in (1, 4, 8, 16))  # of its stem and first three stages
# Frames that a lateral convolution sees, by the ratio of the pathways' frame rates.
LATERAL_FRAMES = {4: 7, 8: 5}


class Backbone(nn.Module):
    """Two pathways; before each residual stage the slow one is given the fast one's features.

    Args:
        alpha: fast frames for one slow frame.
        pytorchvideo: batch norm and ReLU follow the lateral convolutions, and the slow frames are
            spread from the first frame to the last.
    """

    def __init__(self, alpha: int, *, pytorchvideo: bool) -> None:
        super().__init__()
        self.alpha, self.spread_to_end = alpha, pytorchvideo
        lateral = tuple(2 * width for width in FAST_OUTPUTS)
        self.slow_path = slow_resnet50(extra=lateral)  # type: ignore[arg-type]  # there are four
        self.fast_path = ResNet50((5, 7, 7), ((3, 1, 1),) * 4, FAST_WIDTH)
        for i, width in enumerate(FAST_OUTPUTS):
            module = ConvNorm(
                width, lateral[i], (LATERAL_FRAMES[alpha], 1, 1), (alpha, 1, 1),
                norm=pytorchvideo, relu=pytorchvideo,
            )  # fmt: skip
            self.slow_path.add_module(f"{f'layer{i}' if i else 'conv1'}_lateral", module)

    def forward(self, fast: Tensor) -> tuple[Tensor, Tensor]:
        """Clips (N, 3, T, H, W) to slow (N, 2048, T / alpha, ...) and fast (N, 256, T, ...)."""
        slow = self.slow_frames(fast)
        for i in range(len(DEPTHS) + 1):
            slow, fast = self.slow_path.stage(i, slow), self.fast_path.stage(i, fast)
            if i < len(DEPTHS):
                name = f"{f'layer{i}' if i else 'conv1'}_lateral"
                slow = torch.cat((slow, self.slow_path.get_submodule(name)(fast)), dim=1)
        return slow, fast

    def slow_frames(self, clips: Tensor) -> Tensor:
        """Every alpha-th frame; in PyTorchVideo T / alpha frames from the first to the last."""
        T = clips.shape[2]
        if not self.spread_to_end:
            return clips[:, :, :: self.alpha]
        # Computed in float32 on the CPU as there, so that the same frames are met on rounding.
        chosen = torch.linspace(0, T - 1, T // self.alpha).long()
        return clips.index_select(2, chosen.to(clips.device))


class SlowFastNet(nn.Module):
    """Backbone, global average of both pathways, linear classifier."""

    def __init__(self, classes: int, alpha: int = 4, *, pytorchvideo: bool = False) -> None:
        super().__init__()
        self.rescale = Rescale() if pytorchvideo else nn.Identity()
        self.backbone = Backbone(alpha, pytorchvideo=pytorchvideo)
        features = self.backbone.slow_path.features + self.backbone.fast_path.features
        self.cls_head = Head(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W), normalised with ImageNet's statistics, to logits (N, classes)."""
        slow, fast = (y.mean(dim=(2, 3, 4)) for y in self.backbone(self.rescale(x)))
        logits: Tensor = self.cls_head(torch.cat((fast, slow), dim=1))
        return logits
