"""The shared clean-up: any attack's best success made smaller, by counted queries and nothing else."""

import heapq
import itertools

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.queries import Queries
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.ledger import Ledger
from video_attack.envs.game.observation import cell_means

Change = NDArray[np.int16]  # (T, H, W, 3), levels against the clean clip
Box = tuple[slice, ...]  # frames, rows and columns

LEAST = 4  # pixels a side; smaller boxes of one frame are not cut any further
FINEST = 256  # nor those that hold less than this part of the squared change
HALVINGS = 5  # of the line to the clean clip: to 1/32 of the change
ROUND = 64  # queries for boxes before the line is searched again


def clean_up(ledger: Ledger, bound: Bound, rng: np.random.Generator) -> Queries[None]:
    """Undo and weaken boxes of space-time from coarse to fine, search the line, and again.

    Starts from the best success and keeps what is still one. No value ever moves away from the clean
    clip, so that no norm grows and no bound of convex shape is left. It looks at whether an answer
    reaches the goal and at nothing else of it, so that it serves victims that show only a label.

    Boxes: of those that are waiting, the one that holds most of the squared change is undone; if the
    label then falls back, it is cut into two, which wait in its place. The next pass halves boxes in
    strength instead of undoing them, and so on in turn; from the third on they are cut at random.
    Line: the shortest share of the whole change that still is a success, by bisection. Both are plain
    coordinate and line searches, as clean-up phases of published attacks are (e.g. Sarkar et al.,
    arXiv 2501.14122, on patches; Brendel et al., ICLR 2018, on the line).

    Args:
        ledger: of a clip with a success; read only.
        bound: gives the clean clip.
        rng: where boxes are cut, from the third pass on.
    """
    assert ledger.best is not None
    change = ledger.best.astype(np.int16) - bound.clean
    search = _Search(ledger, bound, rng)
    while change.any():
        asked = search.asked
        change = yield from search.boxes(change)
        change = yield from search.line(change)
        if search.asked == asked:
            return


class _Search:
    """One clip's clean-up."""

    def __init__(self, ledger: Ledger, bound: Bound, rng: np.random.Generator) -> None:
        self.ledger, self.bound, self.rng = ledger, bound, rng
        self.asked = 0
        self.waiting: list[tuple[float, int, Box]] = []
        self.passes = 0
        self.numbers = itertools.count()  # heaps break ties by them

    def holds(self, change: Change) -> Queries[bool]:
        """Ask whether a change is a success."""
        self.asked += 1
        answers = yield (self.bound.clean + change).astype(np.uint8)[None]
        return len(answers) > 0 and self.ledger.goal.reached(answers[0])

    def boxes(self, change: Change) -> Queries[Change]:
        """Some queries for the boxes that are waiting; all of the clip where none is."""
        if not self.waiting:
            self.passes += 1
            self._cut(change, (slice(None), slice(None), slice(None)))
        whole = weight(change)
        for _ in range(ROUND):
            box = self._next(change)
            if box is None:
                break
            lesser = change.copy()
            lesser[box] = 0 if self.passes % 2 else np.trunc(change[box] / 2)
            if lesser.any() and (yield from self.holds(lesser)):
                change = lesser
            elif weight(change[box]) > whole / FINEST:
                self._cut(change, box)
        return change

    def line(self, change: Change) -> Queries[Change]:
        """The least share of the change that holds, as far as bisection finds it."""
        low, high = 0.0, 1.0
        best = change
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            lesser = np.trunc(change * np.float32(middle)).astype(np.int16)
            if (lesser == best).all():
                break
            if lesser.any() and (yield from self.holds(lesser)):
                best, high = lesser, middle
            else:
                low = middle
        return best

    def _next(self, change: Change) -> Box | None:
        """The waiting box that held most when it was cut; one without a change is dropped."""
        while self.waiting:
            *_, box = heapq.heappop(self.waiting)
            if change[box].any():
                return box
        return None

    def _cut(self, change: Change, box: Box) -> None:
        """Let both halves of a box wait, cut where it is longest against one frame of LEAST x LEAST."""
        ends = [side.indices(n) for side, n in zip(box, change.shape, strict=False)]
        least = (1, LEAST, LEAST)
        room = [(stop - start) / m for (start, stop, _), m in zip(ends, least, strict=True)]
        axis = int(np.argmax(room))
        if room[axis] < 2:
            return
        start, stop, _ = ends[axis]
        at = (start + stop) // 2
        if self.passes > 2:
            at = int(self.rng.integers(start + least[axis], stop - least[axis] + 1))
        for side in (slice(start, at), slice(at, stop)):
            half = tuple(side if i == axis else old for i, old in enumerate(box))
            entry = (-weight(change[half]), next(self.numbers), half)
            heapq.heappush(self.waiting, entry)


def weight(change: Change) -> float:
    """Sum of squares."""
    return float(np.square(change, dtype=np.float32).sum(dtype=np.float64))


def changed_cells(clip: Frames, bound: Bound, grid: int) -> NDArray[np.float32]:
    """How far each cell (T, grid, grid) of a clip is changed, as a share of what the bound's scale allows."""
    size = np.abs(clip.astype(np.float32) - bound.clean) / np.maximum(np.abs(bound.delta), 1)
    return cell_means(np.minimum(size, 1).mean(axis=3), grid)
