"""JPEG compression of every frame."""

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.distortions.jpeg import compress


def jpeg(clip: Frames, rng: np.random.Generator, *, quality: int = 75) -> Frames:
    """Encode and decode each frame by itself; nothing is random.

    Source: Das et al., "Keeping the bad guys out" (2017); Guo et al., ICLR 2018, who use a quality
    of 75.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: unused.
        quality: 1 to 100; less is more compression, and a stronger defence that costs more accuracy.

    Raises:
        ValueError: quality is out of its range.
    """
    if quality not in range(1, 101):
        raise ValueError(f"quality={quality!r}: choose a whole number from 1 to 100")
    return compress(clip, int(quality))
