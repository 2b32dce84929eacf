"""STDE: differential evolution of one box a frame, for victims that show only a label.

Jiang et al., "Efficient Decision-based Black-box Patch Attacks on Video Recognition", ICCV 2023.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.decision.label_only import LabelOnly
from video_attack.envs.clip import Frames

# One row a frame: whether it has a box (above 0.5), then the box's top, bottom, left and right as
# shares of the frame, in either order.
Genes = NDArray[np.float64]


class Stde(LabelOnly):
    """Evolves boxes that show a texture, for the smallest area that keeps the label flipped.

    The authors fill the boxes with a video of the target class. There is none at hand, and clips stay
    in the bound, so that the texture is the corner that first flipped the label (see `LabelOnly`);
    what it took to find it is counted. Its own box covers every frame: the first of the population,
    known to flip. The others keep the frames of the largest difference in time, ever fewer, with
    random boxes; those that do not flip have an infinite area, and the first child that flips takes
    their place. Then, as published, each child is made by mutation and crossover in space and time,
    and replaces its parent if it is smaller and still flips. A child that is not smaller cannot win
    and is not asked about. Published with 3,000 queries; here the comparison's budget holds.

    Args:
        threat_model: see ThreatModel.
        population: number of candidates.
        scale: weight of the difference of two candidates in a mutation.
        crossover: share of a child's frames that come from the mutant.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "stde"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        population: int = 15,
        scale: float = 0.5,
        crossover: float = 0.7,
    ) -> None:
        super().__init__(threat_model)
        if population < 4:
            raise ValueError(f"population={population}: must be at least 4, to mutate by three")
        if not 0 < scale <= 2 or not 0 < crossover <= 1:
            raise ValueError(
                f"scale={scale}, crossover={crossover}: must be above 0, at most 2 and 1"
            )
        self.population, self.scale, self.crossover = population, scale, crossover

    def moves(self, task: Task) -> Proposals:
        """One clip at a time."""
        texture = yield from self.start(task)
        height, width = texture.shape[1:3]
        genes = np.stack(list(first_boxes(task.bound.clean, self.population, task.rng)))
        areas = np.full(self.population, np.inf)
        areas[0] = boxes(genes[0], height, width).sum()
        for parent in range(1, self.population):
            shown = boxes(genes[parent], height, width)
            if (yield from self.flips(task, texture * shown)):
                areas[parent] = shown.sum()
        while areas.max() > 1:  # pixels
            for parent in range(self.population):
                child = self.child(genes, areas, parent, task.rng)
                shown = boxes(child, height, width)
                if not 0 < shown.sum() < areas[parent]:
                    child = shrunk(genes[parent], task.rng)
                    shown = boxes(child, height, width)
                if not 0 < shown.sum() < areas[parent]:
                    continue
                if (yield from self.flips(task, texture * shown)):
                    genes[parent], areas[parent] = child, shown.sum()

    def child(
        self, genes: Genes, areas: NDArray[np.float64], parent: int, rng: np.random.Generator
    ) -> Genes:
        """The best candidate, moved by a difference of two others, crossed with the parent."""
        one, other = rng.choice(len(genes), 2, replace=False)
        mutant = genes[areas.argmin()] + self.scale * (genes[one] - genes[other])
        taken = rng.random(len(mutant)) < self.crossover
        taken[rng.integers(len(mutant))] = True
        return np.where(taken[:, None], np.clip(mutant, 0, 1), genes[parent])


def first_boxes(clip: Frames, count: int, rng: np.random.Generator) -> Iterator[Genes]:
    """The whole clip, then random boxes on the frames that change most, from all of them to one."""
    frames = len(clip)
    yield np.tile([1.0, 0.0, 1.0, 0.0, 1.0], (frames, 1))
    step = np.abs(np.diff(clip.astype(np.float32), axis=0, prepend=clip[:1])).mean(axis=(1, 2, 3))
    rank = np.argsort(np.argsort(-step, kind="stable"), kind="stable")
    for kept in np.linspace(frames, 1, count - 1).round():
        ends = rng.uniform([0, 0.5, 0, 0.5], [0.5, 1, 0.5, 1], (frames, 4))
        yield np.column_stack([rank < kept, ends])


def boxes(genes: Genes, height: int, width: int) -> NDArray[np.bool_]:
    """Which pixels the boxes cover, (T, H, W, 1)."""
    shown = np.zeros((len(genes), height, width, 1), bool)
    for frame, (there, *ends) in enumerate(genes):
        rows = np.sort(np.rint(np.array(ends[:2]) * height).astype(int))
        columns = np.sort(np.rint(np.array(ends[2:]) * width).astype(int))
        shown[frame, slice(*rows), slice(*columns)] = there > 0.5
    return shown


def shrunk(genes: Genes, rng: np.random.Generator) -> Genes:
    """The candidate with the box of one of its frames taken away or drawn in at random."""
    smaller = genes.copy()
    frame = rng.choice(np.flatnonzero(genes[:, 0] > 0.5))
    if rng.random() < 0.5:
        smaller[frame, 0] = 0
    else:
        top, bottom, left, right = genes[frame, 1:]
        cut = rng.uniform(0, 0.5, 4)
        height, width = bottom - top, right - left
        smaller[frame, 1:] += cut * [height, -height, width, -width]
    return smaller
