"""What training has learned of the victim: how sensitive it is by place, frame, size and texture."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from video_attack.agents.core.files import save_tensors
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import SPATIAL, TEMPORAL, Moves

# What a stroke's slope may depend on besides its place, and what of it the agents start from: how strong a
# stroke is, and what is done with it, is their own.
LEARNED = {
    "spatial": ("version", "scale", "orientation", "colour", "strength"),
    "temporal": ("flicker",),
}
USED = {"spatial": ("version", "scale", "orientation", "colour"), "temporal": ("flicker",)}
NAMES = {"spatial": SPATIAL, "temporal": TEMPORAL}


class Answer(NamedTuple):
    """One fresh stroke and its answer: both actions, the margin's drop in nats, the stroke's L2 norm."""

    spatial: NDArray[np.int64]
    temporal: NDArray[np.int64]
    drop: float
    norm: float


class SensitivityTables:
    """A map of cells, one of frames and a table for each choice, fitted to all answers of training.

    The slope of a stroke (drop of the margin over norm) has no preferred sign, so what a place is worth
    is its scale: |slope| is taken for exponentially distributed, with a mean whose logarithm is a sum
    of entries. A stroke that covers several cells or frames meets the mean of their squared
    sensitivities, since its energy is spread over them; so each answer says something of all that it
    covered, and is used again at every fit. The entries that make the answers most likely are found by
    gradient descent under a ridge (a normal prior around 0), which keeps what was seldom tried near 0;
    neighbouring cells are held close to each other.

    Args:
        moves: the game's.
        sharpness: the logits that the agents start from are this times the logarithm of the mean slope.
        ridge: weight of the prior, in answers.
    """

    def __init__(self, moves: Moves, sharpness: float, ridge: float = 3.0) -> None:
        self.parts = {"spatial": moves.spatial_parts, "temporal": moves.temporal_parts}
        self.grid, self.sharpness, self.ridge = moves.grid, sharpness, ridge
        self.extents = moves.extents
        self.footprints = {k: torch.from_numpy(v) for k, v in moves.footprints().items()}
        self.answers: list[Answer] = []
        self.tables: dict[str, Tensor] = {"level": torch.zeros(())}
        for agent in AGENTS:
            self.tables[f"{agent}.map"] = torch.zeros(self.footprints[agent].shape[1])
            self.tables[f"{agent}.extent"] = torch.zeros(self.extents[agent])
            for name in LEARNED[agent]:
                size = self.parts[agent][NAMES[agent].index(name)]
                self.tables[f"{agent}.{name}"] = torch.zeros(size)

    def fit(self, steps: int = 100) -> None:
        """Fit the tables to all answers so far, from where they are."""
        if not self.answers:
            return
        chosen = {
            agent: torch.from_numpy(np.stack([getattr(a, agent) for a in self.answers]))
            for agent in AGENTS
        }
        drops, norms = (
            torch.tensor([getattr(a, key) for a in self.answers], dtype=torch.float32)
            for key in ("drop", "norm")
        )
        slopes = drops.abs() / norms
        weights = norms / (norms + norms.median())  # faint strokes drown in the victim's rounding
        if not self.tables["level"]:
            self.tables["level"].fill_(float(slopes.mean().clamp_min(1e-9).log()))
        for table in self.tables.values():
            table.requires_grad_(True)
        optimizer = torch.optim.Adam(self.tables.values(), lr=0.03)
        for _ in range(steps):
            logs = self.tables["level"]
            for agent in AGENTS:
                logs = logs + self._places(agent)[chosen[agent][:, 0]]
                for name in LEARNED[agent]:
                    picks = chosen[agent][:, NAMES[agent].index(name)]
                    logs = logs + self.tables[f"{agent}.{name}"][picks]
            loss = (weights * (logs + slopes * (-logs).exp())).sum() + self._prior()
            optimizer.zero_grad()
            (loss / len(slopes)).backward()
            optimizer.step()
        for table in self.tables.values():
            table.requires_grad_(False)

    def logits(self, agent: str) -> Tensor:
        """What is added to an agent's logits, (sum(parts),)."""
        places = self._places(agent)
        found = [self.sharpness * (places - places.mean())]
        for name, count in zip(NAMES[agent][1:], self.parts[agent][1:], strict=True):
            table = torch.zeros(count)
            if name in USED[agent]:
                table = self.tables[f"{agent}.{name}"]
            found.append(self.sharpness * (table - table.mean()))
        return torch.cat(found)

    def _places(self, agent: str) -> Tensor:
        """Logarithm of what a stroke of each place meets, (places,)."""
        squares = self.footprints[agent] @ (2 * self.tables[f"{agent}.map"]).exp()
        extents = self.tables[f"{agent}.extent"].repeat(len(squares) // self.extents[agent])
        return squares.clamp_min(1e-12).log() / 2 + extents

    def _prior(self) -> Tensor:
        entries = [table for name, table in self.tables.items() if name != "level"]
        penalty = torch.stack([table.square().sum() for table in entries]).sum()
        cells = self.tables["spatial.map"].view(self.grid, self.grid)
        bends = cells.diff(dim=0).square().sum() + cells.diff(dim=1).square().sum()
        return self.ridge * (penalty + bends)

    def save(self, path: Path) -> None:
        """Write answers and tables to one file."""
        content: dict[str, Any] = {"tables": self.tables}
        for key in Answer._fields:
            content[key] = torch.from_numpy(np.array([getattr(a, key) for a in self.answers]))
        save_tensors(path, content)

    def load(self, path: Path) -> None:
        """Go on from a file of the same game."""
        content = torch.load(path, weights_only=True)
        self.tables = content["tables"]
        columns = [content[key].numpy() for key in Answer._fields]
        self.answers = [
            Answer(s, t, float(d), float(n)) for s, t, d, n in zip(*columns, strict=True)
        ]
