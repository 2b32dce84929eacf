"""One small network in every form in which a user may bring it, and clips that it gets right."""

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from video_attack.envs.clip import Clip, Frames, Sampling
from video_attack.envs.datasets.base import ClipDataset

FRAMES, SIZE, CLASSES = 8, 32, 5
# Three different numbers each: an order mixed up would show.
MEAN, STD = (0.43, 0.39, 0.36), (0.23, 0.21, 0.26)
# What the config must say of it.
KEYS = {"frames": FRAMES, "size": SIZE, "short_side": SIZE, "stride": 1}
SCALE = {"mean": list(MEAN), "std": list(STD)}


class TinyNet(nn.Module):
    """Logits (N, 5) of normalised RGB (N, 3, 8, 32, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(3, 8, 3, 2, 1), nn.Conv3d(8, 16, 3, 2, 1)
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(16 * 4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x).relu()).relu().mean(dim=2)
        x = nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)
        return self.last(self.drop(x))


@functools.cache
def net() -> TinyNet:
    """Random weights, shifted and scaled so that smooth clips fall into all classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        made = TinyNet().eval().requires_grad_(False)
    found = made(normalised(smooth_clips(64, seed=8)))
    made.last.weight.mul_(2 / found.std())
    made.last.bias.sub_(found.mean(dim=0)).mul_(2 / found.std())
    return made


def smooth_clips(count: int, seed: int) -> Frames:
    """Random colours, each 4 frames x 8 x 8 pixels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 2, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(8, axis=2).repeat(8, axis=3)


def normalised(clips: Frames) -> Tensor:
    """What `net` takes, written out by hand."""
    x = (clips.astype(np.float64) / 255 - MEAN) / STD
    return torch.from_numpy(x.transpose(0, 4, 1, 2, 3).astype(np.float32))


def logits(clips: Frames) -> Tensor:
    """A user's function: uint8 (N, T, H, W, 3) to logits (N, 5)."""
    return net()(normalised(clips))


def example(clips: int) -> Tensor:
    return torch.zeros(clips, 3, FRAMES, SIZE, SIZE)


def save_torchscript(path: Path, module: nn.Module | None = None) -> str:
    torch.jit.trace(module or net(), example(2)).save(str(path))
    return str(path)


def save_exported(path: Path, clips: int | None = None, module: nn.Module | None = None) -> str:
    """With any number of clips, or always with `clips`."""
    free = None if clips else ({0: torch.export.Dim("clips", max=64)},)
    program = torch.export.export(module or net(), (example(clips or 2),), dynamic_shapes=free)
    torch.export.save(program, str(path))
    return str(path)


def save_onnx(path: Path, clips: int | None = None, module: nn.Module | None = None) -> str:
    """With any number of clips, or always with `clips`."""
    free = None if clips else {"clips": {0: "n"}, "logits": {0: "n"}}
    torch.onnx.export(
        module or net(), (example(clips or 2),), str(path), dynamo=False,
        input_names=["clips"], output_names=["logits"], dynamic_axes=free,
    )  # fmt: skip
    return str(path)


class NetClips(ClipDataset):
    """Smooth random clips that the network gets right; the same in every split."""

    def __init__(self, split: str, sampling: Sampling, classes: tuple[str, ...]) -> None:
        assert (sampling.frames, sampling.size) == (FRAMES, SIZE)
        assert len(classes) == CLASSES
        self.classes = classes
        self._frames = smooth_clips(6, seed=3)
        self._labels = logits(self._frames).argmax(dim=1).tolist()

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Clip:
        return Clip(self._frames[index], self._labels[index], f"smooth-{index}")
