"""What the agents see: what a black-box attacker may know, and nothing else."""

from typing import NamedTuple

import cv2
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.game.canvas import Canvas
from video_attack.envs.game.mask import cell_edges
from video_attack.envs.game.memory import SensitivityMemory

Array = NDArray[np.float32]

THUMBNAIL_CELL = 4  # pixels of the thumbnail per side of a cell
PLANES = ("motion", "peak_motion", "brightness", "perturbation", "peak_perturbation",
          "sensitivity", "certainty", "last_stroke")  # fmt: skip
ROWS = ("motion", "peak_motion", "perturbation", "sensitivity", "certainty", "last_stroke")
STATUS = ("margin", "clean_margin", "last_drop", "last_kept", "budget_left", "norm", "boundary_norm",
          "true_score", "best_other_score", "flipped", "may_turn")  # fmt: skip


class ClipFeatures(NamedTuple):
    """What is known of a clip before the first move, (T, G, G) unless said otherwise.

    Attributes:
        thumbnail: uint8 (4, 4G, 4G), the mean frame (RGB) and the mean motion.
        motion: mean absolute difference to the frame before, its median over the frame taken off
            (the camera's part), scaled to a maximum of 1.
        brightness: mean luminance in [0, 1], (G, G).
    """

    thumbnail: Frames
    motion: Array
    brightness: Array


def clip_features(clip: Frames, grid: int) -> ClipFeatures:
    """Static features of a clip; costs a few milliseconds, once an episode."""
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
    return ClipFeatures(
        thumbnail=np.ascontiguousarray(thumbnail.transpose(2, 0, 1)).astype(np.uint8),
        motion=motion / max(float(motion.max()), 1e-6),
        brightness=cell_means(grey.mean(0, dtype=np.float32)[None], grid)[0] / np.float32(255),
    )


def cell_means(values: NDArray, grid: int) -> Array:
    """Mean of (T, H, W) over the cells of the grid, float32 (T, G, G)."""
    rows, cols = (cell_edges(n, grid) for n in values.shape[1:])
    sums = np.add.reduceat(values.astype(np.float32), rows[:-1], axis=1)
    sums = np.add.reduceat(sums, cols[:-1], axis=2)
    sums /= np.outer(np.diff(rows), np.diff(cols))
    return sums


def observe(
    features: ClipFeatures, canvas: Canvas, memory: SensitivityMemory, last: Array, status: Array
) -> dict[str, dict[str, NDArray]]:
    """Observations of both agents; see `observation_spaces` for shapes.

    Args:
        features: of the clean clip.
        canvas: the perturbation as it stands.
        memory: of the episode.
        last: (T, G, G), shares of the last move's energy.
        status: see STATUS.
    """
    energy = faded(canvas.energy)
    known, sure = memory.sensitivity(), memory.certainty()

    # Where nothing was asked, 0; else weighted by how much is known.
    def over(axis: int | tuple[int, int]) -> tuple[Array, Array]:
        weight = sure.sum(axis)
        return (known * sure).sum(axis) / np.maximum(weight, 1e-6), sure.max(axis)

    planes = np.stack([
        features.motion.mean(0), features.motion.max(0), features.brightness,
        energy.mean(0), energy.max(0), *over(0), faded(last).max(0),
    ]).astype(np.float32)  # fmt: skip
    flat = (1, 2)
    rows = np.stack([
        features.motion.mean(flat), features.motion.max(flat), energy.max(flat), *over(flat),
        faded(last).max(flat),
    ]).astype(np.float32)  # fmt: skip
    return {
        "spatial": {"thumbnail": features.thumbnail, "planes": planes, "status": status},
        "temporal": {"rows": rows, "status": status},
    }


def joint_state(
    features: ClipFeatures, canvas: Canvas, memory: SensitivityMemory, status: Array
) -> Array:
    """State for a centralised critic: motion, perturbation, sensitivity, certainty (T, G, G), status."""
    volumes = (features.motion, faded(canvas.energy), memory.sensitivity(), memory.certainty())
    return np.concatenate([*(v.ravel() for v in volumes), status]).astype(np.float32)


def faded(energy: Array) -> Array:
    """Energies (T, G, G) as square roots of their shares of the largest; 0 where all are 0."""
    return np.sqrt(energy / max(float(energy.max()), 1e-12))


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
