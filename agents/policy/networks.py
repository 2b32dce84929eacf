"""Networks of the two agents and their critics: plain PyTorch, no Ray."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from video_attack.envs.game.observation import PLANES, ROWS, STATUS, THUMBNAIL_CELL

Observation = Mapping[str, Tensor]


class SpatialTrunk(nn.Module):
    """Features (B, channels, G, G) of the spatial observation: thumbnail, planes and status.

    The planes themselves are among the features: a short path from what is seen in a place to
    whether it is chosen, which is learned in few updates.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.channels = hidden + len(PLANES)
        self.thumbnail = nn.Sequential(
            nn.Conv2d(4, hidden // 2, THUMBNAIL_CELL, THUMBNAIL_CELL), nn.ReLU()
        )
        inputs = hidden // 2 + len(PLANES) + len(STATUS) + 2
        self.body = nn.Sequential(
            nn.Conv2d(inputs, hidden, 3, padding=1), nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(),
        )  # fmt: skip

    def forward(self, obs: Observation) -> Tensor:
        """Observation batch (uint8 thumbnail as it is) to features."""
        planes, status = obs["planes"].float(), obs["status"].float()
        batch, _, grid, _ = planes.shape
        place = torch.linspace(-1, 1, grid, device=planes.device)
        rows = place.view(1, 1, grid, 1).expand(batch, 1, grid, grid)
        status_planes = status[:, :, None, None].expand(-1, -1, grid, grid)
        picture = self.thumbnail(obs["thumbnail"].float() / 255 - 0.5)
        seen = torch.cat([picture, planes, status_planes, rows, rows.transpose(2, 3)], 1)
        return torch.cat([self.body(seen), planes], 1)


class TemporalTrunk(nn.Module):
    """Features (B, channels, T) of the temporal observation: rows and status; see SpatialTrunk."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.channels = hidden + len(ROWS)
        inputs = len(ROWS) + len(STATUS) + 1
        self.body = nn.Sequential(
            nn.Conv1d(inputs, hidden, 5, padding=2), nn.ReLU(),
            nn.Conv1d(hidden, hidden, 5, padding=2), nn.ReLU(),
        )  # fmt: skip

    def forward(self, obs: Observation) -> Tensor:
        """Observation batch to features."""
        rows, status = obs["rows"].float(), obs["status"].float()
        batch, _, steps = rows.shape
        time = torch.linspace(-1, 1, steps, device=rows.device).view(1, 1, steps)
        status_rows = status[:, :, None].expand(-1, -1, steps)
        seen = torch.cat([rows, status_rows, time.expand(batch, -1, -1)], 1)
        return torch.cat([self.body(seen), rows], 1)


Trunk = SpatialTrunk | TemporalTrunk


class Actor(nn.Module):
    """A trunk with one group of logits per part of a MultiDiscrete action.

    Parts that choose a place (a patch, or a frame) are read off the features there, so that what
    is learned about one place serves all; the others are read off the pooled features.

    Args:
        trunk: SpatialTrunk or TemporalTrunk.
        parts: number of choices of each part.
        places: number of patches (spatial) or frames (temporal).
        places_at: which parts choose a place.
    """

    def __init__(
        self,
        trunk: Trunk,
        parts: Sequence[int],
        places: int,
        places_at: Sequence[int],
    ) -> None:
        super().__init__()
        self.trunk, self.parts, self.places_at = trunk, list(parts), list(places_at)
        if any(self.parts[i] != places for i in self.places_at):
            raise ValueError(f"parts {self.places_at} of {self.parts} must have {places} choices")
        self.choices = [n for i, n in enumerate(self.parts) if i not in self.places_at]
        self.place = nn.Linear(trunk.channels, len(self.places_at))
        self.pooled = nn.Sequential(
            nn.Linear(2 * trunk.channels, 64), nn.ReLU(), nn.Linear(64, sum(self.choices))
        )
        for head in (self.place, self.pooled[-1]):
            assert isinstance(head, nn.Linear)  # tells the type checker
            nn.init.orthogonal_(head.weight, 0.01)
            nn.init.zeros_(head.bias)

    def forward(self, obs: Observation) -> Tensor:
        """Logits (B, sum(parts)), the parts one after another."""
        features = self.trunk(obs).flatten(2)
        places = iter(self.place(features.transpose(1, 2)).unbind(-1))
        choices = iter(self.pooled(pool(features)).split(self.choices, dim=1))
        return torch.cat(
            [next(places if i in self.places_at else choices) for i in range(len(self.parts))], 1
        )


class Critic(nn.Module):
    """Value (B,) of one agent's own observation (independent critics, `algo=ippo`)."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.value = nn.Sequential(nn.Linear(2 * trunk.channels, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, obs: Observation) -> Tensor:
        """Values of a batch of observations."""
        return self.value(pool(self.trunk(obs).flatten(2))).squeeze(-1)


class CentralCritic(nn.Module):
    """Value (B,) of the joint state `obs["state"]` (`algo=mappo`, Yu et al. 2022)."""

    def __init__(self, frames: int, grid: int, hidden: int) -> None:
        super().__init__()
        self.shape = (4 * frames, grid, grid)
        self.body = nn.Sequential(
            nn.Conv2d(4 * frames + len(STATUS), hidden, 3, padding=1), nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.value = nn.Sequential(nn.Linear(2 * hidden, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, obs: Observation) -> Tensor:
        """Values of a batch of joint states."""
        state = obs["state"].float()
        volume = state[:, : -len(STATUS)].unflatten(1, self.shape)
        status = state[:, -len(STATUS) :, None, None].expand(-1, -1, *self.shape[1:])
        return self.value(pool(self.body(torch.cat([volume, status], 1)).flatten(2))).squeeze(-1)


def pool(features: Tensor) -> Tensor:
    """Mean and maximum over places: (B, C, P) to (B, 2C)."""
    return torch.cat([features.mean(-1), features.amax(-1)], 1)


def make_actor(agent: str, parts: Sequence[int], hidden: int) -> Actor:
    """The actor of an agent, from the parts of its MultiDiscrete action (see envs/game/moves.py)."""
    if agent == "spatial":
        actor = Actor(SpatialTrunk(hidden), parts, parts[0], (0, 4))
        last = actor.pooled[-1]
        assert isinstance(last, nn.Linear)  # tells the type checker
        with torch.no_grad():  # no undoing in 19 of 20 moves: by chance alone it spoils most
            last.bias[-parts[5]] = math.log(19 * max(parts[5] - 1, 1))
        return actor
    return Actor(TemporalTrunk(hidden), parts, parts[0], (0, 2))


def make_critic(agent: str, hidden: int) -> Critic:
    """The independent critic of an agent."""
    return Critic(SpatialTrunk(hidden) if agent == "spatial" else TemporalTrunk(hidden))
