"""The space-time mask and the clip that it makes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames

Cells = NDArray[np.float64]


class Box(NamedTuple):
    """A block of cells: frames [t0, t1), rows [r0, r1), columns [c0, c1)."""

    t0: int
    t1: int
    r0: int
    r1: int
    c0: int
    c1: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns."""
        return self.t1 - self.t0, self.r1 - self.r0, self.c1 - self.c0

    @property
    def cells(self) -> tuple[slice, slice, slice]:
        """Index of the box in an array (T, G, G)."""
        return slice(self.t0, self.t1), slice(self.r0, self.r1), slice(self.c0, self.c1)


def cell_edges(length: int, grid: int) -> NDArray[np.int64]:
    """Pixel borders (grid + 1,) of `grid` near-equal cells along a side of `length` pixels."""
    if grid > length:
        raise ValueError(
            f"grid={grid} is finer than the clip's {length} pixels: choose a smaller grid"
        )
    return np.linspace(0, length, grid + 1).round().astype(np.int64)


def blend(original: Frames, distorted: Frames, mask: float | NDArray[np.floating]) -> Frames:
    """round(original + mask * (distorted - original)) as uint8; halves go to the even neighbour."""
    base = original.astype(np.float32)
    return np.rint(base + np.float32(mask) * (distorted.astype(np.float32) - base)).astype(np.uint8)


class MaskedClip:
    """`round(clip + upsample(mask) * (distorted - clip))`, kept up to date box by box.

    A cell's pixels depend only on its level and draw, never on the moves that led there, so that
    undoing everything gives the original back bit for bit. Each (draw, level) is blended once and
    boxes are then copied from it: a move costs the size of its box and nothing else.

    Attributes:
        frames: the clip as it stands, uint8 (T, H, W, 3).
        level: uint8 (T, G, G), 0 (clean) to `levels` (fully distorted).
        draw: uint8 (T, G, G), which of the distorted clips a cell is taken from.
    """

    def __init__(
        self, original: Frames, distorted: list[Frames], grid: int, levels: int, norm: str = "l2"
    ) -> None:
        self.original, self.distorted = original, distorted
        self.grid, self.levels, self.norm_name = grid, levels, norm
        self._rows, self._cols = (cell_edges(n, grid) for n in original.shape[1:3])
        self._blends: dict[tuple[int, int], tuple[Frames, Cells]] = {}
        self.frames = original.copy()
        shape = (len(original), grid, grid)
        self.level, self.draw = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        self._costs = np.zeros(shape)

    @property
    def mask(self) -> NDArray[np.float32]:
        """The mask in [0, 1], float32 (T, G, G)."""
        return (self.level / np.float32(self.levels)).astype(np.float32, copy=False)

    def paint(
        self, box: Box, level: int, draw: int = 0, chosen: NDArray[np.bool_] | None = None
    ) -> None:
        """Set a box, or its `chosen` cells (bool, of the box's shape), to a level (0 undoes it) of a draw."""
        t, r, c = box.cells
        pixels = (t, slice(self._rows[box.r0], self._rows[box.r1]),
                  slice(self._cols[box.c0], self._cols[box.c1]))  # fmt: skip
        frames, costs = self._blend(draw, level) if level else (self.original, None)
        where: NDArray[np.bool_] | bool = True
        if chosen is not None:
            heights, widths = np.diff(self._rows)[r], np.diff(self._cols)[c]
            where = chosen.repeat(heights, axis=1).repeat(widths, axis=2)[..., None]
        np.copyto(self.frames[pixels], frames[pixels], where=where)
        cells: NDArray[np.bool_] | bool = True if chosen is None else chosen
        np.copyto(self.level[t, r, c], np.uint8(level), where=cells)
        np.copyto(self.draw[t, r, c], np.uint8(draw if level else 0), where=cells)
        np.copyto(self._costs[t, r, c], 0.0 if costs is None else costs[t, r, c], where=cells)

    def snapshot(self) -> tuple[NDArray, ...]:
        """The clip and its mask as they stand, for `restore`."""
        return tuple(part.copy() for part in (self.frames, self.level, self.draw, self._costs))

    def restore(self, snapshot: tuple[NDArray, ...]) -> None:
        """Go back to a snapshot."""
        self.frames, self.level, self.draw, self._costs = snapshot

    def norm(self) -> float:
        """Size of the perturbation as it stands; the same value as `perturbation_norm`."""
        return total_norm(self._costs, self.norm_name, self.original.shape)

    def full_costs(self) -> Cells:
        """Cost (T, G, G) of each cell when fully distorted by draw 0."""
        return self._blend(0, self.levels)[1]

    def full_norm(self) -> float:
        """Largest norm of a wholly distorted clip: the scale against which the reward measures."""
        return max(
            total_norm(self._blend(draw, self.levels)[1], self.norm_name, self.original.shape)
            for draw in range(len(self.distorted))
        )

    def _blend(self, draw: int, level: int) -> tuple[Frames, Cells]:
        key = (draw, level)
        if key not in self._blends:
            distorted = self.distorted[draw]
            full = level == self.levels
            frames = distorted if full else blend(self.original, distorted, level / self.levels)
            costs = pixel_costs(self.original, frames, self.norm_name)
            combine = np.maximum if self.norm_name == "linf" else np.add
            costs = combine.reduceat(
                combine.reduceat(costs, self._rows[:-1], 1), self._cols[:-1], 2
            )
            self._blends[key] = frames, costs.astype(np.float64)
        return self._blends[key]


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
