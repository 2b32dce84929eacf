"""SlowFast ResNet-50, pretrained on Kinetics, as a victim."""

from typing import Any

import torch
from torch import Tensor, nn

from video_attack.envs.victims.network import NetVictim
from video_attack.envs.victims.pytorchvideo_names import MARK, is_pytorchvideo, rename_pytorchvideo
from video_attack.envs.victims.resnet3d_net import IMAGENET_MEAN, IMAGENET_STD, initialise
from video_attack.envs.victims.slowfast_net import FAST_FEATURES, LATERAL_FRAMES, SlowFastNet


class SlowFast(NetVictim):
    """SlowFast R50 with weights of MMAction2 or PyTorchVideo, told apart by their keys.

    Args:
        alpha: fast frames for one slow frame: 4 for the published network 8x8, 8 for 4x16.
        **options: see NetVictim; `frames` counts the fast ones, a multiple of alpha.

    Raises:
        ValueError: another alpha, or frames that it does not divide.
    """

    mean, std = IMAGENET_MEAN, IMAGENET_STD
    last_layer = "cls_head.fc_cls"
    _pytorchvideo = False

    def __init__(
        self,
        *,
        alpha: int = 4,
        frames: int = 32,
        size: int = 224,
        short_side: int | None = 256,
        **options: Any,
    ) -> None:
        if alpha not in LATERAL_FRAMES:
            raise ValueError(f"alpha={alpha}: choose 4 (the network 8x8) or 8 (4x16)")
        if frames % alpha:
            raise ValueError(f"frames={frames}: must be a multiple of alpha={alpha}")
        self.alpha = alpha
        super().__init__(frames=frames, size=size, short_side=short_side, **options)

    def make_net(self, classes: int) -> nn.Module:
        """SlowFastNet for the weights that `rename` saw last."""
        return initialise(SlowFastNet(classes, self.alpha, pytorchvideo=self._pytorchvideo))

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """MMAction2's names and order of features for PyTorchVideo's; MMAction2's as they are."""
        self._pytorchvideo = is_pytorchvideo(state)
        if not self._pytorchvideo or MARK in state:
            return state
        renamed = rename_pytorchvideo(state)
        weight = renamed.get(f"{self.last_layer}.weight")
        if isinstance(weight, Tensor) and weight.ndim == 2:  # the slow features come first there
            slow, fast = weight[:, :-FAST_FEATURES], weight[:, -FAST_FEATURES:]
            renamed[f"{self.last_layer}.weight"] = torch.cat((fast, slow), dim=1)
        return renamed
