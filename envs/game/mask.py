"""Geometry of the cells of a clip, and norms from what each pixel adds to them."""

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames


def cell_edges(length: int, grid: int) -> NDArray[np.int64]:
    """Pixel borders (grid + 1,) of `grid` near-equal cells along a side of `length` pixels."""
    if grid > length:
        raise ValueError(
            f"grid={grid} is finer than the clip's {length} pixels: choose a smaller grid"
        )
    return np.linspace(0, length, grid + 1).round().astype(np.int64)


def pixel_costs(original: Frames, other: Frames, norm: str) -> NDArray[np.float32]:
    """What each pixel (T, H, W) adds to a norm: squares (l2), sums (l1), maxima (linf), 0/1 (l0)."""
    delta = (other.astype(np.float32) - original) / np.float32(255.0)
    if norm == "l2":
        return np.einsum("thwc,thwc->thw", delta, delta)
    size = np.abs(delta)
    return (
        size.sum(-1)
        if norm == "l1"
        else size.max(-1)
        if norm == "linf"
        else (size.max(-1) > 0) * np.float32(1)
    )


def total_norm(costs: NDArray[np.floating], norm: str, shape: tuple[int, ...]) -> float:
    """A norm from costs of parts of a clip of `shape` (T, H, W, 3), on the [0, 1] scale.

    l2: sqrt of the sum of squares; linf: largest change; l1: mean absolute change of a value;
    l0: share of changed pixels.
    """
    if norm == "l2":
        return float(np.sqrt(costs.sum()))
    if norm == "linf":
        return float(costs.max())
    return float(costs.sum() / np.prod(shape[:3]) / (3 if norm == "l1" else 1))


def perturbation_norm(original: Frames, other: Frames, norm: str = "l2") -> float:
    """Norm of the change between two uint8 clips (T, H, W, 3); see `total_norm` for the scales."""
    return total_norm(pixel_costs(original, other, norm).astype(np.float64), norm, original.shape)


def reference_norm(norm: str, shape: tuple[int, ...]) -> float:
    """Norm of a change of every value of a clip of `shape` by a tenth of the scale."""
    change = np.full(shape, 26, np.uint8)
    return perturbation_norm(np.zeros_like(change), change, norm)
