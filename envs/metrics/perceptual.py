"""LPIPS: how different two clips look to a network; optional, with weights from local files."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from video_attack.envs.clip import Frames
from video_attack.envs.metrics.norms import check_pair
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.state_dicts import find_tensors
from video_attack.envs.victims.weights import load_into, load_state

CHANNELS = (64, 192, 384, 256, 256)  # of AlexNet's five convolutions
# Where packages keep the calibration that the authors of LPIPS published (version 0.1, AlexNet).
PACKAGED = {
    "lpips": "weights/v0.1/alex.pth",
    "torchmetrics": "functional/image/lpips_models/alex.pth",
}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, on the [0, 1] scale
_LEAST = 31  # pixels a side; smaller pictures leave nothing after the poolings
_TINY = 1e-10


class Lpips:
    """Learned perceptual image patch similarity, version 0.1 on AlexNet, mean over frames.

    With y_l(p), the output of layer l's ReLU at place p scaled to length 1 over its channels, and
    calibrated weights w_l >= 0,

        d(a, b) = sum over 5 layers of  mean over p of  sum over channels of  w_l (y_l(a) - y_l(b))^2.

    Frames go in at their own size, normalised as for ImageNet. Source: Zhang et al., "The
    unreasonable effectiveness of deep features as a perceptual metric" (CVPR 2018).

    Args:
        backbone: torchvision's ImageNet checkpoint of AlexNet (alexnet-owt-7be5be79.pth), a path or
            URL; only its convolutions are used.
        linear: the calibration, `lin0.model.1.weight` to `lin4.model.1.weight`, a path or URL; None
            takes the one in the installed package lpips or torchmetrics, of which nothing is run.

    Raises:
        VictimError: a file is missing or does not fit, or no package holds the calibration.
    """

    def __init__(self, backbone: str | Path, linear: str | Path | None = None) -> None:
        self.net = alexnet_features().eval().requires_grad_(False)
        load_into(self.net, load_state(backbone), str(backbone))
        source = packaged_linear() if linear is None else linear
        names = [f"lin{i}.model.1.weight" for i in range(len(CHANNELS))]
        weights = find_tensors(load_state(source), lambda found: (found, names), str(source))
        try:
            rows = [weights[name] for name in names]
            self.linear = [row.float().reshape(c) for row, c in zip(rows, CHANNELS, strict=True)]
        except (KeyError, RuntimeError) as error:
            raise VictimError(
                f"{source} is no calibration of LPIPS for AlexNet ({error}): give alex.pth of version 0.1"
            ) from error

    def __call__(self, original: Frames, adversarial: Frames, changed_only: bool = False) -> float:
        """Mean distance over frames, 0 (equal) to somewhat above 1.

        Args:
            original: uint8 (T, H, W, 3).
            adversarial: uint8, the same shape.
            changed_only: leave untouched frames, which are at distance 0, out of the mean.

        Returns:
            The distance; nan when a side is below 31 pixels.

        Raises:
            ValueError: the clips are no uint8 clips of one shape.
        """
        check_pair(original, adversarial)
        if min(original.shape[1:3]) < _LEAST:
            return float("nan")
        changed = [t for t in range(len(original)) if (original[t] != adversarial[t]).any()]
        if not changed:
            return 0.0  # an unchanged frame is at distance 0; attacks leave many unchanged
        with torch.no_grad():
            total = self._distances(original[changed], adversarial[changed]).sum()
        return float(total) / len(changed if changed_only else original)

    def _distances(self, a: Frames, b: Frames) -> Tensor:
        """Distance of each pair of frames, (T,)."""
        x, y = normalised(a), normalised(b)
        total = torch.zeros(len(a))
        layer = 0
        for module in self.net:
            x, y = module(x), module(y)
            if isinstance(module, nn.ReLU):
                gaps = (unit(x) - unit(y)).square().mean(dim=(2, 3))
                total += gaps @ self.linear[layer]
                layer += 1
        return total


def alexnet_features() -> nn.Sequential:
    """The convolutions of AlexNet (Krizhevsky, 2014), numbered as in torchvision's checkpoint."""
    c1, c2, c3, c4, c5 = CHANNELS
    return nn.Sequential(
        nn.Conv2d(3, c1, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c1, c2, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(),
        nn.Conv2d(c3, c4, 3, padding=1), nn.ReLU(),
        nn.Conv2d(c4, c5, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def packaged_linear() -> Path:
    """The calibration in an installed package.

    Raises:
        VictimError: there is none.
    """
    for package, inside in PACKAGED.items():
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (file := Path(folder) / inside).is_file():
                return file
    raise VictimError(
        "LPIPS needs its calibration: pip install --no-deps lpips, or give the path of its alex.pth"
    )


def normalised(frames: Frames) -> Tensor:
    """Uint8 (T, H, W, 3) as AlexNet takes it: float32 (T, 3, H, W), ImageNet's mean and deviation."""
    x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (_MEAN, _STD))
    return (x - mean) / std


def unit(features: Tensor) -> Tensor:
    """Features (T, C, h, w) scaled to length 1 over C."""
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + _TINY)
