"""The two agents of AstFocus: where in each frame, and which frames; learned by PPO on one clip."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELLS = 7  # feature maps finer than this are averaged down, so that the dense layer stays small


@dataclass(frozen=True)
class Ppo:
    """Constants of the agents' learning (Schulman et al. 2017, section 5).

    Attributes:
        hidden: width of the dense and recurrent layers.
        lr: of Adam.
        epochs: gradient steps on each iteration's trajectory.
        clip: the ratio of probabilities may count for 1 - clip to 1 + clip.
        gamma: discount from one frame to the next.
        value: weight of the critic's squared error.
        entropy: weight of the entropy.

    Raises:
        ValueError: a value out of its range.
    """

    hidden: int = 512
    lr: float = 0.003
    epochs: int = 10
    clip: float = 0.2
    gamma: float = 0.7
    value: float = 0.5
    entropy: float = 0.01

    def __post_init__(self) -> None:
        for name, low in {"hidden": 2, "epochs": 0, "lr": 0, "clip": 0, "value": 0}.items():
            if getattr(self, name) < low:
                raise ValueError(f"ppo.{name}={getattr(self, name)}: must be at least {low}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"ppo.gamma={self.gamma}: choose from 0 to 1")


class SpatialNet(nn.Module):
    """Where the window of each frame lies: 1x1 convolution to 32, dense layer, LSTM, choice.

    Args:
        channels: C of the feature maps.
        cells: values of a map, h * w.
        places: positions to choose from.
        hidden: width of the layers.
    """

    def __init__(self, channels: int, cells: int, places: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, 32, 1)
        self.dense = nn.Linear(32 * cells, hidden)
        self.lstm = Lstm(hidden, hidden)
        self.choice = nn.Linear(hidden, places)
        self.value = nn.Linear(hidden, 1)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (T, places) and values (T,) of feature maps (T, C, h, w)."""
        state = self.lstm(F.relu(self.dense(F.relu(self.squeeze(maps)).flatten(1))))
        return F.log_softmax(self.choice(state), dim=1), self.value(state).squeeze(1)


class TemporalNet(nn.Module):
    """Which frames are kept: positional code, attention over all frames, LSTM, Bernoulli choice.

    Args:
        channels: C of the feature vectors.
        hidden: width of the layers.
        scale: the probability of keeping a frame is min(scale * sigmoid, maximum).
        maximum: see scale.
    """

    def __init__(self, channels: int, hidden: int, scale: float, maximum: float) -> None:
        super().__init__()
        self.scale, self.maximum = scale, maximum
        self.embed = nn.Linear(channels, hidden)
        self.query = nn.Linear(hidden, 64)
        self.key = nn.Linear(hidden, 64)
        self.lstm = Lstm(hidden, hidden)
        self.choice = nn.Linear(hidden, 1)
        self.value = nn.Linear(hidden, 1)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (T, 2) of leaving and keeping, and values (T,), of features (T, C)."""
        frames = self.embed(pooled)
        frames = frames + positional_code(*frames.shape)
        weights = F.softmax(self.query(frames) @ self.key(frames).T / 8, dim=1)
        state = self.lstm(frames + weights @ frames)
        keep = (self.scale * self.choice(state).sigmoid()).clamp(1e-6, self.maximum)
        return torch.cat([1 - keep, keep], dim=1).log(), self.value(state).squeeze(1)


class Agent:
    """A network and what it learns; all of it starts anew on every clip.

    What it sees, features of the clean clip, is the same in all iterations; what changes is which
    choices were rewarded.

    Args:
        make_net: constructs the network; its parameters are set here, from `rng`.
        seen: what the network is given.
        constants: of PPO.
        rng: draws parameters and choices; PyTorch's global generator is left alone.
    """

    def __init__(
        self, make_net: Callable[[], nn.Module], seen: Tensor, constants: Ppo, rng: torch.Generator
    ) -> None:
        with torch.device("meta"):  # PyTorch's own initial values would use its global generator
            net = make_net()
        self.net = net.to_empty(device="cpu")
        for parameter in self.net.parameters():
            if parameter.ndim == 1:
                nn.init.zeros_(parameter)
            else:  # uniform with PyTorch's own range
                edge = 1 / math.sqrt(parameter[0].numel())
                nn.init.uniform_(parameter, -edge, edge, generator=rng)
        self.seen, self.constants, self.rng = seen, constants, rng
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=constants.lr, fused=True)

    @torch.no_grad()
    def policy(self) -> Tensor:
        """Log-probabilities (T, choices) as they stand."""
        log_probs: Tensor = self.net(self.seen)[0]
        return log_probs

    def draw(self, policy: Tensor) -> Tensor:
        """A choice for each frame, int64 (T,), from log-probabilities (T, choices)."""
        return torch.multinomial(policy.exp(), 1, generator=self.rng).squeeze(1)

    def learn(self, choices: Tensor, policy: Tensor, rewards: Tensor) -> None:
        """PPO on one trajectory.

        The advantage is the discounted return less the critic's value. It is not standardised over
        the frames: that would remove the common reward, which is the same in all of them.

        Args:
            choices: int64 (T,).
            policy: log-probabilities (T, choices) that they were drawn from.
            rewards: float32 (T,).
        """
        constants, taken = self.constants, choices[:, None]
        before = policy.gather(1, taken).squeeze(1)
        returns = discounted(rewards, constants.gamma)
        for _ in range(constants.epochs):
            log_probs, values = self.net(self.seen)
            ratio = (log_probs.gather(1, taken).squeeze(1) - before).exp()
            advantage = returns - values.detach()
            bounded = ratio.clamp(1 - constants.clip, 1 + constants.clip)
            gain = torch.minimum(ratio * advantage, bounded * advantage).mean()
            entropy = -(log_probs.exp() * log_probs).sum(1).mean()
            loss = constants.value * F.mse_loss(values, returns) - gain
            self.optimiser.zero_grad()
            (loss - constants.entropy * entropy).backward()
            self.optimiser.step()


def discounted(rewards: Tensor, gamma: float) -> Tensor:
    """Returns (T,): each frame's reward and, discounted by gamma a frame, those after it."""
    returns = rewards.clone()
    for t in reversed(range(len(returns) - 1)):
        returns[t] += gamma * returns[t + 1]
    return returns


def positional_code(length: int, width: int) -> Tensor:
    """Sines and cosines (length, width) of Vaswani et al. 2017, section 3.5."""
    columns = torch.arange(width)
    rate = torch.exp(-math.log(10_000.0) * (columns // 2 * 2) / width)
    angle = torch.arange(length)[:, None] * rate + (columns % 2) * math.pi / 2
    return angle.sin()


class Lstm(nn.Module):
    """One LSTM layer over a sequence (T, inputs) -> (T, hidden), starting from zeros."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.input = nn.Linear(inputs, 4 * hidden)
        self.recurrent = nn.Parameter(torch.empty(4 * hidden, hidden))

    def forward(self, sequence: Tensor) -> Tensor:
        """See the class."""
        states: Tensor = _Recurrence.apply(self.input(sequence), self.recurrent)
        return states


class _Recurrence(torch.autograd.Function):
    """The recurrent half of an LSTM, of gates (T, 4H) in the order input, forget, output, cell.

    PyTorch's LSTM on the CPU adds a gradient of 4H * H values to the weights for each frame; here
    it is one product for all frames, which halves the time of learning.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor) -> Tensor:
        T, H = len(inputs), weight.shape[1]
        gates = inputs.new_empty(T, 4, H)
        states, cells = inputs.new_zeros(2, T + 1, H)
        for t in range(T):
            summed = torch.addmv(inputs[t], weight, states[t]).view(4, H)
            gates[t, :3], gates[t, 3] = summed[:3].sigmoid(), summed[3].tanh()
            enter, forget, leave, new = gates[t]
            cells[t + 1] = forget * cells[t] + enter * new
            states[t + 1] = leave * cells[t + 1].tanh()
        ctx.save_for_backward(gates, states, cells, weight)
        return states[1:].clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        gates, states, cells, weight = ctx.saved_tensors
        enter, forget, leave, new = gates.unbind(1)
        squashed = cells[1:].tanh()
        opened = leave * (1 - squashed**2)  # of a state by its cell
        # Of a cell (of a state, for the output gate) by what enters each gate.
        factors = torch.stack([
            new * enter * (1 - enter),
            cells[:-1] * forget * (1 - forget),
            squashed * leave * (1 - leave),
            enter * (1 - new**2),
        ], dim=1)  # fmt: skip
        slopes = torch.empty_like(gates)
        d_state, d_cell = upstream.new_zeros(2, upstream.shape[1])
        for t in reversed(range(len(upstream))):
            d_state = d_state + upstream[t]
            d_cell = torch.addcmul(d_cell, d_state, opened[t])
            torch.mul(factors[t], torch.stack([d_cell, d_cell, d_state, d_cell]), out=slopes[t])
            d_cell = d_cell * forget[t]
            d_state = torch.mv(weight.T, slopes[t].flatten())
        flat = slopes.flatten(1)
        return flat, flat.T @ states[:-1]
