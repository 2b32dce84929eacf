"""Victim: the black-box classifier under test."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames, Sampling

Scores = NDArray[np.float32]


class VictimError(RuntimeError):
    """The victim answered something that is no set of scores."""


class Victim(ABC):
    """A video classifier seen from outside: uint8 clips in, class probabilities out.

    A subclass sets `classes` and `sampling` and writes `predict`; it owns its preprocessing and must
    answer the same clip in the same way each time (eval mode).

    Attributes:
        classes: class names in the order of the scores.
        sampling: the clips that it was made for.
        max_batch: the most clips that go through `predict` at once; larger calls are split.
        feedback: what it lets an attacker see: "scores" (all), "topk" (the `top_k` best, with zeros
            for the others) or "label" (the winner as a one-hot vector).
        top_k: classes shown when feedback is "topk".
        needs_trust: what makes a stranger's configuration of it dangerous, as the end of a sentence
            that begins with its name; None: nothing.
        changeable: keys that may differ when a run goes on, since they say how the victim is asked and
            not what it answers.
    """

    needs_trust: ClassVar[str | None] = None
    changeable: ClassVar[frozenset[str]] = frozenset()
    classes: tuple[str, ...]
    sampling: Sampling
    max_batch: int = 32
    feedback: str = "scores"
    top_k: int = 5

    @abstractmethod
    def predict(self, clips: Frames) -> Scores:
        """Class probabilities, float32 (N, classes), of uint8 clips (N, T, H, W, 3)."""

    def exact(self) -> "Victim | None":
        """This victim in float32, where it answers in less and can do so; else None.

        What it is asked beside the attack's account says whether a success is more than rounding.
        """
        return None

    def scores(self, clips: Frames) -> Scores:
        """Checked `predict`, split into batches.

        Args:
            clips: uint8 (N, T, H, W, 3), N >= 1.

        Returns:
            float32 (N, classes), each row a probability distribution.

        Raises:
            ValueError: the clips have another dtype or shape.
            VictimError: the answer has another shape, or holds NaN or infinity; or there is one
                class only, so that every answer would be right.
        """
        if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
            raise ValueError(
                f"clips must be uint8 (N, T, H, W, 3), not {clips.dtype} {clips.shape}"
            )
        if len(self.classes) < 2:
            raise VictimError(
                f"{type(self).__name__} has {len(self.classes)} classes: a classifier tells at least "
                "two apart, so give it the names of both (model.labels)"
            )
        parts = [
            np.asarray(self.predict(clips[i : i + self.max_batch]), np.float32)
            for i in range(0, len(clips), self.max_batch)
        ]
        scores = np.concatenate(parts)
        if scores.shape != (len(clips), len(self.classes)):
            raise VictimError(
                f"{type(self).__name__} answered scores of shape {scores.shape} to {len(clips)} clips; "
                f"expected ({len(clips)}, {len(self.classes)}): check its number of classes"
            )
        if not np.isfinite(scores).all():
            raise VictimError(
                f"{type(self).__name__} answered NaN or infinity: check its weights and precision"
            )
        return scores
