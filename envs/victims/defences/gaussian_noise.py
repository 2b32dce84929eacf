"""Gaussian noise: with many votes, randomised smoothing."""

import numpy as np

from video_attack.envs.clip import Frames


def gaussian_noise(clip: Frames, rng: np.random.Generator, *, sigma: float = 0.05) -> Frames:
    """Add normal noise of mean 0, independent for every value, rounded and cut to 0-255.

    Source: Cohen, Rosenfeld and Kolter, "Certified adversarial robustness via randomized smoothing"
    (ICML 2019). Their certificate does not hold here: it needs thousands of votes, and noise that is
    neither rounded nor cut nor the same each time for one clip.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: draws the noise.
        sigma: standard deviation as a share of the full range of 255, at least 0. A victim that was
            not trained under noise bears little of it.

    Raises:
        ValueError: sigma is below 0.
    """
    if not 0 <= sigma < np.inf:
        raise ValueError(f"sigma={sigma!r}: choose a share of the full range, 0 or more")
    values = clip + rng.standard_normal(clip.shape, dtype=np.float32) * np.float32(255 * sigma)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
