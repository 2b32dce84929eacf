"""Band-limited random textures: the pattern of a distortion for bounds that bring none of their own."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import linf_bound

# Wavelengths as shares of the frame's side, from fine to coarse; 0 is flat.
SCALES = (1 / 28, 1 / 14, 1 / 7, 1 / 4, 1 / 2, 0.0)
ORIENTATIONS = ("any", "rows", "columns")
COLOURS = ("grey", "one", "free")
STRETCH = 4  # how many times longer an oriented pattern is along its stripes


class Kind(NamedTuple):
    """Indices into SCALES, ORIENTATIONS and COLOURS."""

    scale: int
    orientation: int
    colour: int


KINDS = len(SCALES) * len(ORIENTATIONS) * len(COLOURS)


def kind_of(variant: int) -> Kind:
    """The kind of a variant, counted modulo KINDS; the colour changes first, the scale last."""
    shape = (len(SCALES), len(ORIENTATIONS), len(COLOURS))
    return Kind(*(int(i) for i in np.unravel_index(variant % KINDS, shape)))


def band_limited(
    rng: np.random.Generator, height: int, width: int, side: int, kind: Kind
) -> NDArray[np.float32]:
    """A random pattern (height, width, 3) of about unit variance with one dominant wavelength.

    Normal numbers on a coarse lattice of half a wavelength, interpolated by cubic splines; the lattice
    is shifted at random.

    Args:
        rng: draws it.
        height: of the pattern, in pixels.
        width: of the pattern, in pixels.
        side: of the frame, to which scales refer.
        kind: scale, orientation and colour.
    """
    wave = SCALES[kind.scale] * side
    colour = COLOURS[kind.colour]
    fields = [
        _field(rng, height, width, wave, kind.orientation)
        for _ in range(3 if colour == "free" else 1)
    ]
    if colour == "free":
        return np.stack(fields, axis=-1)
    tint = np.ones(3, np.float32)
    if colour == "one":
        tint = rng.standard_normal(3).astype(np.float32)
        tint *= np.sqrt(3) / max(float(np.linalg.norm(tint)), 1e-6)
    return fields[0][..., None] * tint


def _field(
    rng: np.random.Generator, height: int, width: int, wave: float, orientation: int
) -> NDArray[np.float32]:
    if wave == 0:
        return np.full((height, width), rng.choice((-1.0, 1.0)), np.float32)
    long, short = max(STRETCH * wave / 2, 1.0), max(wave / 2, 1.0)
    step_y = long if ORIENTATIONS[orientation] == "columns" else short
    step_x = long if ORIENTATIONS[orientation] == "rows" else short
    nodes_y, nodes_x = int(height / step_y) + 3, int(width / step_x) + 3
    lattice = rng.standard_normal((nodes_y, nodes_x), np.float32)
    shift_y, shift_x = rng.random(2) + 0.5
    place = np.array([[1 / step_x, 0, shift_x], [0, 1 / step_y, shift_y]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        lattice, place, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT
    )


def texture(
    clip: Frames,
    severity: int,
    rng: np.random.Generator,
    *,
    variant: int = 0,
    eps: int | None = None,
) -> Frames:
    """Add a fresh texture to every frame; scale, orientation and colour depend on the variant.

    No value moves by more than eps.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, see `linf_bound`.
        rng: draws the pattern.
        variant: which kind, see `kind_of`.
        eps: the bound in levels of 0-255, or None; see `linf_bound`.

    Raises:
        ValueError: severity is not 1 to 5, or eps is not a whole number from 0 to 255.
    """
    bound = linf_bound(clip, severity, eps)
    height, width = clip.shape[1:3]
    kind = kind_of(variant)
    pattern = np.stack([band_limited(rng, height, width, height, kind) for _ in clip])
    moved = clip + np.clip(pattern * (bound / 2), -bound, bound)  # two standard deviations fit in
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


texture.paints = band_limited  # type: ignore[attr-defined] # the game paints patches of it directly
