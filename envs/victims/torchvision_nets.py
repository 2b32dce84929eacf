"""Video classifiers of torchvision as victims."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from video_attack.envs.victims.network import NetVictim
from video_attack.envs.victims.torchvision_import import import_video_models

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Family:
    """What the networks of one kind share; the names are those of NetVictim."""

    last_layer: str
    mean: Channels
    std: Channels
    convolves: bool
    sampling: dict[str, int] = field(default_factory=dict)  # where it is not NetVictim's own


# Normalisation as the transforms of torchvision's Kinetics-400 weights state it.
_KINETICS = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
_RESNET = Family("fc", *_KINETICS, convolves=True)
_S3D = Family("classifier.1", *_KINETICS, True, {"size": 224, "short_side": 256})
_MVIT = Family(
    "head.1", (0.45, 0.45, 0.45), (0.225, 0.225, 0.225), convolves=False,
    sampling={"size": 224, "short_side": 256, "stride": 4, "max_batch": 8},
)  # fmt: skip
_SWIN = Family(
    "head", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), convolves=False,
    sampling={"frames": 32, "size": 224, "short_side": 256, "max_batch": 8},
)  # fmt: skip

NETS = {
    "r3d_18": _RESNET,
    "mc3_18": _RESNET,
    "r2plus1d_18": _RESNET,
    "s3d": _S3D,
    "mvit_v1_b": _MVIT,
    "mvit_v2_s": _MVIT,
    "swin3d_t": _SWIN,
    "swin3d_s": _SWIN,
    "swin3d_b": _SWIN,
}


class TorchvisionNet(NetVictim):
    """A video classifier with torchvision's architecture and the key names of its weights.

    - r3d_18, mc3_18, r2plus1d_18 (Tran et al., CVPR 2018): clips of any size;
    - s3d (Xie et al., ECCV 2018): at least 13 frames of 194 x 194 pixels;
    - mvit_v1_b (Fan et al., ICCV 2021), mvit_v2_s (Li et al., CVPR 2022): 16 frames of 224 x 224
      pixels, no other;
    - swin3d_t, swin3d_s, swin3d_b (Liu et al., CVPR 2022): clips of any size.

    Args:
        net: one of the names above.
        **options: see NetVictim; frames, size and the like are by default those that the net's
            public weights were trained with.

    Raises:
        VictimError: torchvision is missing, or a file does not fit.
        ValueError: no such net, or it cannot take clips of this size.
    """

    def __init__(self, *, net: str, **options: Any) -> None:
        if net not in NETS:
            raise ValueError(f"net={net!r}: choose one of {', '.join(NETS)}")
        self.name = net
        family = NETS[net]
        self.last_layer, self.convolves = family.last_layer, family.convolves
        self.mean, self.std = family.mean, family.std
        super().__init__(**{**family.sampling, **options})

    def make_net(self, classes: int) -> nn.Module:
        """The network of torchvision with its own initialisation."""
        build = getattr(import_video_models(f"model.net={self.name}"), self.name)
        frames, size = self.sampling.frames, self.sampling.size
        with torch.device("meta"), torch.inference_mode():  # shapes alone, in a blink
            try:
                build(num_classes=classes).eval()(torch.empty(1, 3, frames, size, size))
            except RuntimeError as error:
                raise ValueError(
                    f"{self.name} cannot take {frames} frames of {size} x {size} pixels: "
                    "set frames and size as its configuration file does"
                ) from error
        net: nn.Module = build(num_classes=classes)
        return net
