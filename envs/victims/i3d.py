"""I3D, pretrained on Kinetics, as a victim; alone or under a linear head for other classes."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from envs.clip import Frames, Sampling
from envs.victims.base import Scores, Victim, VictimError
from envs.victims.device import choose_device
from envs.victims.i3d_net import FEATURES, KINETICS_CLASSES, I3DNet
from envs.victims.weights import load_into, load_state, unwrap

_LOGITS = "logits.conv3d.weight"
# PyTorch convolves a single float32 clip of up to so many numbers (C * T * H) without oneDNN, so
# slowly that two such clips take half the time of one.
_SLOW = 20480

log = logging.getLogger(__name__)


class I3D(Victim):
    """I3D with its own classifier, or with a linear head on its pooled features.

    Args:
        weights: checkpoint, a path or URL; None gives random weights, for trying things out.
        head: checkpoint {"weight": (K, 1024), "bias": (K,), "classes": K names} of a linear layer
            on the global average of Mixed_5c; it then replaces the network's own classifier.
        labels: text file with one class name a line in logit order; unused with a head. None
            calls the classes class_000, class_001, ...
        frames: T, frames of a clip; also `size`, `short_side` and `stride`: see Sampling.
        size: side of the square crop, in pixels.
        short_side: shorter side before the crop, in pixels.
        stride: distance between sampled frames.
        device: "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".
        precision: "float32", or "bf16" for autocast to bfloat16.
        max_batch: the most clips that go through the network at once.
        sha256: expected digest of the weights; None skips the check.
        seed: of the random weights.

    Raises:
        VictimError: a file is missing or does not fit; ValueError: no such precision.
    """

    def __init__(
        self,
        *,
        weights: str | None = None,
        head: str | None = None,
        labels: str | None = None,
        frames: int = 16,
        size: int = 112,
        short_side: int = 128,
        stride: int = 2,
        device: str = "auto",
        precision: Literal["float32", "bf16"] = "float32",
        max_batch: int = 32,
        sha256: str | None = None,
        seed: int = 0,
    ) -> None:
        if precision not in ("float32", "bf16"):
            raise ValueError(f"precision={precision!r}: choose float32 or bf16")
        self.sampling = Sampling(frames=frames, size=size, short_side=short_side, stride=stride)
        self.max_batch = max_batch
        self._bf16 = precision == "bf16"
        self._device = choose_device(device)
        names = _read_labels(labels) if labels is not None and head is None else None
        net = _random_net(names, seed) if weights is None else _read_net(weights, names, sha256)
        self._head: nn.Linear | None = None
        head_names: tuple[str, ...] | None = None
        if head is not None:
            self._head, head_names = _read_head(head)
            self._head = self._head.eval().requires_grad_(False).to(self._device)
        count = net.logits.conv3d.out_channels
        self.classes = head_names or names or tuple(f"class_{i:03d}" for i in range(count))
        net.eval().requires_grad_(False)
        self._net = net.to(self._device)
        # Clips come in this layout, and convolutions are up to twice as fast in it.
        self._net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # no stub

    @torch.inference_mode()
    def predict(self, clips: Frames) -> Scores:
        """Softmax probabilities, float32 (N, classes), of uint8 clips (N, T, H, W, 3)."""
        count, T, H = clips.shape[:3]
        if count == 1 and 3 * T * H <= _SLOW and self._device.type == "cpu" and not self._bf16:
            clips = np.repeat(clips, 2, axis=0)
        # torch.tensor copies: arrays that come through Ray are read-only.
        x = torch.tensor(np.ascontiguousarray(clips), device=self._device).permute(0, 4, 1, 2, 3)
        x = x.float().div_(127.5).sub_(1.0)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            if self._head is None:
                logits = self._net(x)
            else:
                features = self._net.features(x).float().mean(dim=(2, 3, 4))
                with torch.autocast(self._device.type, enabled=False):
                    logits = self._head(features)
        return logits[:count].float().softmax(dim=1).cpu().numpy()


def _random_net(names: tuple[str, ...] | None, seed: int) -> I3DNet:
    log.warning("I3D has random weights: give weights=... for a victim worth attacking")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = I3DNet(len(names) if names else KINETICS_CLASSES)
        for module in net.modules():
            if isinstance(module, nn.Conv3d):  # keeps the signal's scale through the depth
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return net


def _read_net(weights: str, names: tuple[str, ...] | None, sha256: str | None) -> I3DNet:
    state = unwrap(load_state(weights, sha256))
    logits = state.get(_LOGITS)
    count = len(logits) if isinstance(logits, Tensor) and logits.ndim else KINETICS_CLASSES
    if names is not None and len(names) != count:
        raise VictimError(
            f"labels hold {len(names)} names but {weights} has {count} classes: "
            "give the label file of these weights"
        )
    net = I3DNet(count)
    load_into(net, state, weights)
    return net


def _read_head(path: str) -> tuple[nn.Linear, tuple[str, ...]]:
    state = load_state(path)
    names = state.pop("classes", None)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise VictimError(f"{path} is no head: it needs weight, bias and a list of classes")
    head = nn.Linear(FEATURES, len(names))
    load_into(head, state, path)
    return head, tuple(names)


def _read_labels(path: str) -> tuple[str, ...]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VictimError(f"cannot read labels from {path}: give one class name a line") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names or len(set(names)) != len(names):
        raise VictimError(f"{path} must hold distinct class names, one a line")
    return names
