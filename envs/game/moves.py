"""Moves: what the two agents' actions mean. Space times time gives a box to distort and one to undo."""

from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.mask import Box

Action = NDArray[np.int64]


class Move(NamedTuple):
    """One joint move: undo `undo` (if any), then set `add` (if any) to `level` of `draw`.

    Of a box all cells are meant, or one in `add_one_in` (`undo_one_in`), drawn by chance.
    """

    add: Box | None
    level: int
    draw: int
    undo: Box | None
    add_one_in: int = 1
    undo_one_in: int = 1


class Moves:
    """Action spaces of both agents, and the joint move that a pair of actions makes.

    spatial: MultiDiscrete [centre patch, size, level, draw, centre patch to undo, size to undo];
        the last one has an extra first value, 0: undo nothing.
    temporal: MultiDiscrete [centre frame, window, centre frame to undo, window to undo].
    With `flat` each is one Discrete; a move then either adds or undoes:
    spatial: add (patch, size, level, draw) or undo (patch, size); temporal: (frame, window).

    A size [rows, columns, n] paints one cell in n of its box, drawn by chance: at the same norm,
    scattered cells move a victim more than a block does. Windows of neighbouring frames keep the
    perturbation coherent in time. Boxes that would stick out are moved inside.
    """

    def __init__(self, config: GameConfig, frames: int, flat: bool = False) -> None:
        self.grid, self.frames, self.flat = config.grid, frames, flat
        self.sizes = [(int(rows), int(cols)) for rows, cols, *_ in config.sizes]
        self.one_in = [int(size[2]) if len(size) > 2 else 1 for size in config.sizes]
        self.windows = sorted({min(int(window), frames) for window in config.windows})
        patches, n_sizes = self.grid**2, len(self.sizes)
        self._add_shape = (patches, n_sizes, config.levels, config.draws)
        self._undo_shape = (patches, n_sizes)
        self._time_shape = (frames, len(self.windows))
        if flat:
            self.spaces: dict[str, spaces.Space] = {
                "spatial": spaces.Discrete(
                    int(np.prod(self._add_shape) + np.prod(self._undo_shape))
                ),
                "temporal": spaces.Discrete(int(np.prod(self._time_shape))),
            }
        else:
            self.spaces = {
                "spatial": spaces.MultiDiscrete([*self._add_shape, patches, n_sizes + 1]),
                "temporal": spaces.MultiDiscrete([*self._time_shape, *self._time_shape]),
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
            return self._decode_flat(int(spatial), int(temporal))
        s, t = np.asarray(spatial).tolist(), np.asarray(temporal).tolist()
        undo = self._box(s[4], s[5] - 1, t[2], t[3]) if s[5] else None
        undo_one_in = self.one_in[s[5] - 1] if undo else 1
        add = self._box(s[0], s[1], t[0], t[1])
        return Move(add, s[2] + 1, s[3], undo, self.one_in[s[1]], undo_one_in)

    def _decode_flat(self, spatial: int, temporal: int) -> Move:
        frame, window = (int(i) for i in np.unravel_index(temporal, self._time_shape))
        adds = int(np.prod(self._add_shape))
        if spatial < adds:
            patch, size, level, draw = (int(i) for i in np.unravel_index(spatial, self._add_shape))
            add = self._box(patch, size, frame, window)
            return Move(add, level + 1, draw, None, add_one_in=self.one_in[size])
        patch, size = (int(i) for i in np.unravel_index(spatial - adds, self._undo_shape))
        undo = self._box(patch, size, frame, window)
        return Move(None, 0, 0, undo, undo_one_in=self.one_in[size])

    def _box(self, patch: int, size: int, frame: int, window: int) -> Box:
        row, col = divmod(patch, self.grid)
        rows, cols = self.sizes[size]
        r0, c0 = _start(row, rows, self.grid), _start(col, cols, self.grid)
        length = self.windows[window]
        t0 = _start(frame, length, self.frames)
        return Box(t0, t0 + length, r0, r0 + rows, c0, c0 + cols)


def _start(centre: int, length: int, limit: int) -> int:
    """First index of a run of `length` around `centre`, moved inside [0, limit)."""
    return min(max(centre - (length - 1) // 2, 0), limit - length)
