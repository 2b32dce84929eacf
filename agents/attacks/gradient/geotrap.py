"""GEO-TRAP: noise moved by random geometric transforms.

Li et al., "Adversarial Attacks on Black Box Video Classifiers: Leveraging the Power of Geometric
Transformations", NeurIPS 2021.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Task, ThreatModel
from video_attack.agents.attacks.gradient.warps import Positions, WarpedNoise

Matrices = NDArray[np.float64]


# How many numbers each transform takes.
TRANSFORMS = {
    "translation": 2, "dilation": 1, "translation_dilation": 3, "rigid": 3, "similarity": 4,
    "affine": 6, "projective": 8,
}  # fmt: skip


class GeoTrap(WarpedNoise):
    """`WarpedNoise` by another random transform in every frame and iteration.

    A transform maps a frame's coordinates, [-1, 1] from border to border, to the places in the noise
    frame; its numbers (shifts, an angle in radians, a scale, or entries of the matrix) are standard
    normal, as in the authors' code. That code leaves out the last row of a projective matrix, which
    makes it affine; here it counts, and what lies behind the horizon is 0. Published with 10/255 as
    the bound and 60,000 queries (targeted 200,000); here the comparison's hold.

    Args:
        threat_model: see ThreatModel.
        transform: translation, dilation, translation_dilation, rigid, similarity, affine or
            projective.
        spread: standard deviation of a transform's numbers.
        **constants: see WarpedNoise.

    Raises:
        ValueError: no such transform.
    """

    name = "geotrap"
    shrinks = True
    published_eps = 10 / 255

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        transform: str = "affine",
        spread: float = 1.0,
        **constants: float,
    ) -> None:
        super().__init__(threat_model, **constants)
        if transform not in TRANSFORMS:
            raise ValueError(f"transform={transform!r}: choose one of {', '.join(TRANSFORMS)}")
        self.transform, self.spread = transform, spread

    def positions(self, task: Task) -> Iterator[Positions]:
        """New places for every noise frame."""
        frames, height, width, _ = task.bound.clean.shape
        while True:
            yield place(
                random_matrices(self.transform, frames, task.rng, self.spread), height, width
            )


def random_matrices(
    transform: str, frames: int, rng: np.random.Generator, spread: float = 1.0
) -> Matrices:
    """Matrices (T, 3, 3) on homogeneous coordinates [-1, 1]."""
    numbers = list((rng.standard_normal((frames, TRANSFORMS[transform])) * spread).T)
    matrices = np.tile(np.eye(3), (frames, 1, 1))
    if transform in ("affine", "projective"):
        matrices.reshape(frames, 9)[:, : len(numbers)] = np.transpose(numbers)
        return matrices
    if transform in ("rigid", "similarity"):
        angle = numbers.pop(0)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrices[:, :2, :2] = np.moveaxis(turn, -1, 0)
    if transform in ("dilation", "translation_dilation", "similarity"):
        matrices[:, :2, :2] *= numbers.pop(0)[:, None, None]
    if numbers:
        matrices[:, :2, 2] = np.transpose(numbers)
    return matrices


def place(matrices: Matrices, height: int, width: int) -> Positions:
    """Where matrices (T, 3, 3) take each pixel, (T, H, W, 2) as (x, y) in pixels."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    moved = np.einsum("tij,jhw->tihw", matrices, np.stack([x, y, np.ones_like(x)]))
    depth = moved[:, 2:]
    seen = depth > 1e-6
    # -3 is off the noise frame on any scale.
    flat = np.where(seen, moved[:, :2] / np.where(seen, depth, 1), -3)
    pixels = (np.clip(flat, -3, 3) + 1) / 2 * np.array([width - 1, height - 1])[:, None, None]
    return np.ascontiguousarray(np.moveaxis(pixels, 1, -1), np.float32)
