"""Video transformers of the library transformers as victims.

Networks are built from the library's configuration classes, whose defaults are those of the public
checkpoints named in conf/model; nothing is fetched from a model hub but the file given as `weights`.
"""

from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import nn

from video_attack.envs.victims.extras import require
from video_attack.envs.victims.network import PublishedNet
from video_attack.envs.victims.torchvision_import import import_video_models


class TransformersNet(PublishedNet):
    """A video classifier of the library; key names are those of its own checkpoints.

    Position embeddings are made for `frames` and `size`. Where they are parameters, weights fit
    only the clips that they were trained on.

    Attributes:
        prefix: of the library's classes `<prefix>Config` and `<prefix>ForVideoClassification`.
        clip_keys: what the configuration calls the number of frames and their side.
    """

    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)
    layout = "NTCHW"
    last_layer = "classifier"
    convolves = False
    prefix: ClassVar[str]
    clip_keys: ClassVar[tuple[str, str]] = ("num_frames", "image_size")

    def make_net(self, classes: int) -> nn.Module:
        """The library's classifier, answering logits (N, classes) in place of its output record."""
        net = self._build(classes, self.sampling.frames, self.sampling.size)
        net.register_forward_hook(_logits)
        return net

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """Names of public checkpoints as the installed release of the library has them."""
        with torch.device("meta"):
            net = self._build(1, 16, 16)  # the names do not depend on the clip
        user = type(self).__name__
        mapping = require("transformers.conversion_mapping", "transformers", user)
        loading = require("transformers.core_model_loading", "transformers", user)
        changes = [
            change
            for change in mapping.get_model_conversion_mapping(net)
            if isinstance(change, loading.WeightRenaming)
        ]
        return {
            loading.rename_source_key(key, changes, [])[0]: value for key, value in state.items()
        }

    def _build(self, classes: int, frames: int, size: int) -> nn.Module:
        library = self._library()
        clip = dict(zip(self.clip_keys, (frames, size), strict=True))
        config = getattr(library, f"{self.prefix}Config")(num_labels=classes, **clip)
        net: nn.Module = getattr(library, f"{self.prefix}ForVideoClassification")(config)
        return net

    def _library(self) -> ModuleType:
        user = type(self).__name__
        if find_spec("torchvision") is not None:  # transformers imports it wherever it is installed
            import_video_models(user)
        return require("transformers", "transformers", user)


def _logits(_net: nn.Module, _args: object, output: Any) -> torch.Tensor:
    logits: torch.Tensor = output.logits
    return logits


class VideoMAE(TransformersNet):
    """VideoMAE, ViT-B/16 on pairs of frames (Tong et al., NeurIPS 2022), mean pooled."""

    prefix = "VideoMAE"
    defaults: ClassVar = {"frames": 16, "size": 224, "short_side": 224, "stride": 4, "max_batch": 8}


class TimeSformer(TransformersNet):
    """TimeSformer-B/16 with divided attention (Bertasius et al., ICML 2021)."""

    mean = (0.45, 0.45, 0.45)
    std = (0.225, 0.225, 0.225)
    prefix = "Timesformer"
    defaults: ClassVar = {"frames": 8, "size": 224, "short_side": 224, "stride": 32, "max_batch": 8}


class ViViT(TransformersNet):
    """ViViT-B/16x2, unfactorised (Arnab et al., ICCV 2021).

    Pixels are scaled to [-1, 1], as in its authors' training. The processor published beside the
    converted weights scales them twice, to [-3, 1].
    """

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    prefix = "Vivit"
    defaults: ClassVar = {"frames": 32, "size": 224, "short_side": 256, "stride": 2, "max_batch": 4}


class VJEPA2(TransformersNet):
    """V-JEPA 2, ViT-L/16 on pairs of frames under an attentive pooler (Assran et al., 2025).

    Its positions are rotations, not parameters: weights fit clips of any length and size. The
    predictor of its pretraining is among the parameters, but takes no part in classification.
    """

    outputs = 174  # Something-Something v2
    prefix = "VJEPA2"
    clip_keys = ("frames_per_clip", "crop_size")
    defaults: ClassVar = {"frames": 16, "size": 256, "short_side": 292, "stride": 4, "max_batch": 4}
