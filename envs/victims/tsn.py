"""TSN ResNet-50, pretrained on Kinetics, as a victim."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from video_attack.envs.victims.network import PublishedNet
from video_attack.envs.victims.resnet3d_net import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Head,
    ResNet50,
    initialise,
)


class TSNNet(nn.Module):
    """ResNet-50 on each frame; the mean of the frames' features is classified.

    The classifier is linear, so this is also the mean of the frames' logits.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = ResNet50((7, 7), ((1, 1),) * 4)
        self.cls_head = Head(self.backbone.features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W), normalised with ImageNet's statistics, to logits (N, classes)."""
        count = len(x)
        x = self.backbone(x.transpose(1, 2).flatten(0, 1)).mean(dim=(2, 3))
        logits: Tensor = self.cls_head(x.unflatten(0, (count, -1)).mean(dim=1))
        return logits


class TSN(PublishedNet):
    """TSN R50 (Wang et al., ECCV 2016) with MMAction2's weights; a frame is a segment."""

    mean, std = IMAGENET_MEAN, IMAGENET_STD
    last_layer = "cls_head.fc_cls"
    convolves = False  # over frames, not over clips
    defaults: ClassVar = {
        "frames": 8,
        "size": 224,
        "short_side": 256,
        "stride": 1,
        "spread": "uniform",
    }

    def make_net(self, classes: int) -> nn.Module:
        """TSNNet, in the memory layout in which its frames come."""
        return initialise(TSNNet(classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub
