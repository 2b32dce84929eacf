"""Bound: how far an attack may move a clip, the same for all attacks of one comparison."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames

KINDS = ("distortion", "linf", "l2", "none")
_ALL = (-4, -3, -2, -1)  # axes of one clip


@dataclass
class BoundConfig:
    """Which bound; see conf/bound/ for the meaning of each key.

    Raises:
        ValueError: a value out of its range, or one that this kind of bound does not take.
    """

    kind: str = "distortion"
    eps: int | None = None
    radius: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"bound.kind={self.kind!r}: choose one of {', '.join(KINDS)}")
        for key, kind in (("eps", "linf"), ("radius", "l2")):
            value = getattr(self, key)
            if self.kind == kind and value is None:
                raise ValueError(f"bound.{key} has no value: bound={kind} needs one")
            if self.kind != kind and value is not None:
                raise ValueError(
                    f"bound.{key}={value}: only bound={kind} takes it, this is bound={self.kind}"
                )
        if self.eps is not None and not 1 <= self.eps <= 255:
            raise ValueError(f"bound.eps={self.eps}: choose from 1 to 255")
        if self.radius is not None and not 0 < self.radius < math.inf:
            raise ValueError(f"bound.radius={self.radius}: choose a finite number above 0")

    def around(self, clean: Frames, distorted: Sequence[Frames]) -> "Bound":
        """The bound of one clip.

        Args:
            clean: uint8 (T, H, W, 3).
            distorted: its distorted versions, at least one; used where they are the bound.
        """
        if self.kind == "linf":
            return Bound.linf(clean, self.eps or 0)
        if self.kind == "l2":
            return Bound.l2(clean, self.radius or 0.0)
        return Bound.free(clean) if self.kind == "none" else Bound.between(clean, distorted)


@dataclass(frozen=True)
class Bound:
    """The clips that may be asked about, and a scale on which attacks can move among them.

    A point theta gives the clip `clean + theta * delta`. Under an Linf bound delta is eps and theta
    lies in [-1, 1]; when the bound is a distortion, delta is what the distortion changes and theta,
    the weight of the blend, lies in [0, 1]. Under an L2 bound and without one, delta is the whole
    scale, 255, and theta lies in [-1, 1]: no single value has an edge to go to, see `stroke`.

    Attributes:
        clean: uint8 (T, H, W, 3).
        delta: float32 (T, H, W, 3), the change in levels of 0-255 at theta = 1.
        low: the least theta, -1 or 0; the most is 1.
        lower: uint8 (T, H, W, 3), the least value of each pixel; also `upper`.
        upper: uint8 (T, H, W, 3).
        edged: whether theta 1 is the edge of the bound.
        radius: the most L2 norm of a change of the whole clip on the [0, 1] scale, or None.
    """

    clean: Frames
    delta: NDArray[np.float32]
    low: float
    lower: Frames
    upper: Frames
    edged: bool = True
    radius: float | None = None

    @classmethod
    def linf(cls, clean: Frames, eps: int) -> "Bound":
        """No value moves by more than `eps` levels, 1 to 255."""
        wide = clean.astype(np.int16)
        lower, upper = (np.clip(wide + sign * eps, 0, 255).astype(np.uint8) for sign in (-1, 1))
        return cls(clean, np.full(clean.shape, eps, np.float32), -1.0, lower, upper)

    @classmethod
    def between(cls, clean: Frames, distorted: Sequence[Frames]) -> "Bound":
        """Each value lies between the clean clip and its distorted versions (at least one).

        Theta blends with the first version.
        """
        delta = distorted[0].astype(np.float32) - clean
        versions = [clean, *distorted]
        return cls(clean, delta, 0.0, np.minimum.reduce(versions), np.maximum.reduce(versions))

    @classmethod
    def l2(cls, clean: Frames, radius: float) -> "Bound":
        """No clip is further away than `radius`, the L2 norm of the whole clip on [0, 1]."""
        return cls(*_scale(clean), edged=False, radius=radius)

    @classmethod
    def free(cls, clean: Frames) -> "Bound":
        """Every clip; the norm is what an attack keeps small."""
        return cls(*_scale(clean), edged=False)

    def stroke(self, levels: float) -> float:
        """Theta of a plain move of one value: to the bound's edge, or by `levels` if it has none."""
        return 1.0 if self.edged else min(levels / 255, 1.0)

    def inside(self, theta: NDArray[np.floating]) -> NDArray[np.float32]:
        """Theta cut to its range and, under an L2 bound, each point of it scaled down into the ball."""
        cut = np.clip(theta, self.low, 1.0).astype(np.float32)
        if self.radius is None:
            return cut
        change = np.square(cut * (self.delta / np.float32(255)))
        norm = np.sqrt(change.sum(axis=_ALL, keepdims=True, dtype=np.float64))
        return cut * np.minimum(1, self.radius / np.maximum(norm, 1e-12)).astype(np.float32)

    def render(self, theta: NDArray[np.floating]) -> Frames:
        """The clip at theta, uint8 (T, H, W, 3), or (N, T, H, W, 3) for N points.

        Args:
            theta: float, of a shape that broadcasts to (T, H, W, 3) or (N, T, H, W, 3); it is taken
                `inside`. Rounding may still bring the clip a little out of an L2 ball.
        """
        moved = self.clean + self.inside(theta) * self.delta
        return np.clip(np.rint(moved), 0, 255).astype(np.uint8)

    def farthest(self) -> Frames:
        """The largest change that is admitted, uint8 (T, H, W, 3): each value at its farther end.

        Of a distortion with one version that is the wholly distorted clip.
        """
        up = self.upper.astype(np.int16) - self.clean > self.clean.astype(np.int16) - self.lower
        return self.project(np.where(up, self.upper, self.lower)[None])[0]

    def project(self, clips: Frames) -> Frames:
        """Clips (N, T, H, W, 3) moved into the bound, on whole levels; those inside stay as they are.

        Values are cut to their range. A clip outside an L2 ball is then drawn towards the clean one
        until it fits, see `shortened`.
        """
        cut = np.clip(clips, self.lower, self.upper)
        if self.radius is None:
            return cut
        for clip in cut:
            change = clip.astype(np.int64) - self.clean
            if _length(change) > self.radius:
                clip[:] = self.clean + shortened(change, self.radius)
        return cut


def shortened(change: NDArray[np.number], radius: float) -> NDArray[np.int64]:
    """A change in levels (T, H, W, 3), scaled down to a radius if need be, and whole within that norm.

    What is rounded up is chosen by the largest fractions first, as long as the norm allows it, so
    that a faint change of a whole clip is thinned out instead of vanishing in rounding. No value
    changes its sign, and none grows but a fraction to the next level.

    Args:
        change: whole levels, or floats.
        radius: on the [0, 1] scale.
    """
    size = np.abs(change).ravel()
    radius = min(radius, _length(change))
    wanted = size * (radius / max(_length(change), 1e-12))
    found = np.floor(wanted).astype(np.int64)
    # Equal fractions are taken in an order that is the same each time, and no pattern.
    ties = np.random.default_rng([size.size, 1]).random(size.size, np.float32)
    order = np.argsort(found - wanted - 1e-3 * ties * (wanted > found))
    order = order[(wanted > found)[order]]
    energy = np.square(found).sum() + np.cumsum(2 * found[order] + 1)
    fits = int(np.searchsorted(energy, (255 * radius) ** 2, side="right"))
    found[order[:fits]] += 1
    while np.sqrt(np.square(found).sum()) / 255 > radius:  # the last digit of a float
        found[np.flatnonzero(found)[0]] -= 1
    return np.sign(change).astype(np.int64) * found.reshape(change.shape)


def _length(change: NDArray[np.number]) -> float:
    """L2 norm on the [0, 1] scale of a change in levels."""
    return float(np.sqrt(np.square(change).sum()) / 255)


def _scale(clean: Frames) -> tuple[Frames, NDArray[np.float32], float, Frames, Frames]:
    """What bounds without an edge have in common: clean, delta, low, lower and upper."""
    whole = np.full(clean.shape, 255, np.uint8)
    return clean, whole.astype(np.float32), -1.0, np.zeros_like(clean), whole
