"""What the L2 form of Square Attack proposes (Andriushchenko et al., ECCV 2020, section 3.4)."""

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.search.boxes import Region, Theta

SIGNS = np.array([-1, 1], np.float32)


class Ball:
    """Perturbations on the surface of an L2 ball, moved window by window.

    A perturbation is a set of bumps, high in the middle. A move takes what a second window holds
    and gives it, and whatever is left of the radius, to a first one, whose change is tilted towards a
    new bump of random signs. A clip is a picture of T * 3 channels, as the authors' code would take it:
    norms are those of each channel of each frame, and so are signs if it may flicker.

    Attributes:
        radius: L2 norm of a perturbation, theta being on the [0, 1] scale.

    Args:
        shape: of a clip, (T, H, W, 3).
        radius: see the attribute.
        flicker: signs are drawn for each frame; else for all of a window.
        rng: draws signs and bumps.
    """

    tiled = 5  # windows along a side of the first perturbation, as in the authors' code

    def __init__(
        self, shape: tuple[int, ...], radius: float, flicker: bool, rng: np.random.Generator
    ) -> None:
        self.shape, self.radius, self.flicker, self.rng = shape, radius, flicker, rng

    def tiles(self) -> Theta:
        """The first perturbation: a bump in each window of a grid."""
        T, H, W, _ = self.shape
        theta = np.zeros(self.shape, np.float32)
        rows, columns = (max(side // self.tiled, 1) for side in (H, W))
        for r in range(0, H, rows):
            for c in range(0, W, columns):
                window = slice(0, T), slice(r, min(r + rows, H)), slice(c, min(c + columns, W))
                theta[window] = self._signed_bump(theta[window].shape)
        return self.fitted(theta)

    def moved(self, theta: Theta, window: Region, other: Region) -> Theta:
        """Theta after a move from `other` to `window`."""
        both = np.zeros(self.shape[:3], bool)
        both[window] = both[other] = True
        unused = max(self.radius**2 - float(np.square(theta).sum(dtype=np.float64)), 0.0)
        here = theta[window]
        frames = window[0]
        # A channel keeps what it had in both windows, and gets its part of what nobody uses.
        had = np.square(theta * both[..., None]).sum((1, 2), keepdims=True)[frames]
        tilted = _unit(self._signed_bump(here.shape) + _unit(here))
        found = theta.copy()
        found[other] = 0
        found[window] = tilted * np.sqrt(had + unused / (len(here) * 3))
        return self.fitted(found)

    def fitted(self, theta: Theta) -> Theta:
        """Theta at the length of the radius."""
        return theta * np.float32(self.radius / max(float(np.linalg.norm(theta)), 1e-12))

    def _signed_bump(self, shape: tuple[int, ...]) -> Theta:
        signs = self.rng.choice(SIGNS, (shape[0] if self.flicker else 1, 1, 1, 3))
        bump = halved_bump(*shape[1:3])
        if shape[1] == shape[2] and self.rng.random() < 0.5:
            bump = bump.T
        return np.broadcast_to(signs * bump[None, ..., None], shape)


def halved_bump(rows: int, columns: int) -> NDArray[np.float32]:
    """A bump over the upper half of a window and its opposite over the lower, of the L2 norm 1."""
    upper = rows // 2
    bump = np.concatenate([_bump(upper, columns), -_bump(rows - upper, columns)])
    return (bump / np.linalg.norm(bump)).astype(np.float32)


def _bump(rows: int, columns: int) -> NDArray[np.float32]:
    """Frames within frames, each higher: the n-th counted from outside adds 1 / (rings + 1 - n)^2."""
    rings = (max(rows, columns) + 1) // 2
    r, c = np.ogrid[:rows, :columns]
    # How many of the frames, scaled to the window's sides, close a value in.
    down, across = (
        np.minimum(at, n - 1 - at) * rings / max((n + 1) // 2, 1)
        for at, n in ((r, rows), (c, columns))
    )
    within = np.minimum(down, across).astype(int)
    return np.cumsum(1 / np.arange(rings, 0, -1.0) ** 2)[within].astype(np.float32)


def _unit(values: Theta) -> Theta:
    """Each channel of each frame at an L2 norm of 1; empty ones stay 0."""
    norm = np.sqrt(np.square(values).sum((1, 2), keepdims=True))
    return values / np.maximum(norm, np.float32(1e-10))
