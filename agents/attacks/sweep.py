"""The sweep: boxes of the mask painted or undone one by one, from coarse to fine."""

from collections.abc import Iterator

import numpy as np

from envs.mask import Box, MaskedClip
from envs.moves import Move


def sweep(masked: MaskedClip, shortest: int, rng: np.random.Generator) -> Iterator[Move]:
    """Endless moves, each on one box: undo it if most of it is painted, else paint it wholly.

    A round goes through boxes that tile the clip, in random order. Those of the first have a
    quarter of the side and the whole length; each round halves both, down to one patch and
    `shortest` frames. Each paints with a version drawn by chance; where there are several, none is
    undone, since another version says more.

    Args:
        masked: the clip, as it stands when a move is asked for.
        shortest: length of the last rounds' boxes in frames.
        rng: draws order and versions.
    """
    frames, grid = masked.level.shape[:2]
    side, length = -(-grid // 4), frames
    while True:
        boxes = [
            Box(t, min(t + length, frames), r, min(r + side, grid), c, min(c + side, grid))
            for t in range(0, frames, length)
            for r in range(0, grid, side)
            for c in range(0, grid, side)
        ]
        for index in rng.permutation(len(boxes)):
            box, versions = boxes[index], len(masked.distorted)
            if versions == 1 and 2 * masked.level[box.cells].mean() > masked.levels:
                yield Move(None, 0, 0, box)
            else:
                yield Move(box, masked.levels, int(rng.integers(versions)), None)
        side, length = max(side // 2, 1), max(length // 2, min(shortest, frames))
