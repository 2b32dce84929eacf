"""How steady a perturbation is in time, against the motion of the clip."""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames
from video_attack.envs.metrics.norms import check_pair

Floats = NDArray[np.float32]

_LEAST = 12  # pixels a side; smaller frames have no optical flow
# Sundaram, Brox and Keutzer: a pixel has no match where there and back differ by more than this.
_SHARE, _SLACK = 0.01, 0.5  # of the squared lengths of both flows; pixels^2


def warping_error(original: Frames, adversarial: Frames) -> float:
    """Flicker that the attack adds, seen along the motion of the original clip.

    With F_t the optical flow of the *original* from frame t to t + 1, warp(y, F)(p) = y(p + F(p)), and
    M_t(p) = 1 where the pixel p of frame t is still visible in frame t + 1, else 0:

        E(x) = mean over t of  sum_p M_t |x_t - warp(x_(t+1), F_t)|^2 / (3 sum_p M_t),

    on the [0, 1] scale, and the figure is E(adversarial) - E(original). A pixel is visible when
    p + F_t(p) lies in the frame and the flow back agrees: |F + B|^2 < 0.01 (|F|^2 + |B|^2) + 0.5, B being
    the backward flow at p + F(p). Pairs of frames without a visible pixel are left out.

    Flow: DIS (Kroeger et al., ECCV 2016), OpenCV's medium preset, on grey values. Warping error: Lai
    et al., "Learning blind video temporal consistency" (ECCV 2018); the visibility test: Sundaram,
    Brox and Keutzer (ECCV 2010).

    Args:
        original: uint8 (T, H, W, 3).
        adversarial: uint8, the same shape.

    Returns:
        -1 to 1; 0 for equal clips, and for a change that moves with the picture and reaches 0 or 255
        nowhere; negative where the attack smooths the clip; nan when no pair of frames can be
        compared: one frame only, a side below 12 pixels, nothing visible.

    Raises:
        ValueError: the clips are no uint8 clips of one shape.
    """
    check_pair(original, adversarial)
    if min(original.shape[1:3]) < _LEAST:
        return float("nan")
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in original]
    added = []
    for t in range(len(original) - 1):
        there = flow.calc(greys[t], greys[t + 1], None)
        back = flow.calc(greys[t + 1], greys[t], None)
        seen = visible_pixels(there, back)
        if seen.any():
            before, after = (
                np.square(clip[t] / 255 - sample(clip[t + 1] / 255, there), dtype=np.float64)[seen]
                for clip in (original, adversarial)
            )
            added.append(after.mean() - before.mean())
    return float(np.mean(added)) if added else float("nan")


def sample(picture: NDArray[np.floating], flow: Floats) -> Floats:
    """The picture (H, W, C) at p + flow(p), bilinear, its border repeated; flow (H, W, 2) is (x, y)."""
    H, W = flow.shape[:2]
    x, y = np.meshgrid(np.arange(W, dtype=np.float32), np.arange(H, dtype=np.float32))
    moved: Floats = cv2.remap(
        picture.astype(np.float32), x + flow[..., 0], y + flow[..., 1],
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return moved


def visible_pixels(there: Floats, back: Floats) -> NDArray[np.bool_]:
    """Which pixels of a frame are in the next one too, (H, W); flows are float32 (H, W, 2)."""
    H, W = there.shape[:2]
    columns, rows = np.meshgrid(np.arange(W), np.arange(H))
    x, y = columns + there[..., 0], rows + there[..., 1]
    inside = (x >= 0) & (x <= W - 1) & (y >= 0) & (y <= H - 1)
    returned = sample(back, there)
    gap = np.square(there + returned).sum(axis=2)
    lengths = np.square(there).sum(axis=2) + np.square(returned).sum(axis=2)
    matched: NDArray[np.bool_] = inside & (gap < _SHARE * lengths + _SLACK)
    return matched
