"""TPN on SlowOnly ResNet-50, pretrained on Kinetics, as a victim."""

from typing import Any, ClassVar

from torch import nn

from video_attack.envs.victims.network import PublishedNet
from video_attack.envs.victims.resnet3d_net import IMAGENET_MEAN, IMAGENET_STD, initialise
from video_attack.envs.victims.tpn_net import TPNNet

# The auxiliary classifier helps training only; new_cls is a copy of fc_cls, made while testing.
UNUSED = ("neck.aux_head.", "cls_head.new_cls.")


class TPN(PublishedNet):
    """TPN R50, 8x8 frames, with MMAction2's weights."""

    mean, std = IMAGENET_MEAN, IMAGENET_STD
    last_layer = "cls_head.fc_cls"
    defaults: ClassVar = {"frames": 8, "size": 224, "short_side": 256, "stride": 8}

    def make_net(self, classes: int) -> nn.Module:
        """TPNNet."""
        return initialise(TPNNet(classes))

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """The checkpoint without the parts that classification does not use."""
        return {key: value for key, value in state.items() if not key.startswith(UNUSED)}
