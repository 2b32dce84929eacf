"""Occlusion: opaque boxes in front of the scene, at the same place in all frames."""

from typing import Literal

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Share of a frame that is covered. No public table: about a tenth more at each severity.
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4)
_GREY = 128


def occlusion(
    clip: Frames,
    severity: int,
    rng: np.random.Generator,
    *,
    boxes: int = 3,
    fill: Literal["grey", "random"] = "grey",
) -> Frames:
    """Cover a share of each frame by rectangles of random shape and place.

    Where rectangles overlap, smaller ones are added until the share is reached, so that there may
    be more of them than `boxes`; it is exceeded by less than the rounding of a box to whole pixels.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a share of 0.05 to 0.4 of each frame, at least one pixel.
        rng: draws the places, shapes (sides 1:2 to 2:1) and colours.
        boxes: number of rectangles when none overlap, at least 1.
        fill: "grey" for mid-grey, "random" for one random colour a box.

    Raises:
        ValueError: severity is not 1 to 5, boxes is below 1, or fill is another word.
    """
    share = level(SHARES, clip, severity)
    if boxes < 1 or fill not in ("grey", "random"):
        raise ValueError(f"boxes={boxes!r}, fill={fill!r}: use boxes >= 1 and fill grey or random")
    _, H, W, _ = clip.shape
    out = clip.copy()
    covered = np.zeros((H, W), bool)
    wanted = share * H * W
    while (missing := wanted - covered.sum()) > 0:
        area = min(wanted / boxes, missing)
        aspect = 2 ** rng.uniform(-1, 1)
        height = min(H, max(1, round((area * aspect) ** 0.5)))
        width = min(W, max(1, round(area / height)))
        top, left = rng.integers(H - height + 1), rng.integers(W - width + 1)
        rows, columns = slice(top, top + height), slice(left, left + width)
        out[:, rows, columns] = _GREY if fill == "grey" else rng.integers(0, 256, 3)
        covered[rows, columns] = True
    return out
