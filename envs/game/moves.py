"""Moves: what the two agents' actions mean. Space times time gives a region, and what is done there."""

from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from video_attack.envs.game.canvas import Region
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.palette import FLICKERS, Paint, Palette

Action = NDArray[np.int64]

# paint a fresh stroke; opposite: the last stroke again, with its sign turned; weaken by half; undo
ACTS = ("paint", "opposite", "weaken", "undo")
# What becomes of the whole perturbation once the clip is flipped: nothing; scaled to where the boundary is
# expected on the line to the clean clip; weakened by 3 or by 10 %.
RESCALES = ("leave", "boundary", "3 %", "10 %")

# What each part of an action chooses; the first is a place: a patch of some size, a run of frames.
SPATIAL = ("patch", "version", "scale", "orientation", "colour", "strength", "act", "rescale")
TEMPORAL = ("run", "flicker")


class Move(NamedTuple):
    """One joint move.

    Attributes:
        act: one of ACTS; of a move that was made also "rescale", where the clip went to the boundary and
            no stroke was painted, see Episode.
        centre: row and column of the patch, in cells.
        size: side of the patch as a share of the frame's.
        frames: slice of the frames.
        strength: norm of the stroke, before the bound cuts it, as a share of the norm that the
            perturbation would need at the boundary.
        paint: what the stroke is painted with.
        rescale: one of RESCALES.
    """

    act: str
    centre: tuple[int, int]
    size: float
    frames: slice
    strength: float
    paint: Paint
    rescale: str


class Moves:
    """Action spaces of both agents, and the joint move that a pair of actions makes.

    spatial: MultiDiscrete of the choices that SPATIAL names; a patch is (middle, size).
    temporal: MultiDiscrete of the choices that TEMPORAL names; a run is (first frame, number of frames,
        distance between them), a flicker how a texture changes from one frame to the next.
    With `flat` each is one Discrete: spatial (patch, scale, strength), then patches to undo; temporal a
    run. All else is then the first choice, and a flipped clip is always scaled to the boundary.

    Args:
        config: the rules.
        palette: the paints.
        frames: T of a clip.
        flat: one Discrete an agent.
    """

    def __init__(
        self, config: GameConfig, palette: Palette, frames: int, flat: bool = False
    ) -> None:
        self.config, self.palette, self.frames, self.flat = config, palette, frames, flat
        self.grid = config.grid
        self.windows = [min(int(window), frames) for window in config.windows]
        self.patches = (self.grid**2, len(config.sizes))
        self.runs = (frames, len(self.windows), len(config.strides))
        strengths = len(config.strengths)
        self.spatial_parts = [
            int(np.prod(self.patches)), palette.versions, palette.scales, palette.orientations,
            palette.colours, strengths, len(ACTS), len(RESCALES),
        ]  # fmt: skip
        self.temporal_parts = [int(np.prod(self.runs)), len(FLICKERS) if palette.textured else 1]
        self._paints = (self.spatial_parts[0], palette.scales, strengths)
        self.spaces: dict[str, spaces.Space] = {
            "spatial": spaces.MultiDiscrete(self.spatial_parts),
            "temporal": spaces.MultiDiscrete(self.temporal_parts),
        }
        if flat:
            self.spaces = {
                "spatial": spaces.Discrete(int(np.prod(self._paints)) + self.spatial_parts[0]),
                "temporal": spaces.Discrete(self.temporal_parts[0]),
            }

    def decode(self, spatial: Action | int, temporal: Action | int) -> Move:
        """The joint move of two actions.

        Raises:
            ValueError: an action lies outside its space.
        """
        for agent, action in (("spatial", spatial), ("temporal", temporal)):
            space, array = self.spaces[agent], np.asarray(action)
            whole = np.issubdtype(array.dtype, np.integer)
            if not (whole and space.contains(array.astype(space.dtype))):
                raise ValueError(f"{agent} action {action!r} is not in {space}")
        if self.flat:
            parts = self._unflatten(int(spatial), int(temporal))
        else:
            parts = (np.asarray(spatial).tolist(), np.asarray(temporal).tolist())
        place, version, scale, orientation, colour, strength, act, rescale = parts[0]
        run, flicker = parts[1]
        patch, size = (int(i) for i in np.unravel_index(place, self.patches))
        return Move(
            ACTS[act],
            divmod(patch, self.grid),
            float(self.config.sizes[size]),
            self.run(run),
            float(self.config.strengths[strength]),
            Paint(version, scale, orientation, colour, flicker),
            RESCALES[rescale],
        )  # fmt: skip

    @property
    def extents(self) -> dict[str, int]:
        """How many extents there are at each position: sizes of a patch; lengths times distances of a run."""
        return {"spatial": self.patches[1], "temporal": self.runs[1] * self.runs[2]}

    def region(self, move: Move, shape: tuple[int, ...], rng: np.random.Generator) -> Region:
        """The pixels that a move means on a clip (T, H, W, 3); a fresh stroke is shifted within its cell."""
        sides = []
        for index, length in zip(move.centre, shape[1:3], strict=True):
            side = min(max(2, round(move.size * length)), length)
            within = rng.random() if move.act == "paint" else 0.5
            middle = (index + within) * length / self.grid
            start = min(max(round(middle - side / 2), 0), length - side)
            sides.append(slice(start, start + side))
        return Region(move.frames, *sides)

    def run(self, index: int) -> slice:
        """The frames of a run: so many, so far apart, from the first on; fewer where the clip ends.

        One as long as the clip is all of its frames with the first one's remainder by the stride.
        """
        first, window, step = (int(i) for i in np.unravel_index(index, self.runs))
        length, stride = self.windows[window], int(self.config.strides[step])
        if length >= self.frames:
            first %= stride
        return slice(first, min(first + (length - 1) * stride + 1, self.frames), stride)

    def _unflatten(self, spatial: int, temporal: int) -> tuple[list[int], list[int]]:
        paints, boundary = int(np.prod(self._paints)), RESCALES.index("boundary")
        if spatial < paints:
            place, scale, strength = (int(i) for i in np.unravel_index(spatial, self._paints))
            return [place, 0, scale, 0, 0, strength, ACTS.index("paint"), boundary], [temporal, 0]
        return [spatial - paints, 0, 0, 0, 0, 0, ACTS.index("undo"), boundary], [temporal, 0]

    def footprints(self) -> dict[str, NDArray[np.float32]]:
        """How each place is spread over what it covers; each row's sum is 1.

        spatial: (patches, G * G), shares of a patch's area in the cells, about its cell's middle.
        temporal: (runs, T), equal shares of the run's frames.
        """
        centres = np.arange(self.grid) + 0.5
        patches = np.zeros((*self.patches, self.grid**2), np.float32)
        for number, size in enumerate(self.config.sizes):
            half = max(float(size) * self.grid / 2, 0.5)
            starts = np.clip(centres - half, 0, self.grid - 2 * half)
            covered = np.minimum.outer(starts + 2 * half, np.arange(1, self.grid + 1.0))
            covered -= np.maximum.outer(starts, np.arange(float(self.grid)))
            side = np.maximum(covered, 0)
            area = np.einsum("ac,bd->abcd", side, side).reshape(self.grid**2, -1)
            patches[:, number] = area / area.sum(1, keepdims=True)
        runs = np.zeros((self.temporal_parts[0], self.frames), np.float32)
        for index, row in enumerate(runs):
            row[self.run(index)] = 1
        return {
            "spatial": patches.reshape(-1, self.grid**2),
            "temporal": runs / runs.sum(1, keepdims=True),
        }
