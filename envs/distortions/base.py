"""What a distortion is, and what the shipped ones share.

A distortion is a plain function of a clip (uint8 (T, H, W, 3) RGB, any T, H, W >= 1, not to be
written to), a severity (1, mild, to 5, strong) and a numpy Generator, its only source of chance; it
returns a new uint8 array of the same shape. Its own settings are keyword arguments with defaults.
One that takes a keyword `variant: int` is told the number of the variant wanted (0, 1, 2, ...), so that
its variants differ by design; from any other, another variant is simply another call with the same
generator.
"""

from collections.abc import Sequence
from typing import TypeVar

from video_attack.envs.clip import Frames, check_frames

Level = TypeVar("Level")

# Linf bound in levels of 0-255; 2, 4, 8 and 16 are the usual bounds of attacks on images.
BOUNDS = (2, 4, 8, 10, 16)
_REFERENCE_SIDE = 224


def level(levels: Sequence[Level], clip: Frames, severity: int) -> Level:
    """The entry of a table of five that belongs to a severity, after both inputs were checked.

    Args:
        levels: five entries, from mild to strong.
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5.

    Raises:
        ValueError: the clip has another dtype or shape, or the severity is not 1, 2, 3, 4 or 5.
    """
    check_frames(clip)
    if severity not in range(1, 6):
        raise ValueError(f"severity={severity!r}: choose a whole number from 1 to 5 (strongest)")
    return levels[int(severity) - 1]


def linf_bound(clip: Frames, severity: int, eps: int | None) -> int:
    """The bound of a distortion that adds or takes off one number of levels.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, one of BOUNDS; without effect when eps is given.
        eps: the bound in levels of 0-255, whatever the severity; None takes it from the severity.

    Raises:
        ValueError: see `level`, or eps is not a whole number from 0 to 255.
    """
    bound = level(BOUNDS, clip, severity)
    if eps is None:
        return bound
    if eps not in range(256):
        raise ValueError(f"eps={eps!r}: choose a whole number from 0 to 255, or null")
    return int(eps)


def in_pixels(length: float, clip: Frames) -> float:
    """Scale a length given for 224-pixel images, as ImageNet-C's are, to the clip's shorter side.

    A severity then looks alike at every size; unscaled, a blur made for 224 pixels would leave
    little of a 112-pixel clip.
    """
    return length * min(clip.shape[1:3]) / _REFERENCE_SIDE
