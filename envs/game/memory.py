"""Memory of an episode: what the answers said of the cells, with its uncertainty."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PRIOR = 0.5  # weight of the prior, in answers


class SensitivityMemory:
    """Posterior over the cells' sensitivity: the variance of the margin's slope along a stroke there.

    A stroke of norm n that lowers the margin by d has the slope d / n. Slopes of fresh strokes are taken
    for normal with mean 0 and a variance that is the cells' own; an answer counts for a cell by the
    share of the stroke's energy there. With the conjugate inverse-gamma prior the posterior is again
    inverse-gamma (Gelman et al., Bayesian Data Analysis, section 2.6), so that what is kept is two
    sums a cell: how many answers, and of which squared slopes.

    Attributes:
        answers: float32 (T, G, G), answers that a cell has had, by shares.
        squares: float32 (T, G, G), their squared slopes, by the same shares.
        drop: float32 (T, G, G), mean slope, by the same shares (a sum).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.answers, self.squares, self.drop = (np.zeros(shape, np.float32) for _ in range(3))
        self._sum, self._count = 0.0, 0

    def credit(self, shares: Array, drop: float, norm: float) -> None:
        """Take in one answer.

        Args:
            shares: (T, G, G), of the change's energy, their sum is 1; nothing is learned if it is 0.
            drop: of the margin.
            norm: L2 norm of the change that caused it.
        """
        if norm <= 0 or not shares.any():
            return
        slope = drop / norm
        # A cell that got a tenth of the energy says little, but all cells of a stroke say something.
        weight = shares / shares.max()
        self.answers += weight
        self.squares += weight * np.float32(slope * slope)
        self.drop += weight * np.float32(slope)
        self._sum, self._count = self._sum + slope * slope, self._count + 1

    def sensitivity(self) -> Array:
        """Posterior standard deviation of the slope over the mean of all answers, log2 in [-1, 1].

        0 where nothing is known; (T, G, G).
        """
        if not self._count or self._sum <= 0:
            return np.zeros_like(self.answers)
        mean = self._sum / self._count
        posterior = (PRIOR * mean + self.squares) / (PRIOR + self.answers)
        return np.clip(np.log2(np.maximum(posterior / mean, 1e-6)) / 8, -1, 1).astype(np.float32)

    def certainty(self) -> Array:
        """How much of the posterior is answers and not prior, from 0 to 1, (T, G, G)."""
        return self.answers / (self.answers + np.float32(PRIOR))

    def picture(self) -> Array:
        """Posterior standard deviation of the slope (T, G, G), nats per unit norm; NaN where unknown."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(
                self.answers > 0.05, np.sqrt(self.squares / self.answers), np.nan
            ).astype(np.float32)
