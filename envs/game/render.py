"""One frame of an attack as a picture: what the victim saw, where the mask lies, what it said."""

import itertools
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Frames, check_frames
from video_attack.envs.game.mask import cell_edges

Picture = NDArray[np.uint8]
Floats = NDArray[np.floating]
Colour = tuple[int, int, int]

TILE = 224  # the least side of a tile, in pixels
GAP = 8
TITLE = 24  # height of a line of text above the tiles
STRIP = 56  # height of the timeline

BACKGROUND: Colour = (24, 26, 30)
SLOT: Colour = (48, 52, 58)
INK: Colour = (235, 235, 235)
FAINT: Colour = (150, 155, 160)
GRID: Colour = (92, 96, 100)
RIGHT: Colour = (38, 135, 72)
WRONG: Colour = (200, 45, 40)
TRUE: Colour = (84, 196, 120)
OTHER: Colour = (110, 125, 145)
HEAT: Colour = (255, 140, 20)


def panel(
    original: Frames,
    distorted: Frames,
    mask: Floats,
    scores: Floats,
    classes: tuple[str, ...],
    label: int,
    frame: int,
    *,
    gain: float = 4,
    caption: str = "",
    clean_scores: Floats | None = None,
) -> Picture:
    """One picture of an attack at one frame: four tiles over a timeline of the mask.

    The tiles are the original, the distorted frame, their amplified difference under the mask, and
    the five highest scores (the true class always among them). The timeline shows how much mask
    each frame carries, in proportion to the fullest one.

    Args:
        original: uint8 (T, H, W, 3).
        distorted: uint8 (T, H, W, 3).
        mask: float (T, G, G) in [0, 1].
        scores: float (C,) probabilities that the victim gave the distorted clip.
        classes: the C class names.
        label: index of the true class.
        frame: which frame to draw, 0 <= frame < T.
        gain: factor on the difference, which is centred on mid-grey.
        caption: a line above the tiles; one that is too long is cut.
        clean_scores: float (C,) probabilities of the original clip, drawn as marks on the bars.

    Returns:
        uint8 (H', W', 3) RGB; H' and W' are even, as video encoders need, and the same for every
        frame of a clip. Tiles of small clips are enlarged to at least 224 pixels a side.

    Raises:
        ValueError: the arrays do not belong together, or there is no such frame.
    """
    _check(original, distorted, mask, scores, classes, label, frame)
    height, width = original.shape[1:3]
    enlarge = max(1.0, TILE / min(height, width))
    high, wide = round(height * enlarge), round(width * enlarge)
    tiles = {
        "original": _resize(original[frame], high, wide),
        "distorted": _resize(distorted[frame], high, wide),
        f"difference x {gain:g} and mask": difference_tile(
            original[frame], distorted[frame], mask[frame], high, wide, gain=gain
        ),
        "scores" if clean_scores is None else "scores (white marks: original)": score_tile(
            scores, classes, label, high, clean_scores
        ),
    }
    total = GAP + sum(tile.shape[1] + GAP for tile in tiles.values())
    top = GAP + (TITLE if caption else 0)
    bottom = top + TITLE + high + GAP
    canvas = _blank(_even(bottom + STRIP + GAP), _even(total))
    if caption:
        _write(canvas, caption, (GAP, top - GAP), total - 2 * GAP, bold=True)
    x = GAP
    for title, tile in tiles.items():
        _write(canvas, title, (x, top + TITLE - GAP), tile.shape[1], FAINT)
        canvas[top + TITLE : top + TITLE + high, x : x + tile.shape[1]] = tile
        x += tile.shape[1] + GAP
    canvas[bottom : bottom + STRIP, GAP : total - GAP] = timeline(mask, frame, total - 2 * GAP)
    return canvas


def difference_tile(
    original: Picture, distorted: Picture, mask: Floats, high: int, wide: int, *, gain: float = 4
) -> Picture:
    """The signed difference times `gain` around mid-grey, the mask as translucent heat, the grid.

    Args:
        original: uint8 (H, W, 3), one frame.
        distorted: uint8 (H, W, 3), the same frame.
        mask: float (G, G) in [0, 1]; cells at 0 stay untinted.
        high: height of the tile in pixels.
        wide: width of the tile in pixels.
        gain: factor on the difference.

    Returns:
        uint8 (high, wide, 3).
    """
    change = distorted.astype(np.float32) - original
    tile = _resize(np.clip(128 + gain * change, 0, 255).astype(np.uint8), high, wide)
    grid = len(mask)
    rows, columns = (
        np.round(cell_edges(length, grid) * (to / length)).astype(int)
        for length, to in ((original.shape[0], high), (original.shape[1], wide))
    )
    field = np.repeat(np.repeat(mask, np.diff(rows), 0), np.diff(columns), 1).astype(np.float32)
    opacity = np.where(field > 0, 0.15 + 0.35 * field, 0)[..., None]
    tinted = tile + opacity * (np.array(HEAT, np.float32) - tile)
    tile = np.round(tinted).astype(np.uint8)
    tile[rows[1:-1]] = GRID
    tile[:, columns[1:-1]] = GRID
    for row, column in np.argwhere(mask > 0):
        corner = (int(columns[column]), int(rows[row]))
        opposite = (int(columns[column + 1]) - 1, int(rows[row + 1]) - 1)
        cv2.rectangle(tile, corner, opposite, HEAT, 1)
    return tile


def score_tile(
    scores: Floats,
    classes: tuple[str, ...],
    label: int,
    high: int,
    clean_scores: Floats | None = None,
) -> Picture:
    """The verdict (green: still the true class, red: flipped) over bars of the top five classes.

    Args:
        scores: float (C,) probabilities; the highest is the victim's answer.
        classes: the C class names.
        label: index of the true class; takes the fifth row when it is not in the top five.
        high: height of the tile in pixels, at least 224.
        clean_scores: float (C,) probabilities before the attack, drawn as white marks.

    Returns:
        uint8 (high, 240, 3).
    """
    tile = _blank(high, TILE + 16)
    wide = tile.shape[1]
    order = [int(i) for i in np.argsort(-scores, kind="stable")[:5]]
    if label not in order:
        order[-1] = label
    answer = order[0]
    flipped = answer != label
    cv2.rectangle(tile, (0, 0), (wide - 1, 30), WRONG if flipped else RIGHT, cv2.FILLED)
    verdict = f"FLIPPED to {classes[answer]}" if flipped else "NOT FLIPPED"
    _write(tile, verdict, (8, 20), wide - 16, bold=True)
    pitch = min(48, (high - 36) // 5)
    for place, index in enumerate(order):
        y = 36 + place * pitch
        colour = TRUE if index == label else WRONG if place == 0 else OTHER
        name = f"{classes[index]} (true)" if index == label else classes[index]
        _write(tile, name, (0, y + 14), wide - 48, INK if place == 0 or index == label else FAINT)
        _write(tile, f"{scores[index]:.3f}", (0, y + 14), wide, INK, align="right")
        cv2.rectangle(tile, (0, y + 20), (wide - 1, y + 30), SLOT, cv2.FILLED)
        end = round(float(np.clip(scores[index], 0, 1)) * (wide - 1))
        if end:
            cv2.rectangle(tile, (0, y + 20), (end, y + 30), colour, cv2.FILLED)
        if clean_scores is not None:
            before = round(float(np.clip(clean_scores[index], 0, 1)) * (wide - 3))
            cv2.rectangle(tile, (before, y + 18), (before + 2, y + 32), INK, cv2.FILLED)
    return tile


def timeline(mask: Floats, frame: int, wide: int) -> Picture:
    """A strip with one bar a frame, as high as its share of the fullest frame's mask.

    Args:
        mask: float (T, G, G) in [0, 1].
        frame: the frame under the cursor.
        wide: width of the strip in pixels.

    Returns:
        uint8 (56, wide, 3).
    """
    strip = _blank(STRIP, wide)
    amount = mask.mean((1, 2))
    share = amount / max(float(amount.max()), 1e-9)
    text = 156
    _write(strip, f"frame {frame + 1} of {len(mask)}", (0, 22), text, INK)
    _write(strip, f"{100 * amount[frame]:.1f} % distorted", (0, 42), text, FAINT)
    edges = np.linspace(text, wide, len(mask) + 1).astype(int)
    for t, (left, right) in enumerate(itertools.pairwise(edges)):
        gap = 2 if right - left > 5 else 0
        strip[8 : STRIP - 8, left : right - gap] = SLOT
        tall = int(np.ceil(share[t] * (STRIP - 16)))
        strip[STRIP - 8 - tall : STRIP - 8, left : right - gap] = HEAT
        if t == frame:
            middle = int(left + right - gap) // 2
            box = (int(left), 7), (max(int(left), int(right) - gap - 1), STRIP - 8)
            cv2.rectangle(strip, *box, INK, 1)
            for tip, base in ((6, 0), (STRIP - 7, STRIP - 1)):
                corners = [[middle - 5, base], [middle + 5, base], [middle, tip]]
                cv2.fillConvexPoly(strip, np.array(corners, np.int32), INK, cv2.LINE_AA)
    return strip


def _check(
    original: Frames,
    distorted: Frames,
    mask: Floats,
    scores: Floats,
    classes: tuple[str, ...],
    label: int,
    frame: int,
) -> None:
    check_frames(original, "original")
    check_frames(distorted, "distorted")
    T = len(original)
    if distorted.shape != original.shape:
        raise ValueError(
            f"original {original.shape} and distorted {distorted.shape} must have one shape"
        )
    if mask.ndim != 3 or mask.shape[0] != T or mask.shape[1] != mask.shape[2]:
        raise ValueError(f"mask must have shape ({T}, G, G) as the clip does, not {mask.shape}")
    if scores.shape != (len(classes),):
        raise ValueError(f"scores must hold one value for each of {len(classes)} classes")
    if not (0 <= label < len(classes) and 0 <= frame < T):
        raise ValueError(
            f"label {label} or frame {frame} is not among {len(classes)} classes, {T} frames"
        )


def _blank(high: int, wide: int) -> Picture:
    return np.full((high, wide, 3), BACKGROUND, np.uint8)


def _even(length: int) -> int:
    return length + length % 2


def _resize(picture: Picture, high: int, wide: int) -> Picture:
    """Enlarge, with hard pixel edges where a pixel grows to two or more."""
    if picture.shape[:2] == (high, wide):
        return picture
    method = cv2.INTER_NEAREST if high >= 2 * picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (wide, high), interpolation=method), np.uint8)


def _write(
    canvas: Picture,
    text: str,
    at: tuple[int, int],
    width: int,
    colour: Colour = INK,
    *,
    bold: bool = False,
    align: Literal["left", "right"] = "left",
) -> None:
    """Write on the baseline `at`, cut with dots to fit `width` pixels (fonts differ by version)."""
    font = cv2.FONT_HERSHEY_DUPLEX if bold else cv2.FONT_HERSHEY_SIMPLEX
    scale = 0.45

    def measure(words: str) -> int:
        return int(cv2.getTextSize(words, font, scale, 1)[0][0])

    shown = text
    while measure(shown) > width and len(shown) > 4:
        shown = shown[:-4] + "..."
    x = at[0] + width - measure(shown) - 1 if align == "right" else at[0]
    cv2.putText(canvas, shown, (x, at[1]), font, scale, colour, 1, cv2.LINE_AA)
