"""What the agents see: what a black-box attacker may know, and nothing else."""

from typing import NamedTuple

import cv2
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.game.mask import Box, MaskedClip, cell_edges

Array = NDArray[np.float32]

THUMBNAIL_CELL = 4  # pixels of the thumbnail per side of a cell
PLANES = ("motion", "peak_motion", "brightness", "cost", "mask", "covered", "memory", "tried",
          "last_add", "last_undo")  # fmt: skip
ROWS = ("motion", "peak_motion", "cost", "mask", "memory", "tried", "last_add", "last_undo")  # fmt: skip
STATUS = ("margin", "last_drop", "lowest_margin", "budget_left", "norm", "true_score",
          "best_other_score", "flipped")  # fmt: skip


class Sight(NamedTuple):
    """What is known of a clip before the first move, (T, G, G) unless said otherwise.

    Attributes:
        thumbnail: uint8 (4, 4G, 4G), the mean frame (RGB) and the mean motion.
        motion: mean absolute difference to the frame before, its median over the frame taken off
            (the camera's part), scaled to a maximum of 1.
        brightness: mean luminance in [0, 1], (G, G).
        cost: what a fully distorted cell adds to the norm, scaled to a maximum of 1.
    """

    thumbnail: Frames
    motion: Array
    brightness: Array
    cost: Array


def look(masked: MaskedClip) -> Sight:
    """Static features of a clip; costs a few milliseconds, once an episode."""
    clip, grid = masked.original, masked.grid
    steps = len(clip)
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip])
    change = np.zeros(grey.shape, np.uint8)
    for t in range(1, steps):
        cv2.absdiff(grey[t], grey[t - 1], dst=change[t])
    change[0] = change[min(1, steps - 1)]
    motion = cell_means(change, grid)
    motion = np.maximum(motion - np.median(motion, axis=(1, 2), keepdims=True), 0)
    side = (THUMBNAIL_CELL * grid,) * 2
    mean_frame = cv2.resize(clip.mean(0, dtype=np.float32), side, interpolation=cv2.INTER_AREA)
    mean_motion = cv2.resize(change.mean(0, dtype=np.float32), side, interpolation=cv2.INTER_AREA)
    thumbnail = np.dstack([mean_frame, np.minimum(mean_motion * 4, 255)])
    return Sight(
        thumbnail=np.ascontiguousarray(thumbnail.transpose(2, 0, 1)).astype(np.uint8),
        motion=motion / max(float(motion.max()), 1e-6),
        brightness=cell_means(grey.mean(0, dtype=np.float32)[None], grid)[0] / np.float32(255),
        cost=_scaled(masked.full_costs()),
    )


def cell_means(values: NDArray, grid: int) -> Array:
    """Mean of (T, H, W) over the cells of the grid, float32 (T, G, G)."""
    rows, cols = (cell_edges(n, grid) for n in values.shape[1:])
    sums = np.add.reduceat(values.astype(np.float32), rows[:-1], axis=1)
    sums = np.add.reduceat(sums, cols[:-1], axis=2)
    sums /= np.outer(np.diff(rows), np.diff(cols))
    return sums


def _scaled(costs: NDArray[np.float64]) -> Array:
    return (costs / max(float(costs.max()), 1e-12)).astype(np.float32)


class SensitivityMemory:
    """How the victim's answers moved with the cells that were changed.

    Each answer's drop of the margin is credited to the cells that the move really changed: as it
    is where distortion was added (or its draw changed), with its sign turned where it was taken
    off. A cell keeps a running mean that forgets half at each new answer.

    Attributes:
        drop: float32 (T, G, G), credited drop of the margin, 0 where never tried.
        tried: float32 (T, G, G), 1 where a move has changed the cell at least once.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.drop, self.tried = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def credit(self, added: NDArray[np.bool_], taken: NDArray[np.bool_], drop: float) -> None:
        """Credit one answer to the cells (T, G, G) that gained and that lost distortion."""
        weight = np.where(self.tried > 0, np.float32(0.5), np.float32(1)) * (added | taken)
        self.drop += weight * (np.where(added, drop, -drop).astype(np.float32) - self.drop)
        self.tried[added | taken] = 1

    def picture(self) -> Array:
        """Drops (T, G, G), NaN where never tried."""
        return np.where(self.tried > 0, self.drop, np.float32(np.nan))


def observe(
    sight: Sight, masked: MaskedClip, memory: SensitivityMemory,
    add: Box | None, undo: Box | None, status: Array,
) -> dict[str, dict[str, NDArray]]:  # fmt: skip
    """Observations of both agents; see `observation_spaces` for shapes."""
    mask = masked.mask
    last_add, last_undo = _footprint(add, mask.shape), _footprint(undo, mask.shape)
    drop = np.tanh(memory.drop * 5)
    planes = np.stack([
        sight.motion.mean(0), sight.motion.max(0), sight.brightness, sight.cost.mean(0),
        mask.mean(0), (mask > 0).mean(0), drop.mean(0), memory.tried.mean(0),
        last_add.max(0), last_undo.max(0),
    ]).astype(np.float32)  # fmt: skip
    flat = (1, 2)
    rows = np.stack([
        sight.motion.mean(flat), sight.motion.max(flat), sight.cost.mean(flat), mask.mean(flat),
        drop.mean(flat), memory.tried.mean(flat), last_add.max(flat), last_undo.max(flat),
    ]).astype(np.float32)  # fmt: skip
    return {
        "spatial": {"thumbnail": sight.thumbnail, "planes": planes, "status": status},
        "temporal": {"rows": rows, "status": status},
    }


def joint_state(
    sight: Sight, masked: MaskedClip, memory: SensitivityMemory, status: Array
) -> Array:
    """State for a centralised critic: motion, cost, mask and memory (T, G, G) each, and the status."""
    volumes = (sight.motion, sight.cost, masked.mask, np.tanh(memory.drop * 5))
    return np.concatenate([*(v.ravel() for v in volumes), status]).astype(np.float32)


def _footprint(box: Box | None, shape: tuple[int, ...]) -> Array:
    print_ = np.zeros(shape, np.float32)
    if box is not None:
        print_[box.cells] = 1
    return print_


def observation_spaces(frames: int, grid: int) -> dict[str, spaces.Dict]:
    """Dict spaces of both agents for clips of `frames` frames."""
    side = THUMBNAIL_CELL * grid
    status = spaces.Box(-1, 1, (len(STATUS),), np.float32)
    return {
        "spatial": spaces.Dict({
            "thumbnail": spaces.Box(0, 255, (4, side, side), np.uint8),
            "planes": spaces.Box(-1, 1, (len(PLANES), grid, grid), np.float32),
            "status": status,
        }),
        "temporal": spaces.Dict({
            "rows": spaces.Box(-1, 1, (len(ROWS), frames), np.float32),
            "status": status,
        }),
    }  # fmt: skip


def state_space(frames: int, grid: int) -> spaces.Box:
    """Space of `joint_state`."""
    return spaces.Box(-1, 1, (4 * frames * grid**2 + len(STATUS),), np.float32)


def flat_space(space: spaces.Dict) -> spaces.Box:
    """Space of `flatten` of an observation in `space`."""
    size = sum(int(np.prod(part.shape or ())) for part in space.values())
    return spaces.Box(-1, 1, (size,), np.float32)


def flatten(observation: dict[str, NDArray]) -> Array:
    """One agent's observation as a vector; bytes are scaled to [0, 1]."""
    parts = (v / np.float32(255) if v.dtype == np.uint8 else v for v in observation.values())
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)
