"""I3D, pretrained on Kinetics, as a victim; alone or under a linear head for other classes."""

from torch import nn

from envs.victims.i3d_net import I3DNet
from envs.victims.network import NetVictim


class I3D(NetVictim):
    """I3D (Carreira and Zisserman, CVPR 2017), with weights under the usual PyTorch port's names.

    A head sees Mixed_5c pooled as the network's own classifier does: at 16 x 112 x 112 the global
    average.
    """

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    last_layer = "logits.conv3d"

    def make_net(self, classes: int) -> nn.Module:
        """I3DNet, with a scale of weights that keeps the signal's through the depth."""
        net = I3DNet(classes)
        for module in net.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        return net
