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

SPATIAL = (
    "patch",
    "size",
    "version",
    "scale",
    "orientation",
    "colour",
    "strength",
    "act",
    "rescale",
)
TEMPORAL = ("frame", "window", "stride", "flicker")


class Move(NamedTuple):
    """One joint move.

    Attributes:
        act: one of ACTS.
        centre: row and column of the patch, in cells.
        size: side of the patch as a share of the frame's.
        frames: slice of the frames.
        strength: L2 norm of the stroke, values on [0, 1], before the bound cuts it.
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

    spatial: MultiDiscrete of the choices that SPATIAL names.
    temporal: MultiDiscrete of the choices that TEMPORAL names: first frame, number of frames, distance
        between them, and how a texture changes from one to the next.
    With `flat` each is one Discrete, the product of its first choices: spatial (patch, size, scale,
    strength), then (patch, size) to undo; temporal (frame, window, stride). The others are then the
    first ones, and a flipped clip is always scaled to the boundary.

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
        patches, sizes, strengths = self.grid**2, len(config.sizes), len(config.strengths)
        self.spatial_parts = [
            patches, sizes, palette.versions, palette.scales, palette.orientations, palette.colours,
            strengths, len(ACTS), len(RESCALES),
        ]  # fmt: skip
        flickers = len(FLICKERS) if palette.textured else 1
        self.temporal_parts = [frames, len(self.windows), len(config.strides), flickers]
        self._paints = (patches, sizes, palette.scales, strengths)
        self._undoes = (patches, sizes)
        self._times = tuple(self.temporal_parts[:3])
        self.spaces: dict[str, spaces.Space] = {
            "spatial": spaces.MultiDiscrete(self.spatial_parts),
            "temporal": spaces.MultiDiscrete(self.temporal_parts),
        }
        if flat:
            count = int(np.prod(self._paints) + np.prod(self._undoes))
            self.spaces = {
                "spatial": spaces.Discrete(count),
                "temporal": spaces.Discrete(int(np.prod(self._times))),
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
            where, when = self._unflatten(int(spatial), int(temporal))
        else:
            where, when = (np.asarray(part).tolist() for part in (spatial, temporal))
        patch, size, version, scale, orientation, colour, strength, act, rescale = where
        first, window, stride, flicker = when
        return Move(
            ACTS[act],
            divmod(patch, self.grid),
            float(self.config.sizes[size]),
            self._run(first, self.windows[window], int(self.config.strides[stride])),
            float(self.config.strengths[strength]),
            Paint(version, scale, orientation, colour, flicker),
            RESCALES[rescale],
        )  # fmt: skip

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

    def _run(self, first: int, length: int, stride: int) -> slice:
        """A run of `length` frames, `stride` apart, from `first` on; shorter where the clip ends.

        One as long as the clip is all of its frames with the first one's remainder by the stride.
        """
        if length >= self.frames:
            first %= stride
        return slice(first, min(first + (length - 1) * stride + 1, self.frames), stride)

    def _unflatten(self, spatial: int, temporal: int) -> tuple[list[int], list[int]]:
        when = [int(i) for i in np.unravel_index(temporal, self._times)]
        paints, boundary = int(np.prod(self._paints)), RESCALES.index("boundary")
        if spatial < paints:
            patch, size, scale, strength = (int(i) for i in np.unravel_index(spatial, self._paints))
            return [patch, size, 0, scale, 0, 0, strength, ACTS.index("paint"), boundary], [
                *when,
                0,
            ]
        patch, size = (int(i) for i in np.unravel_index(spatial - paints, self._undoes))
        return [patch, size, 0, 0, 0, 0, 0, ACTS.index("undo"), boundary], [*when, 0]
