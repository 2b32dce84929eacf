"""Clips as files: H.264 to look at, FFV1 to keep every bit."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from video_attack.agents.core.files import write_whole
from video_attack.envs.clip import Frames, check_frames
from video_attack.envs.game.render import panel
from video_attack.envs.h264 import ENCODER, PIXELS, even_sides, set_encoder

Codec = Literal["h264", "ffv1"]
CONTAINERS = {"h264": {".mp4": "mp4"}, "ffv1": {".mkv": "matroska", ".avi": "avi"}}
BT709, TV_RANGE = 1, 1  # FFmpeg's numbers, written into the file so that players agree on colours


def write_video(
    path: str | Path, frames: Frames, fps: float = 8, codec: Codec = "h264", crf: int = 18
) -> None:
    """Write a video file, whole or not at all.

    Args:
        path: `.mp4` for h264; `.mkv` or `.avi` for ffv1. An older file is replaced.
        frames: uint8 (T, H, W, 3) RGB.
        fps: frames a second.
        codec: "h264" (yuv420p, BT.709: plays in browsers; lossy, and an odd side grows by one
            repeated line) or "ffv1" (RGB: reads back bit for bit).
        crf: quality of h264, 0 (best) to 51.

    Raises:
        ValueError: the frames are no uint8 clip, or codec and file name do not belong together.
        OSError: the folder is missing or the disk is full; no partial file is left.
    """
    check_frames(frames, "frames")
    container = CONTAINERS.get(codec, {}).get(Path(path).suffix.lower())
    if container is None:
        raise ValueError(
            f"{Path(path).name} as {codec!r}: name it .mp4 for 'h264', .mkv or .avi for 'ffv1'"
        )
    if codec == "h264":
        frames = even_sides(frames)
    # Encoding into memory leaves the disk to one write, whose failure cannot go unnoticed.
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        rate = Fraction(fps).limit_denominator(1000)
        stream = file.add_stream(ENCODER if codec == "h264" else "ffv1", rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = PIXELS if codec == "h264" else "bgr0"
        colours = {}
        if codec == "h264":
            colours = {"dst_colorspace": BT709, "dst_color_range": TV_RANGE}
            context = stream.codec_context
            set_encoder(context, crf)
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = TV_RANGE
        for picture in frames:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            file.mux(stream.encode(image.reformat(format=stream.pix_fmt, **colours)))
        file.mux(stream.encode())
    write_whole(path, buffer.getvalue())


def side_by_side(
    path: str | Path,
    original: Frames,
    distorted: Frames,
    mask: NDArray[np.floating],
    scores_clean: NDArray[np.floating],
    scores: NDArray[np.floating],
    classes: tuple[str, ...],
    label: int,
    *,
    caption: str = "",
    loops: int = 3,
    fps: float = 8,
) -> None:
    """Write an mp4 of the panels (see `video_attack.envs.game.render.panel`) of a whole clip.

    Args:
        path: where to, `.mp4`.
        original: uint8 (T, H, W, 3).
        distorted: uint8 (T, H, W, 3).
        mask: float (T, G, G) in [0, 1].
        scores_clean: float (C,) probabilities of the original clip.
        scores: float (C,) probabilities of the distorted clip.
        classes: the C class names.
        label: index of the true class.
        caption: a line above the tiles.
        loops: how often the clip is shown, so that 16 frames can be watched.
        fps: frames a second.

    Raises:
        ValueError: the arrays do not belong together.
        OSError: the file cannot be written; see `write_video`.
    """
    panels = [
        panel(
            original, distorted, mask, scores, classes, label, frame,
            caption=caption, clean_scores=scores_clean,
        )
        for frame in range(len(original))
    ]  # fmt: skip
    write_video(path, np.stack(panels * loops), fps=fps)
