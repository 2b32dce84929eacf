"""Canvas: a clip and the perturbation painted on it, kept up to date region by region."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.game.bound import Bound
from video_attack.envs.game.mask import cell_edges, pixel_costs, total_norm

Block = NDArray[np.float32]


class Region(NamedTuple):
    """A patch of a clip in some of its frames; each part is a slice with its ends inside the clip."""

    frames: slice
    rows: slice
    cols: slice

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of frames, rows and columns."""
        return (
            len(range(self.frames.start, self.frames.stop, self.frames.step or 1)),
            self.rows.stop - self.rows.start,
            self.cols.stop - self.cols.start,
        )


class Canvas:
    """`round(clean + delta)` inside a bound, with delta a float image that moves add to.

    Delta remembers what is fainter than one level, so that faint strokes add up. Where delta is 0
    the clip is the clean one bit for bit: undoing is exact.

    Args:
        bound: the clips that may be shown; its clean clip is what is painted on.
        grid: cells per side in which the perturbation is described.
        norm: l2, l1, l0 or linf.

    Attributes:
        frames: the clip as it stands, uint8 (T, H, W, 3); always inside the bound.
        energy: float32 (T, G, G), squared L2 norm, values on [0, 1], of what was changed in each cell.
    """

    def __init__(self, bound: Bound, grid: int, norm: str = "l2") -> None:
        clean = bound.clean
        self.bound, self.clean, self.grid, self.norm_name = bound, clean, grid, norm
        self._base = clean.astype(np.float32)
        self._low, self._high = (
            edge.astype(np.int16) - clean.astype(np.int16) for edge in (bound.lower, bound.upper)
        )
        self._rows, self._cols = (cell_edges(n, grid)[:-1] for n in clean.shape[1:3])
        self.delta = np.zeros(clean.shape, np.float32)
        self.frames = clean.copy()
        self.energy = np.zeros((len(clean), grid, grid), np.float32)
        self._costs = np.zeros(len(clean))  # of each frame, in the terms of the norm

    def paint(self, region: Region, block: Block) -> None:
        """Add a block (F, h, w, 3), in levels of 0-255, to a region; cut to the bound."""
        delta = self.delta[region]
        np.add(delta, block, out=delta)
        np.clip(delta, self._low[region], self._high[region], out=delta)
        self._show(region)
        self._fit()

    def weaken(self, region: Region, factor: float) -> None:
        """Multiply the perturbation of a region by a factor from 0 (undo it) to 1."""
        self.delta[region] *= np.float32(factor)
        self._show(region)

    def scale(self, factor: float) -> None:
        """Multiply the whole perturbation by a factor above 0; cut to the bound."""
        changed = self._costs > 0
        if not changed.any():
            return
        first, last = int(changed.argmax()), len(changed) - int(changed[::-1].argmax())
        whole = self.whole(slice(first, last, 1))
        delta = self.delta[whole]
        delta *= np.float32(factor)
        if factor > 1:
            np.clip(delta, self._low[whole], self._high[whole], out=delta)
        self._show(whole)
        self._fit()

    def whole(self, frames: slice) -> Region:
        """The region of whole frames."""
        height, width = self.clean.shape[1:3]
        return Region(frames, slice(0, height), slice(0, width))

    def snapshot(self) -> tuple[NDArray, ...]:
        """The canvas as it stands, for `restore`."""
        return tuple(p.copy() for p in (self.delta, self.frames, self.energy, self._costs))

    def restore(self, snapshot: tuple[NDArray, ...]) -> None:
        """Go back to a snapshot, which belongs to the canvas from then on."""
        self.delta, self.frames, self.energy, self._costs = snapshot

    def norm(self) -> float:
        """Size of the perturbation; the same value as `perturbation_norm` of the two clips."""
        if self.norm_name == "linf":
            return float(self._costs.max())
        return total_norm(self._costs, self.norm_name, self.clean.shape)

    def roughness(self) -> float:
        """Mean change of the perturbation between neighbouring frames, in levels of 0-255."""
        if len(self.delta) < 2:
            return 0.0
        return float(np.abs(np.diff(self.delta, axis=0)).mean())

    def _show(self, region: Region) -> None:
        """Round a region of delta into the clip, and measure its frames again."""
        moved = self._base[region] + self.delta[region]
        self.frames[region] = np.rint(moved, out=moved)
        times = region.frames
        clean, frames = self.clean[times], self.frames[times]
        squares = pixel_costs(clean, frames, "l2")
        cells = np.add.reduceat(squares, self._rows, axis=1)
        self.energy[times] = np.add.reduceat(cells, self._cols, axis=2)
        if self.norm_name == "l2":
            self._costs[times] = self.energy[times].sum((1, 2), dtype=np.float64)
        else:
            costs = pixel_costs(clean, frames, self.norm_name)
            combine = np.max if self.norm_name == "linf" else np.sum
            self._costs[times] = combine(costs, axis=(1, 2))

    def _fit(self) -> None:
        """Draw the whole perturbation back into an L2 ball that it has left."""
        radius = self.bound.radius
        if radius is None:
            return
        norm = float(np.sqrt(self.energy.sum(dtype=np.float64)))
        if norm <= radius:
            return
        whole = self.whole(slice(0, len(self.clean), 1))
        self.delta *= np.float32(radius / norm)
        self._show(whole)
        # Rounding may have led out again. Delta follows the clip, so that neither weakening it nor
        # rounding a part of it anew ever does.
        fitted = self.bound.project(self.frames[None])[0]
        moved = fitted != self.frames
        if moved.any():
            self.delta[moved] = fitted[moved] - self._base[moved]
            self._show(whole)
