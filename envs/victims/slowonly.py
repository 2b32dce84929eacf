"""SlowOnly (Slow) ResNet-50, pretrained on Kinetics, as a victim."""

from typing import Any, ClassVar

from torch import Tensor, nn

from video_attack.envs.victims.network import PublishedNet
from video_attack.envs.victims.pytorchvideo_names import (
    Rescale,
    is_pytorchvideo,
    rename_pytorchvideo,
)
from video_attack.envs.victims.resnet3d_net import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Head,
    initialise,
    slow_resnet50,
)


class SlowOnlyNet(nn.Module):
    """The slow pathway of SlowFast alone (Feichtenhofer et al., ICCV 2019).

    Args:
        classes: outputs.
        pytorchvideo: for PyTorchVideo's weights, which were trained with another normalisation.
    """

    def __init__(self, classes: int, *, pytorchvideo: bool = False) -> None:
        super().__init__()
        self.rescale = Rescale() if pytorchvideo else nn.Identity()
        self.backbone = slow_resnet50()
        self.cls_head = Head(self.backbone.features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W), normalised with ImageNet's statistics, to logits (N, classes)."""
        logits: Tensor = self.cls_head(self.backbone(self.rescale(x)).mean(dim=(2, 3, 4)))
        return logits


class SlowOnly(PublishedNet):
    """SlowOnly R50 with MMAction2's weights, or Slow R50 with PyTorchVideo's.

    Which of them a checkpoint holds is read from its keys. The published networks 8x8 and 4x16 are
    one architecture: frames x stride is how their clips are cut.
    """

    mean, std = IMAGENET_MEAN, IMAGENET_STD
    last_layer = "cls_head.fc_cls"
    _pytorchvideo = False
    defaults: ClassVar = {"frames": 8, "size": 224, "short_side": 256, "stride": 8}

    def make_net(self, classes: int) -> nn.Module:
        """SlowOnlyNet for the weights that `rename` saw last."""
        return initialise(SlowOnlyNet(classes, pytorchvideo=self._pytorchvideo))

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """MMAction2's names for PyTorchVideo's weights; MMAction2's as they are."""
        self._pytorchvideo = is_pytorchvideo(state)
        return rename_pytorchvideo(state) if self._pytorchvideo else state
