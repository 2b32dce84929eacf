"""A network small enough to train in a test, and clips of three colours that it can tell apart."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from video_attack.envs.clip import Clip, Sampling
from video_attack.envs.datasets.base import BadClipError, ClipDataset
from video_attack.envs.victims.network import NetVictim


class Net(nn.Module):
    """One convolution, its average over two halves of time, a linear layer, the mean of both."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm3d(8)
        self.out = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) to (N, classes)."""
        maps = self.norm(self.conv(x)).relu()
        halves = maps.unflatten(2, (-1, maps.shape[2] // 2 or 1)).mean(dim=(3, 4, 5))
        return (
            self.out(halves.transpose(1, 2).flatten(0, 1))
            .view(len(x), -1, len(self.out.bias))
            .mean(1)
        )


class ToyNet(NetVictim):
    """The network as a victim."""

    last_layer = "out"
    outputs = 5

    def make_net(self, classes: int) -> nn.Module:
        """A fresh Net."""
        return Net(classes)


class Colours(ClipDataset):
    """Noisy clips, a little redder, greener or bluer; one of the train split cannot be read."""

    own = ("red", "green", "blue")

    def __init__(
        self, split: str, sampling: Sampling, classes: Sequence[str] | None, clips: int = 24
    ) -> None:
        self.split, self.sampling, self.clips = split, sampling, clips
        self.classes = tuple(classes or self.own)

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, index: int) -> Clip:
        if self.split == "train" and index == 7:
            raise BadClipError("train-7.avi cannot be decoded")
        rng = np.random.default_rng([range(self.clips)[index], len(self.split)])
        side = self.sampling.size
        frames = rng.integers(60, 120, (self.sampling.frames, side, side, 3), np.uint8)
        frames[..., index % 3] += 25
        return Clip(frames, self.classes.index(self.own[index % 3]), f"{self.split}-{index}")
