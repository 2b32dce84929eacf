"""What training has learned of the victim: how sensitive it is by place, frame, size and texture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from video_attack.agents.core.files import save_tensors
from video_attack.agents.policy.worth import Worth
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import Moves

# Of what is fitted, what the agents start from. Up to the flip how strong a stroke is is their own: a slope
# says nothing of it. What is done with a stroke always is.
USED = {
    "before": ("version", "scale", "orientation", "colour", "flicker"),
    "after": ("version", "scale", "orientation", "colour", "flicker", "strength"),
}
MOST_GAIN = 0.2  # of one stroke, so that no lucky one speaks for all


class Answer(NamedTuple):
    """One fresh stroke and its answer.

    Attributes:
        spatial, temporal: both actions.
        drop: of the margin, in nats.
        norm: of the stroke, L2; 0 where the drop tells little of it.
        gain: once flipped, how far the logarithm of the norm at the boundary fell, 0 where the stroke was
            taken back; NaN before the flip.
    """

    spatial: NDArray[np.int64]
    temporal: NDArray[np.int64]
    drop: float
    norm: float
    gain: float


class SensitivityTables:
    """Two sets of tables (see Worth) fitted to all answers of training.

    before: the slope of a stroke (drop of the margin over norm), for the way to the flip. It has no
        preferred sign, so what a choice is worth is its scale: |slope| is taken for exponentially
        distributed.
    after: what a stroke gains once the clip is flipped. Other strokes serve there than before: those that
        are still cheap when the perturbation has what sufficed for the flip. Most gain nothing, so gains
        are fitted by their means (as counts are, by Poisson's likelihood). A gain is about the square of a
        slope, so half of the sharpness gives the same preference.

    Args:
        moves: the game's.
        sharpness: the logits that the agents start from are this times the logarithm of the mean slope,
            once there are many answers; half of it after `enough` of them.
        enough: what few answers say would be sharpened too soon.
        ridge: weight of the prior, in answers.
    """

    def __init__(
        self, moves: Moves, sharpness: float, enough: float = 1000, ridge: float = 3.0
    ) -> None:
        self.sharpness, self.enough = sharpness, enough
        self.answers: list[Answer] = []
        self.before, self.after = Worth(moves, ridge), Worth(moves, ridge)

    def fit(self, steps: int = 100) -> None:
        """Fit the tables to all answers so far, from where they are."""
        slopes = [answer for answer in self.answers if answer.norm]
        if slopes:
            drops, norms = _column(slopes, "drop"), _column(slopes, "norm")
            found = drops.abs() / norms
            weights = norms / (
                norms + norms.median()
            )  # faint strokes drown in the victim's rounding
            self.before.fit(
                _actions(slopes), float(found.mean()),
                lambda logs: (weights * (logs + found * (-logs).exp())).sum(), steps,
            )  # fmt: skip
        flipped = [answer for answer in self.answers if not np.isnan(answer.gain)]
        gains = _column(flipped, "gain").clamp(0, MOST_GAIN)
        if gains.any():
            shares = gains / gains.mean()
            self.after.fit(
                _actions(flipped), 1.0, lambda logs: (logs.exp() - shares * logs).sum(), steps
            )

    def logits(self, agent: str) -> Tensor:
        """What is added to an agent's logits before the flip and after it, (2, sum(parts))."""
        phases = ((self.before, USED["before"], 1.0), (self.after, USED["after"], 0.5))
        return torch.stack(
            [
                share * self.sharpness * worth.answers / (worth.answers + self.enough)
                * worth.logs(agent, used)
                for worth, used, share in phases
            ]
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write answers and tables to one file."""
        content: dict[str, Any] = {"before": self.before.tables, "after": self.after.tables}
        for key in Answer._fields:
            content[key] = torch.from_numpy(np.array([getattr(a, key) for a in self.answers]))
        save_tensors(path, content)

    def load(self, path: Path) -> None:
        """Go on from a file of the same game."""
        content = torch.load(path, weights_only=True)
        columns = [content[key].numpy() for key in Answer._fields]
        self.answers = [
            Answer(s, t, *(float(x) for x in rest)) for s, t, *rest in zip(*columns, strict=True)
        ]
        self.before.tables, self.after.tables = content["before"], content["after"]
        self.before.answers = sum(bool(a.norm) for a in self.answers)
        self.after.answers = sum(not np.isnan(a.gain) for a in self.answers)


def _column(answers: Sequence[Answer], key: str) -> Tensor:
    return torch.tensor([getattr(answer, key) for answer in answers], dtype=torch.float32)


def _actions(answers: Sequence[Answer]) -> dict[str, Tensor]:
    return {a: torch.from_numpy(np.stack([getattr(x, a) for x in answers])) for a in AGENTS}
