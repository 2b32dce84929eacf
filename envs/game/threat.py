"""Threat model: what counts as a success, and how close a clip is to it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FEEDBACK = ("scores", "topk", "label")
# exp(-10): log margins are cut here, so that a saturated softmax still gives a finite scale.
_FLOOR = float(np.exp(-10.0))
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Goal:
    """Untargeted (`target` None: any other class) or targeted misclassification.

    Attributes:
        label: the true class.
        target: the class wanted instead, or None.
        beyond: how far past the boundary a success must be, in nats of `gap`; 0: a tie-free win.
    """

    label: int
    target: int | None = None
    beyond: float = 0.0

    def __post_init__(self) -> None:
        if self.target == self.label:
            raise ValueError(
                f"the target class {self.target} is the clip's own label: choose another"
            )
        if not 0 <= self.beyond < np.inf:
            raise ValueError(f"margin={self.beyond}: must be 0 or a number of nats above it")

    def reached(self, scores: NDArray[np.floating]) -> bool:
        """Whether scores (C,) mean success; the first of equal scores is the prediction."""
        predicted = int(np.argmax(scores))
        won = predicted != self.label if self.target is None else predicted == self.target
        return won and (self.beyond == 0 or -self.gap(scores) >= self.beyond)

    @property
    def plain(self) -> "Goal":
        """The same goal without a distance past the boundary: a changed answer is enough."""
        return replace(self, beyond=0.0)

    def margin(self, scores: NDArray[np.floating]) -> float:
        """Distance from success in [-1, 1]; negative means reached (or a tie).

        The log-probability margin of the class that must lose over the best class that may win,
        each log cut at -10, divided by 10. Logs, because a saturated softmax hides in
        probabilities what it shows in their logs (cf. the margin loss of Carlini and Wagner 2017,
        section V).

        Args:
            scores: probabilities (C,); a label-only answer is a one-hot vector, a top-k answer has
                zeros for the classes that were not shown.
        """
        return float(np.clip(self._gap(scores, _FLOOR) / 10.0, -1.0, 1.0))

    def gap(self, scores: NDArray[np.floating]) -> float:
        """The same log-probability margin, neither cut at -10 nor scaled, in nats.

        What a search wants that must see the first small drop of a very sure victim.
        """
        return self._gap(scores, _TINY)

    def _gap(self, scores: NDArray[np.floating], floor: float) -> float:
        wins = self.label if self.target is None else self.target
        best = np.delete(scores, wins).max()
        gap = np.log(max(float(scores[wins]), floor)) - np.log(max(float(best), floor))
        return float(gap if self.target is None else -gap)


def check_feedback(feedback: str, top_k: int) -> None:
    """Raise ValueError unless these say what a victim may let an attacker see."""
    if feedback not in FEEDBACK:
        raise ValueError(f"feedback={feedback!r}: choose one of {', '.join(FEEDBACK)}")
    if top_k < 1:
        raise ValueError(f"top_k={top_k}: must be at least 1")


def visible(scores: NDArray[np.float32], feedback: str, top_k: int) -> NDArray[np.float32]:
    """What the attacker sees of scores (N, C): all of them, the k best, or a one-hot label."""
    if feedback == "scores":
        return scores
    k = 1 if feedback == "label" else min(top_k, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    shown = np.zeros_like(scores)
    values = 1.0 if feedback == "label" else np.take_along_axis(scores, order, axis=1)
    np.put_along_axis(shown, order, values, axis=1)
    return shown
