"""How large and how widespread a perturbation is."""

import numpy as np

from video_attack.envs.clip import Frames, check_frames


def check_pair(original: Frames, adversarial: Frames) -> None:
    """Raise ValueError unless both are uint8 (T, H, W, 3) of the same shape."""
    check_frames(original, "the original")
    check_frames(adversarial, "the adversarial clip")
    if original.shape != adversarial.shape:
        raise ValueError(
            f"the original {original.shape} and the adversarial clip {adversarial.shape} differ in "
            "shape: compare clips as the victim saw them"
        )


def norms(original: Frames, adversarial: Frames) -> dict[str, float]:
    """Sizes of delta = adversarial - original.

    Args:
        original: uint8 (T, H, W, 3).
        adversarial: uint8, the same shape.

    Returns:
        l0_pixels: share of the T * H * W pixels of which any channel changed. This is also what
            papers call AOA, the changed area over T * H * W.
        l0_frames: share of the T frames of which any pixel changed.
        sparsity: 1 - l0_frames.
        l2: square root of the sum of squares of delta / 255 over the whole clip.
        linf: largest |delta| / 255.
        map: mean |delta| over T * H * W * 3, on the 0-255 scale.
        roughness: mean |delta_t - delta_(t-1)| over the T - 1 pairs of neighbouring frames, on the
            0-255 scale; 0 for a clip of one frame.

    Raises:
        ValueError: the clips are no uint8 clips of one shape.
    """
    check_pair(original, adversarial)
    delta = adversarial.astype(np.int16) - original
    size = np.abs(delta)
    changed = size.any(axis=-1)
    l0_frames = float(changed.any(axis=(1, 2)).mean())
    return {
        "l0_pixels": float(changed.mean()),
        "l0_frames": l0_frames,
        "sparsity": 1 - l0_frames,
        "l2": float(np.linalg.norm(delta.astype(np.float64)) / 255),
        "linf": float(size.max() / 255),
        "map": float(size.mean()),
        "roughness": float(np.abs(np.diff(delta, axis=0)).mean()) if len(delta) > 1 else 0.0,
    }
