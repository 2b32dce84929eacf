"""TSM ResNet-50, pretrained on Kinetics, as a victim."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from video_attack.envs.victims.resnet3d_net import Bottleneck, initialise
from video_attack.envs.victims.tsn import TSN, TSNNet

DIVISOR = 8  # an eighth of the channels is shifted each way


class Shift(nn.Module):
    """Gives a layer an eighth of its channels from the next frame and an eighth from the last one.

    Args:
        net: the layer, over frames.
        frames: T of the clips whose frames (N * T, C, H, W) come in.
    """

    def __init__(self, net: nn.Module, frames: int) -> None:
        super().__init__()
        self.net, self.frames = net, frames

    def forward(self, x: Tensor) -> Tensor:
        """(N * T, C, H, W) to the layer's answer; past a clip's end there are zeros."""
        clips, fold = x.unflatten(0, (-1, self.frames)), x.shape[1] // DIVISOR
        following = F.pad(clips[:, 1:, :fold], (0, 0, 0, 0, 0, 0, 0, 1))
        previous = F.pad(clips[:, :-1, fold : 2 * fold], (0, 0, 0, 0, 0, 0, 1, 0))
        shifted = torch.cat((following, previous, clips[:, :, 2 * fold :]), dim=2)
        answer: Tensor = self.net(shifted.flatten(0, 1))
        return answer


class TSMNet(TSNNet):
    """TSN whose residual blocks see their neighbouring frames (Lin et al., ICCV 2019).

    Args:
        classes: outputs.
        frames: T of all clips.
    """

    def __init__(self, classes: int, frames: int) -> None:
        super().__init__(classes)
        for module in list(self.modules()):
            if isinstance(module, Bottleneck):
                module.conv1.conv = Shift(module.conv1.conv, frames)


class TSM(TSN):
    """TSM R50 with MMAction2's weights; frames, clips and last layer are TSN's."""

    def make_net(self, classes: int) -> nn.Module:
        """TSMNet for clips of the sampling's length, in the layout in which its frames come."""
        net = initialise(TSMNet(classes, self.sampling.frames))
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub
