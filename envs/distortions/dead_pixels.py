"""Dead pixels: sensor elements that show the same colour in every frame."""

from typing import Literal

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.base import level

# Share of the pixels. No public table: 1 in 200 is just visible, 1 in 10 a ruined sensor.
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)


def dead_pixels(
    clip: Frames,
    severity: int,
    rng: np.random.Generator,
    *,
    kind: Literal["black", "stuck"] = "black",
) -> Frames:
    """Give random pixels one fixed colour, the same pixels and colours in all frames.

    Args:
        clip: uint8 (T, H, W, 3).
        severity: 1 to 5, a share of 0.005 to 0.1 of the pixels, at least one pixel.
        rng: draws the pixels, and the colours of stuck ones.
        kind: "black" for pixels without light; "stuck" for pixels with one or more colour channels
            at 255 and the others at 0.

    Raises:
        ValueError: severity is not 1 to 5, or the kind is another word.
    """
    share = level(SHARES, clip, severity)
    if kind not in ("black", "stuck"):
        raise ValueError(f"kind={kind!r}: choose black or stuck")
    T, H, W, _ = clip.shape
    count = max(1, round(share * H * W))
    pixels = rng.choice(H * W, count, replace=False)
    out = clip.copy().reshape(T, H * W, 3)
    if kind == "black":
        out[:, pixels] = 0
    else:
        lit = rng.integers(1, 8, count)  # three bits, one a channel, never all off
        out[:, pixels] = 255 * (lit[:, None] >> np.arange(3) & 1)
    return out.reshape(clip.shape)
