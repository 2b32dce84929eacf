"""How alike two clips look, frame by frame."""

import numpy as np
from skimage.metrics import structural_similarity

from video_attack.envs.clip import Frames
from video_attack.envs.metrics.norms import check_pair

_WINDOW = 7
_PSNR_CAP = 100.0


def ssim(original: Frames, adversarial: Frames, changed_only: bool = False) -> float:
    """Structural similarity (Wang et al., 2004), mean over frames and colour channels.

    Untouched frames have the value 1, so that few heavily changed frames look good in the mean over
    all; the mean over the changed frames alone says how those look.

    Uniform windows of 7 x 7 pixels with K1 = 0.01, K2 = 0.03 and a range of 255; frames with a
    side below 7 get the largest odd window that fits.

    Args:
        original: uint8 (T, H, W, 3).
        adversarial: uint8, the same shape.
        changed_only: leave untouched frames out of the mean.

    Returns:
        1 for equal clips, less otherwise; nan when a side is below 3 pixels, as no window with a
        variance fits.

    Raises:
        ValueError: the clips are no uint8 clips of one shape.
    """
    check_pair(original, adversarial)
    side = min(_WINDOW, *original.shape[1:3])
    window = side - (side + 1) % 2
    if window < 3:
        return float("nan")
    found = [
        structural_similarity(a, b, win_size=window, channel_axis=-1, data_range=255)
        for a, b in zip(original, adversarial, strict=True)
        if not np.array_equal(a, b)
    ]
    untouched = 0 if changed_only and found else len(original) - len(found)
    return float((sum(found) + untouched) / (len(found) + untouched))


def psnr(original: Frames, adversarial: Frames) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared error), mean over frames.

    A frame counts at most 100 dB, an unchanged one exactly that: infinity would hide the others. Sparse
    changes therefore look better in it than they are; see `psnr_clip`.

    Args:
        original: uint8 (T, H, W, 3).
        adversarial: uint8, the same shape.

    Returns:
        0 (black against white) to 100 (equal).

    Raises:
        ValueError: the clips are no uint8 clips of one shape.
    """
    check_pair(original, adversarial)
    delta = adversarial.astype(np.float32) - original
    errors = np.mean(np.square(delta), axis=(1, 2, 3), dtype=np.float64)
    least = 255**2 / 10 ** (_PSNR_CAP / 10)
    return float(np.mean(10 * np.log10(255**2 / np.maximum(errors, least))))


def psnr_clip(original: Frames, adversarial: Frames) -> float:
    """Peak signal-to-noise ratio in dB of the clip as one signal: the squared error's mean is over all.

    Arguments, range and errors as of `psnr`.
    """
    whole = (1, 1, -1, 3)
    check_pair(original, adversarial)
    return psnr(original.reshape(whole), adversarial.reshape(whole))
