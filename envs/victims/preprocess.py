"""From uint8 clips to what a user's own network takes, and from its answer to probabilities."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores, VictimError

# Where the axes of (N, T, H, W, C) go.
LAYOUTS = {"NCTHW": (0, 4, 1, 2, 3), "NTCHW": (0, 1, 4, 2, 3), "NTHWC": (0, 1, 2, 3, 4)}
CHANNELS = ("rgb", "bgr")
OUTPUTS = ("logits", "probabilities", "sigmoids")
TOLERANCE = 1e-3  # how far a sum of probabilities may be from 1
LEAST = 1e-9  # added to sigmoids, since all of them may be 0


def as_tensor(clips: Frames | Tensor, device: torch.device | str) -> Tensor:
    """Clips (N, T, H, W, 3) on the 0-255 scale as a tensor on a device.

    Args:
        clips: uint8, of which the tensor is a copy; or floats, through which gradients pass.
        device: of the tensor.

    Raises:
        ValueError: floats on [0, 1], which a network would take for black clips.
    """
    if isinstance(clips, np.ndarray):
        # torch.tensor copies: arrays that come through Ray are read-only. It refuses negative
        # strides, as those of a mirrored or reversed clip.
        clips = torch.tensor(np.ascontiguousarray(clips), device=device)
    clips = clips.to(device)
    if clips.is_floating_point() and 0 < float(clips.detach().max()) <= 1:
        raise ValueError(
            "clips of floats must be on the 0-255 scale, not on [0, 1]: multiply by 255"
        )
    return clips


class Preprocess:
    """Normalises clips and orders their axes.

    Args:
        layout: order of the axes that the network takes: NCTHW, NTCHW or NTHWC.
        mean: of each RGB channel on the [0, 1] scale, taken off; None passes the bytes as they are.
        std: of each RGB channel on the [0, 1] scale, divided by; unused when mean is None.
        channels: rgb, or bgr for a network trained on pictures in OpenCV's order. Mean and std are
            given in RGB order all the same.

    Raises:
        ValueError: a value out of its range; the message names its key.
    """

    def __init__(
        self,
        layout: str = "NCTHW",
        mean: Sequence[float] | None = (0.45, 0.45, 0.45),
        std: Sequence[float] | None = (0.225, 0.225, 0.225),
        channels: str = "rgb",
    ) -> None:
        if layout not in LAYOUTS:
            raise ValueError(f"layout={layout!r}: choose one of {', '.join(LAYOUTS)}")
        if channels not in CHANNELS:
            raise ValueError(f"channels={channels!r}: choose one of {', '.join(CHANNELS)}")
        self.axes, self.bgr = LAYOUTS[layout], channels == "bgr"
        self._scale: Tensor | None = None
        if mean is None:
            return
        for name, values in (("mean", mean), ("std", std)):
            if values is None or len(values) != 3 or not all(map(math.isfinite, values)):
                raise ValueError(f"{name}={values}: give three numbers, for R, G and B on [0, 1]")
        assert std is not None  # checked just above
        if min(std) <= 0:
            raise ValueError(f"std={list(std)}: must be above 0")
        self._scale = torch.tensor([list(mean), list(std)]) * 255

    def with_layout(self, layout: str) -> "Preprocess":
        """The same with another order of the axes."""
        other = copy.copy(self)
        other.axes = LAYOUTS[layout]
        return other

    @property
    def raw(self) -> bool:
        """Whether bytes pass as they are."""
        return self._scale is None

    def __call__(self, clips: Frames, device: torch.device | str = "cpu") -> Tensor:
        """Float32, or uint8 when raw, in the layout, of uint8 clips (N, T, H, W, 3)."""
        x = as_tensor(clips, device)
        if self._scale is not None:
            mean, std = self._scale.to(device)
            x = x.float().sub_(mean).div_(std)
        if self.bgr:
            x = x.flip(-1)
        return x.permute(self.axes).contiguous()


def run_in_pieces(
    run: Callable[[Tensor], Any], x: Tensor, low: int = 1, high: int | None = None
) -> Any:
    """The answer of `run` to rows (N, ...), asked for pieces of `low` to `high` rows.

    A piece that is too short is filled up by repeating its last row; what is answered to these is
    dropped. One that needs no filling goes through as it is.

    Returns:
        A tensor (N, ...), or whatever else `run` answered to the first piece.
    """
    parts: list[Tensor] = []
    for piece in x.split(high or len(x)):
        missing = low - len(piece)
        if missing > 0:
            piece = torch.cat([piece, piece[-1:].expand(missing, *piece.shape[1:])])
        part = run(piece)
        if not isinstance(part, Tensor) or part.ndim == 0 or len(part) != len(piece):
            return part
        parts.append(part[:-missing] if missing > 0 else part)
    return torch.cat(parts)


def as_rows(answer: Any, source: str) -> NDArray[np.float64]:
    """An answer (a tensor on any device, an array, nested lists) as float64.

    Raises:
        VictimError: it is nothing of that kind.
    """
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu()
        answer = answer.numpy() if answer.is_complex() else answer.to(torch.float64).numpy()
    try:
        if isinstance(answer, dict | str | bytes) or answer is None or np.iscomplexobj(answer):
            raise TypeError
        return np.asarray(answer, np.float64)
    except (TypeError, ValueError, OverflowError) as error:  # the last: an integer beyond floats
        raise VictimError(
            f"{source} answered a {type(answer).__name__} that is no table of numbers: it must "
            "answer one tensor of scores, (N, classes)"
        ) from error


def probabilities(answer: Any, clips: int, classes: int, outputs: str, source: str) -> Scores:
    """A model's answer as probabilities, float32 (clips, classes).

    Where there are two classes, one column will do: it is that of the second class.

    Args:
        answer: see `as_rows`.
        clips: number of clips that were asked about.
        classes: number of classes that were configured.
        outputs: "logits" (softmax is applied), "probabilities" (checked) or "sigmoids" (of each class
            by itself; checked, and divided by their sum).
        source: what errors call the model.

    Raises:
        VictimError: another shape, NaN or infinity, or rows that are no probabilities.
    """
    rows = as_rows(answer, source)
    single = classes == 2 and rows.shape == (clips, 1)
    if single:
        first = np.zeros_like(rows) if outputs == "logits" else 1 - rows
        rows = np.concatenate([first, rows], axis=1)
    if rows.ndim == 2 and len(rows) == clips and rows.shape[1] != classes:
        told = rows.shape[1]
        raise VictimError(
            f"{source} answers {told if told > 1 else 'one number, which tells two'} classes"
            f"{' apart' if told == 1 else ''}, but {classes} are configured: correct model.labels or "
            "model.classes"
        )
    if rows.shape != (clips, classes):
        raise VictimError(
            f"{source} answered shape {rows.shape} to {clips} clips; it must answer "
            f"({clips}, {classes or 'classes'}), one row a clip"
        )
    if not np.isfinite(rows).all():
        raise VictimError(f"{source} answered NaN or infinity: check its weights and precision")
    if outputs == "logits":
        odds = np.exp(rows - rows.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    alone = look_like_sigmoids(rows)
    if not alone or (outputs == "probabilities" and not look_like_probabilities(rows)):
        with np.errstate(over="ignore"):
            total = rows[0].sum()
        if outputs == "probabilities" and look_like_percentages(rows):
            raise VictimError(f"{source} answers per cent: divide by 100 what it answers")
        raise VictimError(
            f"{source} answers no {outputs} (they reach from {rows.min():.3g} to {rows.max():.3g}, a "
            f"row sums to {total:.3g}): set model.outputs={'sigmoids' if alone else 'logits'}"
        )
    if outputs == "sigmoids" and not single:
        rows = rows + LEAST
        rows /= rows.sum(axis=1, keepdims=True)
    return rows.astype(np.float32)


def look_like_probabilities(rows: NDArray[np.float64]) -> bool:
    """Whether each number is one of [0, 1] and each row sums to 1, within 0.001; none is negative."""
    if not look_like_sigmoids(rows):
        return False
    return bool(rows.min() >= 0 and np.abs(rows.sum(axis=1) - 1).max() <= TOLERANCE)


def look_like_percentages(rows: NDArray[np.float64]) -> bool:
    """Whether no number is negative and each row sums to 100, within 0.1."""
    with np.errstate(over="ignore"):
        away = np.abs(rows.sum(axis=1) - 100).max()
    return bool(rows.min() >= 0 and away <= 100 * TOLERANCE)


def look_like_sigmoids(rows: NDArray[np.float64]) -> bool:
    """Whether each number is one of [0, 1], within 0.001."""
    return bool(rows.min() >= -TOLERANCE and rows.max() <= 1 + TOLERANCE)
