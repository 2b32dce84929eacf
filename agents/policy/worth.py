"""What a stroke is worth on the mean, by place, frame, size and texture, as a sum of tables of logarithms."""

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import SPATIAL, TEMPORAL, Moves

# What a stroke's worth may depend on besides its place.
CHOICES = {
    "spatial": ("version", "scale", "orientation", "colour", "strength"),
    "temporal": ("flicker",),
}
NAMES = {"spatial": SPATIAL, "temporal": TEMPORAL}


class Worth:
    """A map of cells, one of frames and a table for each choice; a mean is the product of what they say.

    A stroke that covers several cells or frames meets the mean of their squared entries, since its energy
    is spread over them; so each answer says something of all that it covered, and is used again at every
    fit. The entries that make the answers most likely are found by gradient descent under a ridge (a
    normal prior around 0), which keeps what was seldom tried near 0; neighbouring cells are held close to
    each other.

    Args:
        moves: the game's.
        ridge: weight of the prior, in answers.

    Attributes:
        tables: by name; "level" is the logarithm of the mean of all.
        answers: how many the last fit was made of.
    """

    def __init__(self, moves: Moves, ridge: float = 3.0) -> None:
        self.parts = {"spatial": moves.spatial_parts, "temporal": moves.temporal_parts}
        self.grid, self.ridge, self.extents, self.answers = moves.grid, ridge, moves.extents, 0
        self.footprints = {k: torch.from_numpy(v) for k, v in moves.footprints().items()}
        self.tables: dict[str, Tensor] = {"level": torch.zeros(())}
        for agent in AGENTS:
            self.tables[f"{agent}.map"] = torch.zeros(self.footprints[agent].shape[1])
            self.tables[f"{agent}.extent"] = torch.zeros(self.extents[agent])
            for name in CHOICES[agent]:
                size = self.parts[agent][NAMES[agent].index(name)]
                self.tables[f"{agent}.{name}"] = torch.zeros(size)

    def fit(
        self,
        actions: Mapping[str, Tensor],
        mean: float,
        loss: Callable[[Tensor], Tensor],
        steps: int,
    ) -> None:
        """Fit the tables to answers, from where they are.

        Args:
            actions: of each agent, int64 (N, parts).
            mean: about what the answers say on the mean; where the level begins.
            loss: of the logarithms of the means that the tables say, (N,); minus the log-likelihood.
            steps: of Adam.
        """
        if not self.answers:
            self.tables["level"].fill_(max(mean, 1e-9)).log_()
        self.answers = len(actions["spatial"])
        for table in self.tables.values():
            table.requires_grad_(True)
        optimizer = torch.optim.Adam(self.tables.values(), lr=0.03)
        for _ in range(steps):
            logs = self.tables["level"]
            for agent in AGENTS:
                logs = logs + self._places(agent)[actions[agent][:, 0]]
                for name in CHOICES[agent]:
                    picks = actions[agent][:, NAMES[agent].index(name)]
                    logs = logs + self.tables[f"{agent}.{name}"][picks]
            optimizer.zero_grad()
            ((loss(logs) + self._prior()) / self.answers).backward()
            optimizer.step()
        for table in self.tables.values():
            table.requires_grad_(False)

    def logs(self, agent: str, used: Collection[str]) -> Tensor:
        """The logarithm of what each choice is worth next to the others of its part, (sum(parts),)."""
        places = self._places(agent)
        found = [places - places.mean()]
        for name, count in zip(NAMES[agent][1:], self.parts[agent][1:], strict=True):
            table = self.tables[f"{agent}.{name}"] if name in used else torch.zeros(count)
            found.append(table - table.mean())
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
