"""What training has learned of the victim: how sensitive it is by place, frame, size and texture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from video_attack.agents.core.files import save_tensors
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import SPATIAL, TEMPORAL

# What a stroke's slope may depend on; how strong it is, and what is done with it, is the agents' own.
LEARNED = {
    "spatial": ("patch", "size", "version", "scale", "orientation", "colour"),
    "temporal": ("frame", "window", "stride", "flicker"),
}
NAMES = {"spatial": SPATIAL, "temporal": TEMPORAL}


class Answer(NamedTuple):
    """One fresh stroke and its answer: both actions, the margin's drop in nats, the stroke's L2 norm."""

    spatial: NDArray[np.int64]
    temporal: NDArray[np.int64]
    drop: float
    norm: float


class SensitivityTables:
    """One table for each choice, fitted to all answers of training, each used again at every fit.

    The slope of a stroke (drop of the margin over norm) has no preferred sign, so what a place is worth
    is its scale: |slope| is taken for exponentially distributed, with a mean whose logarithm is a sum
    of one entry of each table. The entries that make the answers most likely are found by gradient
    descent under a ridge (a normal prior around 0), which keeps what was seldom tried near 0, and
    neighbouring patches are held close to each other.

    Args:
        parts: number of choices in each part of each agent's action.
        grid: patches per side.
        sharpness: the logits that the agents start from are this times the tables.
        ridge: weight of the prior, in answers.
    """

    def __init__(
        self, parts: Mapping[str, Sequence[int]], grid: int, sharpness: float, ridge: float = 3.0
    ) -> None:
        self.parts = {agent: list(parts[agent]) for agent in AGENTS}
        self.grid, self.sharpness, self.ridge = grid, sharpness, ridge
        self.answers: list[Answer] = []
        self.tables = {
            (agent, name): torch.zeros(self.parts[agent][NAMES[agent].index(name)])
            for agent in AGENTS
            for name in LEARNED[agent]
        }
        self.level = torch.zeros(())

    def fit(self, steps: int = 150) -> None:
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
        free = [self.level, *self.tables.values()]
        if not self.level:
            self.level.fill_(float(slopes.mean().clamp_min(1e-9).log()))
        for entry in free:
            entry.requires_grad_(True)
        optimizer = torch.optim.Adam(free, lr=0.03)
        for _ in range(steps):
            logs = self.level + sum(
                table[chosen[agent][:, NAMES[agent].index(name)]]
                for (agent, name), table in self.tables.items()
            )
            loss = (weights * (logs + slopes * (-logs).exp())).sum() + self._prior()
            optimizer.zero_grad()
            (loss / len(slopes)).backward()
            optimizer.step()
        for entry in free:
            entry.requires_grad_(False)

    def _prior(self) -> Tensor:
        penalty = torch.stack([table.square().sum() for table in self.tables.values()]).sum()
        patches = self.tables["spatial", "patch"].view(self.grid, self.grid)
        bends = patches.diff(dim=0).square().sum() + patches.diff(dim=1).square().sum()
        return self.ridge * (penalty + bends)

    def logits(self, agent: str) -> Tensor:
        """What is added to an agent's logits, (sum(parts),)."""
        found = []
        for name, count in zip(NAMES[agent], self.parts[agent], strict=True):
            table = self.tables.get((agent, name))
            found.append(torch.zeros(count) if table is None else table - table.mean())
        return self.sharpness * torch.cat(found)

    def save(self, path: Path) -> None:
        """Write answers and tables to one file."""
        content: dict[str, Any] = {"level": self.level}
        content |= {f"{agent}.{name}": table for (agent, name), table in self.tables.items()}
        for key in Answer._fields:
            content[key] = torch.from_numpy(np.array([getattr(a, key) for a in self.answers]))
        save_tensors(path, content)

    def load(self, path: Path) -> None:
        """Go on from a file of the same game."""
        content = torch.load(path, weights_only=True)
        self.level = content["level"]
        self.tables = {(agent, name): content[f"{agent}.{name}"] for agent, name in self.tables}
        columns = [content[key].numpy() for key in Answer._fields]
        self.answers = [
            Answer(s, t, float(d), float(n)) for s, t, d, n in zip(*columns, strict=True)
        ]
