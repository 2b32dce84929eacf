"""Bound: how far an attack may move a clip, the same for all attacks of one comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames


@dataclass(frozen=True)
class Bound:
    """The clips that may be asked about, and a scale on which attacks can move among them.

    A point theta gives the clip `clean + theta * delta`. Under an Linf bound delta is eps and theta
    lies in [-1, 1]; when the bound is a distortion, delta is what the distortion changes and theta,
    the weight of the blend, lies in [0, 1].

    Attributes:
        clean: uint8 (T, H, W, 3).
        delta: float32 (T, H, W, 3), the change in levels of 0-255 at theta = 1.
        low: the least theta, -1 or 0; the most is 1.
        least: uint8 (T, H, W, 3), the least value of each pixel; also `most`.
        most: uint8 (T, H, W, 3).
    """

    clean: Frames
    delta: NDArray[np.float32]
    low: float
    least: Frames
    most: Frames

    @classmethod
    def linf(cls, clean: Frames, eps: int) -> "Bound":
        """No value moves by more than `eps` levels, 1 to 255."""
        wide = clean.astype(np.int16)
        least, most = (np.clip(wide + sign * eps, 0, 255).astype(np.uint8) for sign in (-1, 1))
        return cls(clean, np.full(clean.shape, eps, np.float32), -1.0, least, most)

    @classmethod
    def between(cls, clean: Frames, distorted: Sequence[Frames]) -> "Bound":
        """Each value lies between the clean clip and its distorted versions (at least one).

        Theta blends with the first version.
        """
        delta = distorted[0].astype(np.float32) - clean
        versions = [clean, *distorted]
        return cls(clean, delta, 0.0, np.minimum.reduce(versions), np.maximum.reduce(versions))

    def render(self, theta: NDArray[np.floating]) -> Frames:
        """The clip at theta, uint8 (T, H, W, 3), or (N, T, H, W, 3) for N points.

        Args:
            theta: float, of a shape that broadcasts to (T, H, W, 3) or (N, T, H, W, 3).
        """
        moved = self.clean + np.clip(theta, self.low, 1.0).astype(np.float32) * self.delta
        return np.clip(np.rint(moved), 0, 255).astype(np.uint8)

    def project(self, clips: Frames) -> Frames:
        """Clips (N, T, H, W, 3) with each value moved into the bound."""
        return np.clip(clips, self.least, self.most)
