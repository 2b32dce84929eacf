"""Networks of the two agents and their critics: plain PyTorch, no Ray."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from video_attack.envs.game.moves import ACTS, RESCALES, SPATIAL
from video_attack.envs.game.observation import PLANES, ROWS, STATUS, THUMBNAIL_CELL

Observation = Mapping[str, Tensor]

# Shares of an untrained agent's choices.
ACTS_AT_FIRST = {"paint": 0.9, "opposite": 0.02, "weaken": 0.04, "undo": 0.04}
RESCALES_AT_FIRST = {"leave": 0.04, "boundary": 0.88, "3 %": 0.04, "10 %": 0.04}


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

    The first part chooses a place, a position (patch, or first frame) with an extent (size, or length and
    distance of a run). Positions are read off the features there, so that what is learned about one
    serves all; extents and the other parts are read off the pooled features, and off the status by a
    short path. To all of them a table is added, one before the flip and another after it: what training
    has learned of this victim's places and textures, see `video_attack.agents.policy.sensitivity`.

    Args:
        trunk: SpatialTrunk or TemporalTrunk.
        parts: number of choices of each part, that of places first.
        extents: number of extents; places are counted position by position.
    """

    table: Tensor

    def __init__(self, trunk: Trunk, parts: Sequence[int], extents: int) -> None:
        super().__init__()
        self.trunk, self.parts, self.extents = trunk, list(parts), extents
        self.position = nn.Linear(trunk.channels, 1)
        choices = extents + sum(self.parts[1:])
        self.pooled = nn.Sequential(
            nn.Linear(2 * trunk.channels, 64), nn.ReLU(), nn.Linear(64, choices)
        )
        self.short = nn.Linear(len(STATUS), choices, bias=False)
        for head in (self.position, self.pooled[-1]):
            assert isinstance(head, nn.Linear)  # tells the type checker
            nn.init.orthogonal_(head.weight, 0.01)
            nn.init.zeros_(head.bias)
        nn.init.zeros_(self.short.weight)
        self.register_buffer("table", torch.zeros(2, sum(self.parts)))

    def forward(self, obs: Observation) -> Tensor:
        """Logits (B, places + sum(parts[1:])), the parts one after another.

        Clips of another number of frames than in training have as many positions; the table is read
        anew from its start where they are more.
        """
        features = self.trunk(obs).flatten(2)
        positions = self.position(features.transpose(1, 2))
        pooled = self.pooled(pool(features)) + self.short(obs["status"].float())
        extents, choices = pooled.split([self.extents, pooled.shape[1] - self.extents], dim=1)
        flipped = obs["status"][:, STATUS.index("flipped")] > 0.5
        table = self.table[flipped.long()]
        known = table[:, : self.parts[0]].unflatten(1, (-1, self.extents))
        rows = torch.arange(positions.shape[1], device=positions.device) % known.shape[1]
        places = positions + extents[:, None] + known[:, rows]
        return torch.cat([places.flatten(1), choices + table[:, self.parts[0] :]], 1)

    def bias_of(self, part: int) -> slice:
        """Where the biases of a part after the first lie in the heads of the pooled features."""
        start = self.extents + sum(self.parts[1:part])
        return slice(start, start + self.parts[part])


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


def make_actor(agent: str, parts: Sequence[int], extents: int, hidden: int) -> Actor:
    """The actor of an agent, from the parts of its MultiDiscrete action (see `Moves`)."""
    if agent == "temporal":
        return Actor(TemporalTrunk(hidden), parts, extents)
    actor = Actor(SpatialTrunk(hidden), parts, extents)
    last = actor.pooled[-1]
    assert isinstance(last, nn.Linear)  # tells the type checker
    acts, rescales = (actor.bias_of(SPATIAL.index(name)) for name in ("act", "rescale"))
    with torch.no_grad():  # to begin with, mostly what plain random search does
        for where, names, liked in (
            (acts, ACTS, ACTS_AT_FIRST),
            (rescales, RESCALES, RESCALES_AT_FIRST),
        ):
            last.bias[where] = torch.tensor([math.log(liked[choice]) for choice in names])
        # A stroke that did not pay is turned more often than not.
        turn = acts.start + ACTS.index("opposite")
        actor.short.weight[turn, STATUS.index("may_turn")] = math.log(300)
    return actor


def make_critic(agent: str, hidden: int) -> Critic:
    """The independent critic of an agent."""
    return Critic(SpatialTrunk(hidden) if agent == "spatial" else TemporalTrunk(hidden))
