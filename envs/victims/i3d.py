"""I3D, pretrained on Kinetics, as a victim; alone or under a linear head for other classes."""

import numpy as np
import torch
from torch import Tensor, nn

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores
from video_attack.envs.victims.i3d_net import I3DNet
from video_attack.envs.victims.network import NetVictim


class I3D(NetVictim):
    """I3D (Carreira and Zisserman, CVPR 2017), with weights under the usual PyTorch port's names.

    A head sees Mixed_5c pooled as the network's own classifier does: at 16 x 112 x 112 the global
    average.
    """

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    last_layer = "logits.conv3d"

    _lean: tuple[list[tuple[int, int]], I3DNet] | None = None

    def make_net(self, classes: int) -> nn.Module:
        """I3DNet, with a scale of weights that keeps the signal's through the depth."""
        net = I3DNet(classes)
        for module in net.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        return net

    def logits(self, clips: Frames) -> Tensor:
        """Logits, float32 (N, classes) on the device, of uint8 clips (N, T, H, W, 3)."""
        # PyTorch convolves one small float32 clip without oneDNN: on two threads, two such clips
        # take less time than one (about 120 ms against 200 ms at 16 x 112 x 112).
        small = len(clips) == 1 and clips.shape[2] <= 112 and not self.bf16
        if small and self.device.type == "cpu" and torch.get_num_threads() > 1:
            return super().logits(np.repeat(clips, 2, axis=0))[:1]
        return super().logits(clips)

    @torch.inference_mode()
    def predict(self, clips: Frames) -> Scores:
        """See the base class. On a CPU, bf16 means a network that is bfloat16 throughout.

        Autocast spends half of the time on casts and on pooling in float32.
        """
        if not self.bf16 or self.device.type != "cpu":
            return super().predict(clips)
        logits = self._lean_net()(self.preprocess(clips).bfloat16())
        return logits.float().softmax(dim=1).numpy()

    def _lean_net(self) -> I3DNet:
        """The network's lean copy; a new one when weights have changed, as in fine-tuning."""
        assert isinstance(self.net, I3DNet)  # by make_net
        tensors = (*self.net.parameters(), *self.net.buffers())
        state = [(id(tensor), tensor._version) for tensor in tensors]
        if self._lean is None or self._lean[0] != state:
            self._lean = state, self.net.lean()
        return self._lean[1]
