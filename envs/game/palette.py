"""Palette: what a move paints with - versions of the user's distortion, and textures."""

import functools
import inspect
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames, check_frames
from video_attack.envs.distortions.texture import (
    COLOURS,
    ORIENTATIONS,
    SCALES,
    Kind,
    band_limited,
)
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.canvas import Block, Region
from video_attack.envs.game.config import GameConfig

Distort = Callable[..., Frames]
FLICKERS = ("same", "alternating", "fresh")  # of a texture in the frames of one stroke


def distorted_variants(
    distort: Distort, frames: Frames, severity: int, variants: int, rng: np.random.Generator
) -> list[Frames]:
    """`variants` distorted versions of a clip, checked.

    A distortion that takes `variant` is told which one it makes.

    Raises:
        ValueError: the distortion returned something else than a uint8 clip of the same shape.
    """
    takes_variant = numbered(distort)
    results = []
    for variant in range(variants):
        extra = {"variant": variant} if takes_variant else {}
        # A copy, since a filter may work in place.
        result = distort(frames.copy(), severity, rng, **extra)
        check_frames(result, name="the distortion's answer")
        if result.shape != frames.shape:
            raise ValueError(f"the distortion turned a clip {frames.shape} into {result.shape}")
        results.append(result)
    return results


def numbered(distort: Distort) -> bool:
    """Whether a distortion is told which of its variants it makes."""
    try:
        return "variant" in inspect.signature(distort).parameters
    except ValueError:  # some callables written in C do not tell
        return False


class Paint(NamedTuple):
    """What a stroke is painted with: indices, see `Palette`; of `flicker`, into FLICKERS."""

    version: int
    scale: int
    orientation: int
    colour: int
    flicker: int


class Palette:
    """Which paints there are in a game, the same for all of its clips.

    Attributes:
        versions: how many versions of the distortion a move can name; those of a distortion that does
            not number its variants are alike, so that only one is named and any of them may come.
        scales: how many texture scales a move can name; if `plain`, 0 means no texture.
        plain: whether a move can paint with the distortion as it is.
        orientations, colours: how many of them there are.
    """

    def __init__(self, distort: Distort, bound: BoundConfig, config: GameConfig) -> None:
        inner = distort.func if isinstance(distort, functools.partial) else distort
        paints_textures = hasattr(inner, "paints")
        # Between the clean and the distorted clip a texture is the mask's; elsewhere it would be a
        # distortion of another type than the user's.
        masks = bound.kind == "distortion" and config.textures
        self.plain = not paints_textures
        self.textured = paints_textures or masks
        self.versions = config.variants if numbered(distort) and self.plain else 1
        self.scales = int(self.plain) + (len(SCALES) if self.textured else 0)
        self.orientations = len(ORIENTATIONS) if self.textured else 1
        self.colours = len(COLOURS) if self.textured else 1

    def block(
        self,
        clean: Frames,
        versions: list[Frames],
        region: Region,
        paint: Paint,
        rng: np.random.Generator,
    ) -> Block:
        """What a stroke adds, float32 (F, h, w, 3), of any size; faded out towards a patch's borders."""
        height, width = clean.shape[1:3]
        frames, rows, cols = region.shape
        if self.plain and paint.scale == 0:
            which = paint.version if self.versions > 1 else int(rng.integers(len(versions)))
            block = versions[which][region].astype(np.float32) - clean[region]
        else:
            kind = Kind(paint.scale - int(self.plain), paint.orientation, paint.colour)
            fresh = FLICKERS[paint.flicker] == "fresh"
            fields = [
                band_limited(rng, rows, cols, height, kind) for _ in range(frames if fresh else 1)
            ]
            block = np.stack(fields) if fresh else np.repeat(fields[0][None], frames, 0)
            if FLICKERS[paint.flicker] == "alternating":
                block[1::2] *= -1
        for axis, (length, whole) in enumerate(((rows, height), (cols, width)), start=1):
            if length < whole:
                shape = [1, 1, 1, 1]
                shape[axis] = length
                block = block * _window(length).reshape(shape)
        return block


@functools.lru_cache(maxsize=64)
def _window(length: int) -> NDArray[np.float32]:
    """Half a sine wave over `length` pixels: 1 in the middle, near 0 at the ends."""
    return np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)
