"""Where more distortion promises most: what the victim answered, carried over to neighbouring cells."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float32]

# Standard deviations of the kernel in frames, rows and columns. On I3D the effects of single cells
# of 4 frames correlate by 0.58 and 0.38 at a distance of 4 and 12 frames, 0.53 and 0.26 at 1 and 2
# columns.
WIDTHS = (6.0, 1.1, 1.1)
DOUBT = 0.1  # tries that weigh as much as the guess "no effect"
BONUS = 1.0  # of what is unknown, in typical effects
OWN = (
    16.0  # a box of so many cells halves, and halves again, the promise of the cells that it tried
)


class Promise:
    """Upper confidence bound of the drop of the margin that distorting a cell brings.

    A victim that is sensitive in one place is so in the places and frames around it. Each answer's
    drop is shared out to the cells that its move changed, as `SensitivityMemory` credits it; a kernel
    regression (Nadaraya 1964, Watson 1964) carries it to its neighbours; what is far from all tries
    gets a bonus (cf. Srinivas et al., Gaussian process optimization in the bandit setting, 2010).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """Nothing tried yet, on cells (T, G, G)."""
        self._drops, self._tries, self._own = np.zeros((3, *shape), np.float32)
        self._squares, self._moves = 0.0, 0

    def credit(self, added: NDArray[np.bool_], taken: NDArray[np.bool_], drop: float) -> None:
        """Learn one answer: cells (T, G, G) that gained and that lost distortion."""
        changed = added | taken
        count = int(changed.sum())
        if count:
            self._drops += np.where(added, drop, -drop).astype(np.float32) / count * changed
            self._tries += changed
            self._own += np.float32(OWN / count) * changed
            self._squares, self._moves = self._squares + (drop / count) ** 2, self._moves + 1

    def bound(self) -> Array:
        """The bound of each cell (T, G, G), from 0 (least) to 1 (most), the same where all are new."""
        drops, tries = (
            gaussian_filter(part, WIDTHS, mode="constant", truncate=2.5)
            for part in (self._drops, self._tries)
        )
        typical = np.sqrt(self._squares / max(self._moves, 1))
        found = drops / (tries + DOUBT) + BONUS * typical / np.sqrt(1 + tries / DOUBT)
        found -= found.min()
        found /= max(float(found.max()), 1e-9)
        return (found / (1 + self._own) ** 2).astype(np.float32, copy=False)
