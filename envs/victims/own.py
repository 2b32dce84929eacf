"""A user's own model as a victim: what is the same wherever it lives."""

import logging
from abc import abstractmethod
from typing import Any

import numpy as np

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.victims.base import Scores, Victim, VictimError
from video_attack.envs.victims.network import read_labels
from video_attack.envs.victims.preprocess import (
    OUTPUTS,
    as_rows,
    look_like_probabilities,
    probabilities,
)

log = logging.getLogger(__name__)
_DIFFERENT = 0.05  # of the largest score: two answers to one clip are not the same any more


class OwnVictim(Victim):
    """A model that brings no names, sizes or scales of its own; a subclass writes `ask`.

    Args:
        labels: text file with one class name a line in the order of the scores.
        classes: number of classes where there is no label file; they are called class_000, ...
        frames: T, frames of a clip; also `size`, `short_side`, `stride`, `spread`: see Sampling.
        size: side of the square frames, in pixels.
        short_side: shorter side before the crop, in pixels; None resizes without a crop.
        stride: distance between sampled frames.
        spread: centre, uniform or steps.
        outputs: what the model answers: "logits" or "probabilities".
        max_batch: the most clips that are asked about at once.

    Attributes:
        source: what errors call the model.

    Raises:
        VictimError: labels cannot be read or disagree with classes.
        ValueError: a value out of its range.
    """

    source: str

    def __init__(
        self,
        *,
        labels: str | None = None,
        classes: int | None = None,
        frames: int = 16,
        size: int = 112,
        short_side: int | None = 128,
        stride: int = 2,
        spread: str = "centre",
        outputs: str = "logits",
        max_batch: int = 32,
    ) -> None:
        if outputs not in OUTPUTS:
            raise ValueError(f"outputs={outputs!r}: choose one of {', '.join(OUTPUTS)}")
        if classes is not None and classes < 2:
            raise ValueError(f"classes={classes}: must be at least 2")
        if max_batch < 1:
            raise ValueError(f"max_batch={max_batch}: must be at least 1")
        names = read_labels(labels) if labels is not None else class_names(classes or 0)
        if classes is not None and len(names) != classes:
            raise VictimError(
                f"{labels} holds {len(names)} names, but model.classes={classes}: leave classes out"
            )
        self.classes, self.outputs, self.max_batch = names, outputs, max_batch
        self.sampling = Sampling(frames, size, short_side, stride, spread)

    @abstractmethod
    def ask(self, clips: Frames) -> Any:
        """The model's answer, (N, classes) in any form, to uint8 clips (N, T, H, W, 3)."""

    def predict(self, clips: Frames) -> Scores:
        """Checked probabilities, float32 (N, classes), of uint8 clips (N, T, H, W, 3)."""
        return probabilities(
            self.ask(clips), len(clips), len(self.classes), self.outputs, self.source
        )

    def try_out(self) -> None:
        """Ask about noise: fills `classes` in if nothing said how many there are.

        Raises:
            VictimError: what is answered does not fit, or to the same clip not twice the same.
        """
        shape = (2, self.sampling.frames, self.sampling.size, self.sampling.size, 3)
        clips = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)[: self.max_batch]
        alone = as_rows(self.ask(clips[:1]), self.source)
        if not self.classes and alone.ndim == 2:
            self.classes = class_names(alone.shape[1])
        probabilities(alone, 1, len(self.classes), self.outputs, self.source)
        both = as_rows(self.ask(clips), self.source)
        probabilities(both, len(clips), len(self.classes), self.outputs, self.source)
        if np.abs(both[0] - alone[0]).max() > _DIFFERENT * np.abs(alone).max():
            raise VictimError(
                f"{self.source} answers the same clip in two ways: export it in eval mode "
                "(net.eval() first), without dropout or batch statistics"
            )
        if self.outputs == "logits" and look_like_probabilities(both):
            log.warning(
                "%s seems to answer probabilities: set model.outputs=probabilities, or they go "
                "through a softmax once more", self.source,
            )  # fmt: skip


def one_line(error: BaseException, most: int = 200) -> str:
    """What an error says, on one line, cut to `most` characters; its name if it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."


def class_names(count: int) -> tuple[str, ...]:
    """Names for classes that have none: class_000, class_001, ..."""
    return tuple(f"class_{i:03d}" for i in range(count))
