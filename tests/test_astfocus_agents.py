"""Protects the agents of AstFocus: they learn what is rewarded, and their parts compute what they say."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from video_attack.agents.attacks.gradient.astfocus_agents import (
    Agent,
    Lstm,
    Ppo,
    SpatialNet,
    TemporalNet,
    discounted,
    positional_code,
)

CONF = yaml.safe_load((Path(__file__).parents[1] / "conf/attack/astfocus.yaml").read_text())
PPO = {**CONF["ppo"], "hidden": 32}  # narrower than published: fast
FRAMES = 8


def test_the_lstm_is_an_lstm() -> None:
    """Values and gradients are PyTorch's own, whose gates come as input, forget, cell, output."""
    rng = torch.Generator().manual_seed(0)
    ours, theirs = Lstm(6, 5).double(), nn.LSTM(6, 5).double()
    with torch.no_grad():
        ours.recurrent.normal_(generator=rng)
        order = torch.cat([torch.arange(10), torch.arange(15, 20), torch.arange(10, 15)])
        theirs.weight_ih_l0.copy_(ours.input.weight[order])
        theirs.weight_hh_l0.copy_(ours.recurrent[order])
        theirs.bias_ih_l0.copy_(ours.input.bias[order])
        theirs.bias_hh_l0.zero_()
    x = torch.randn(7, 6, generator=rng, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    one, two = ours(x), theirs(y)[0]
    torch.testing.assert_close(one, two)
    weights = torch.randn(one.shape, generator=rng, dtype=torch.float64)
    (one * weights).sum().backward()
    (two * weights).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(ours.recurrent.grad[order], theirs.weight_hh_l0.grad)
    torch.testing.assert_close(ours.input.weight.grad[order], theirs.weight_ih_l0.grad)


def agent(kind: str, seed: int = 0) -> Agent:
    rng = torch.Generator().manual_seed(seed)
    constants = Ppo(**PPO)
    if kind == "spatial":
        seen = torch.rand(FRAMES, 10, 3, 3, generator=rng)
        return Agent(lambda: SpatialNet(10, 9, 49, 32), seen, constants, rng)
    return Agent(
        lambda: TemporalNet(10, 32, 1.1, 0.99),
        torch.rand(FRAMES, 10, generator=rng),
        constants,
        rng,
    )


@pytest.mark.parametrize(("kind", "choices"), [("spatial", 49), ("temporal", 2)])
def test_agents_learn_what_is_rewarded(kind: str, choices: int) -> None:
    """Every other window; keeping the frames of the second half and leaving those of the first."""
    learner, even = agent(kind), (torch.arange(choices) % 2 == 0).float()
    late = kind == "temporal"
    wanted = torch.stack([1 - even if late and t >= FRAMES // 2 else even for t in range(FRAMES)])
    before = learner.policy().exp()
    torch.testing.assert_close(before.sum(1), torch.ones(8))
    for _ in range(40):
        policy = learner.policy()
        drawn = learner.draw(policy)
        learner.learn(drawn, policy, wanted.gather(1, drawn[:, None]).squeeze(1))
    assert (learner.policy().exp() * wanted).sum(1).mean() > 0.8
    assert (before * wanted).sum(1).mean() < 0.6


def test_frames_are_never_kept_for_certain() -> None:
    learner = agent("temporal")
    nn.init.constant_(learner.net.choice.bias, 50.0)  # type: ignore[arg-type,union-attr] # a layer
    torch.testing.assert_close(learner.policy()[:, 1].exp(), torch.full((8,), 0.99))


def test_returns_are_discounted_over_the_frames_after() -> None:
    found = discounted(torch.tensor([1.0, 0.0, 2.0]), 0.7)
    torch.testing.assert_close(found, torch.tensor([1 + 0.49 * 2, 1.4, 2.0]))


def test_positions_are_told_apart() -> None:
    code = positional_code(16, 8)
    torch.testing.assert_close(code[:, 0], torch.arange(16.0).sin())
    torch.testing.assert_close(code[:, 1], torch.arange(16.0).cos())
    assert torch.pdist(code).min() > 0.1
