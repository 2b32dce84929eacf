"""Sweeps: boxes of the mask painted or undone one by one, from coarse to fine."""

from collections.abc import Iterator

import numpy as np

from video_attack.envs.game.mask import Box, MaskedClip
from video_attack.envs.game.moves import Move


def sweep(masked: MaskedClip, shortest: int, rng: np.random.Generator) -> Iterator[Move]:
    """Endless moves towards a flip, each on one box: undo it if most of it is painted, else paint it.

    It is painted wholly, with a version drawn by chance; where there are several, none is undone,
    since another version says more.

    Args:
        masked: the clip, as it stands when a move is asked for.
        shortest: length of the last rounds' boxes in frames.
        rng: draws order and versions.
    """
    versions = len(masked.distorted)
    for box in boxes(masked.level.shape, shortest, rng):
        if versions == 1 and 2 * masked.level[box.cells].mean() > masked.levels:
            yield Move(None, 0, 0, box)
        else:
            yield Move(box, masked.levels, int(rng.integers(versions)), None)


def tidy(masked: MaskedClip, shortest: int, rng: np.random.Generator) -> Iterator[Move]:
    """Moves towards a smaller norm, each undoing a box of which something is painted, while any is."""
    for box in boxes(masked.level.shape, shortest, rng):
        if not masked.level.any():
            return
        if masked.level[box.cells].any():
            yield Move(None, 0, 0, box)


def boxes(shape: tuple[int, ...], shortest: int, rng: np.random.Generator) -> Iterator[Box]:
    """Endless boxes of a mask (T, G, G), in rounds that tile it, in random order.

    Those of the first round have a quarter of the side and the whole length; each round halves
    both, down to one patch and `shortest` frames.
    """
    frames, grid = shape[:2]
    side, length = -(-grid // 4), frames
    while True:
        tiles = [
            Box(t, min(t + length, frames), r, min(r + side, grid), c, min(c + side, grid))
            for t in range(0, frames, length)
            for r in range(0, grid, side)
            for c in range(0, grid, side)
        ]
        for index in rng.permutation(len(tiles)):
            yield tiles[index]
        side, length = max(side // 2, 1), max(length // 2, min(shortest, frames))
