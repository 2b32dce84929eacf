"""Protects the white-box forward of victims: floats give the scores of the same uint8 clip, gradients
reach the pixels and are right, and clips on another scale are refused instead of misread."""

import numpy as np
import pytest
import torch
from torch import nn

from video_attack.envs.victims.lrcn import LRCN
from video_attack.envs.victims.network import NetVictim
from video_attack.envs.victims.tiny3d import Tiny3D


class Mean(NetVictim):
    """The mean of each channel, mixed."""

    last_layer = "1"
    outputs = 2

    def make_net(self, classes):
        return nn.Sequential(nn.AdaptiveAvgPool3d(1), Head(classes))

    def last(self, net):
        return net[1].linear


class Head(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.linear = nn.Linear(3, classes)

    def forward(self, x):
        return self.linear(x.flatten(1))


def victims():
    return [Tiny3D(), Mean(frames=4, size=32, short_side=32), LRCN(frames=4)]


@pytest.mark.parametrize("victim", victims(), ids=lambda victim: type(victim).__name__)
def test_floats_give_the_same_scores_and_right_gradients(victim):
    T, side = victim.sampling.frames, victim.sampling.size
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (2, T, side, side, 3), dtype=np.uint8)
    floats = torch.tensor(clips, dtype=torch.float32, requires_grad=True)
    kept = floats.detach().clone()
    logits = victim.logits(floats)
    assert torch.allclose(logits, victim.logits(clips), atol=1e-4)
    assert np.allclose(logits.detach().softmax(1).numpy(), victim.scores(clips), atol=1e-4)
    (gradient,) = torch.autograd.grad(logits[0, 0], floats)
    assert torch.equal(floats.detach(), kept), "the caller's clips are not changed"
    assert gradient[0].abs().max() > 0 and gradient[1].abs().max() == 0
    step = gradient / gradient.norm()
    with torch.no_grad():
        rise = victim.logits(kept + step)[0, 0] - victim.logits(kept - step)[0, 0]
    assert float(rise) / 2 == pytest.approx(float(gradient.norm()), rel=0.1)


@pytest.mark.parametrize("victim", victims(), ids=lambda victim: type(victim).__name__)
def test_floats_on_zero_to_one_are_refused_and_black_clips_are_not(victim):
    T, side = victim.sampling.frames, victim.sampling.size
    with pytest.raises(ValueError, match=r"0-255 scale, not on \[0, 1\]: multiply by 255"):
        victim.logits(torch.rand(1, T, side, side, 3))
    black = torch.zeros(1, T, side, side, 3)
    assert torch.allclose(victim.logits(black), victim.logits(black.numpy().astype(np.uint8)))
