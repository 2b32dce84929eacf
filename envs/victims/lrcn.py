"""A small long-term recurrent convolutional network as a victim: many queries for little time."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from video_attack.envs.clip import Frames
from video_attack.envs.victims.network import NetVictim
from video_attack.envs.victims.preprocess import as_tensor

SIZE = 64  # of the frames that leave one pixel after all pooling


class LRCN(NetVictim):
    """Long-term recurrent convolutional network (Donahue et al., CVPR 2015), the small variant.

    Four small convolutions see each frame and one LSTM their sequence, as in the models that Keras
    tutorials train on UCF-50; pixels are BGR on the [0, 1] scale. With 50 classes and frames of
    64 x 64 it has 74,706 parameters (Keras counts 128 fewer: its LSTM has one bias, not two).
    Weights go by c1 to c4, lstm and fc.

    Raises:
        ValueError: the frames are smaller than 64 x 64, which the pooling divides by 64.
    """

    mean = (0.0, 0.0, 0.0)
    std = (1.0, 1.0, 1.0)
    layout = "NTCHW"
    last_layer = "fc"
    outputs = 50
    convolves = False  # not in 3-D

    def __init__(
        self,
        *,
        frames: int = 20,
        size: int = SIZE,
        short_side: int | None = None,
        stride: int = 1,
        spread: str = "steps",
        **kwargs: Any,
    ) -> None:
        if size < SIZE:
            raise ValueError(f"size={size}: LRCN takes frames of at least {SIZE} pixels a side")
        super().__init__(
            frames=frames, size=size, short_side=short_side, stride=stride, spread=spread, **kwargs
        )

    def make_net(self, classes: int) -> nn.Module:
        """LRCNNet for frames of the sampling's size."""
        return LRCNNet(classes, self.sampling.size)

    def preprocess(self, clips: Frames | Tensor) -> Tensor:
        """BGR on the [0, 1] scale, float32 (N, T, 3, H, W), of RGB clips (N, T, H, W, 3)."""
        return super().preprocess(as_tensor(clips, self.device).flip(-1))


class LRCNNet(nn.Module):
    """Per frame four 3x3 convolutions with max-pooling; then an LSTM, whose last state is classified.

    Args:
        classes: number of outputs.
        size: side of the square frames in pixels, at least 64.
    """

    pools = (4, 4, 2, 2)

    def __init__(self, classes: int, size: int = SIZE) -> None:
        super().__init__()
        if size < 64:
            raise ValueError(f"model.size={size}: LRCN needs frames of at least 64 pixels a side")
        self.c1 = nn.Conv2d(3, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.c3 = nn.Conv2d(32, 64, 3, padding=1)
        self.c4 = nn.Conv2d(64, 64, 3, padding=1)
        self.lstm = nn.LSTM(64 * (size // SIZE) ** 2, 32, batch_first=True)
        self.fc = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of clips (N, T, 3, size, size)."""
        count, frames = x.shape[:2]
        x = x.flatten(0, 1)
        for conv, pool in zip((self.c1, self.c2, self.c3, self.c4), self.pools, strict=True):
            x = F.max_pool2d(F.relu(conv(x)), pool)
        states: Tensor = self.lstm(x.reshape(count, frames, -1))[0]
        return self.fc(states[:, -1])
