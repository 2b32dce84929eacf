"""A user's own model as a victim: what is the same wherever it lives."""

import logging
import re
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.victims.base import Scores, Victim, VictimError
from video_attack.envs.victims.labels import read_labels
from video_attack.envs.victims.preprocess import (
    OUTPUTS,
    as_rows,
    look_like_percentages,
    look_like_probabilities,
    look_like_sigmoids,
    probabilities,
)

log = logging.getLogger(__name__)
_CAUSE = re.compile(r"[\w.]*(Error|Exception)\b")  # the last line of a traceback
_ENOUGH = 8  # scores, which do not lie between 0 and 1 by chance
_SAME = 1e-6  # of the largest score: answers to two clips that tell nothing of them
_DIFFERENT = 0.05  # of the largest score: two answers to one clip are not the same any more


class CustomVictim(Victim):
    """A model that brings no names, sizes or scales of its own; a subclass writes `ask`.

    Args:
        labels: file of the class names in the order of the scores, or "kinetics400": see read_labels.
        classes: number of classes where there is no label file; they are called class_000, ... A
            model that answers one number, as those of two classes may, has two.
        frames: T, frames of a clip; also `size`, `short_side`, `stride`, `spread`: see Sampling.
        size: side of the square frames, in pixels.
        short_side: shorter side before the crop, in pixels; None resizes without a crop.
        stride: distance between sampled frames.
        spread: centre, uniform or steps.
        outputs: what the model answers: "logits", "probabilities", or "sigmoids", a probability of
            each class by itself, whose shares of their sum are taken.
        max_batch: the most clips that are asked about at once.

    Attributes:
        source: what errors call the model.

    Raises:
        VictimError: labels cannot be read or disagree with classes.
        ValueError: a value out of its range.
    """

    source: str
    _asked = 0  # numbers that were looked at for doubts

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
        rows = as_rows(self.ask(clips), self.source)
        found = probabilities(rows, len(clips), len(self.classes), self.outputs, self.source)
        self._doubt(rows)
        return found

    def try_out(self) -> None:
        """Ask about noise and black: fills `classes` in if nothing said how many there are.

        Raises:
            VictimError: what is answered does not fit, or to the same clip not twice the same.
        """
        shape = (1, self.sampling.frames, self.sampling.size, self.sampling.size, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        clips = np.concatenate([noise, np.zeros_like(noise)])
        alone = as_rows(self.ask(noise), self.source)
        if not self.classes and alone.ndim == 2:
            self.classes = class_names(max(alone.shape[1], 2))
        probabilities(alone, 1, len(self.classes), self.outputs, self.source)
        pieces = [
            as_rows(self.ask(clips[i : i + self.max_batch]), self.source)
            for i in range(0, 2, self.max_batch)
        ]
        both = np.concatenate(pieces)
        probabilities(both, 2, len(self.classes), self.outputs, self.source)
        if np.abs(both[0] - alone[0]).max() > _DIFFERENT * np.abs(alone).max():
            raise VictimError(
                f"{self.source} answers the same clip in two ways: put it into eval mode (net.eval(), "
                "before it is exported or asked), without dropout or batch statistics"
            )
        if np.abs(both[0] - both[1]).max() <= _SAME * np.abs(both).max():
            log.warning(
                "%s answers the same to noise and to black: see that its trained weights are in it, "
                "and that model.mean and model.std are those of its training", self.source,
            )  # fmt: skip
        self._doubt(both)

    def _doubt(self, rows: NDArray[np.float64]) -> None:
        """Warn, once, of answers that are likely to be no logits; a few may lie there by chance."""
        if self.outputs != "logits" or self._asked >= _ENOUGH:
            return
        if not look_like_sigmoids(rows):
            self._asked = _ENOUGH
            if rows.shape[1] > 1 and look_like_percentages(rows):
                log.warning(
                    "%s seems to answer per cent: divide by 100 what it answers and set "
                    "model.outputs=probabilities, or they go through a softmax, which sharpens them",
                    self.source,
                )  # fmt: skip
            return
        self._asked += rows.size
        sum_to_one = rows.shape[1] > 1 and look_like_probabilities(rows)
        if self._asked < _ENOUGH and not sum_to_one:
            return
        self._asked = _ENOUGH
        if rows.shape[1] > 1 and not sum_to_one:
            log.warning(
                "%s seems to answer a probability of each class by itself: set "
                "model.outputs=sigmoids, or they go through a softmax, which levels them", self.source,
            )  # fmt: skip
        else:
            log.warning(
                "%s seems to answer probabilities: set model.outputs=probabilities, or they go "
                "through a softmax once more", self.source,
            )  # fmt: skip


def one_line(error: BaseException, limit: int = 200) -> str:
    """What an error says, on one line of at most `most` characters; its name if it says nothing.

    Of a message with tracebacks, as TorchScript and servers write them, only the cause is kept, which
    stands last; of one that is still too long, both ends.
    """
    lines = str(error).strip().splitlines()
    if any("Traceback" in line for line in lines):
        causes = [place for place, line in enumerate(lines) if _CAUSE.match(line)]
        lines = lines[causes[-1] :] if causes else lines
    text = " ".join(" ".join(lines).split()) or type(error).__name__
    if len(text) <= limit:
        return text
    head = (limit - 5) // 2
    return f"{text[:head]} ... {text[head + 5 - limit :]}"


def class_names(count: int) -> tuple[str, ...]:
    """Names for classes that have none: class_000, class_001, ..."""
    return tuple(f"class_{i:03d}" for i in range(count))
