"""Video files to uint8 frames: decode, sample, resize, crop."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from envs.clip import Frames, Sampling
from envs.datasets.base import BadClipError

MIN_SIDE = 8  # pixels; a smaller picture shows nothing, and would be blown up out of proportion


def read_frames(path: str | Path, sampling: Sampling) -> Frames:
    """T frames from the centre of a video, resized and cropped as a victim needs them.

    The file is decoded twice: once to count, because the count that containers state is often
    wrong, and once up to the last wanted frame. Only wanted frames are ever kept.

    Args:
        path: a file in any format that FFmpeg reads; a rotation flag is obeyed.
        sampling: T, stride, short side and crop.

    Returns:
        uint8 RGB (T, size, size, 3).

    Raises:
        BadClipError: the file is missing, is no video, or has too few or too small frames.
    """
    path = Path(path)
    try:
        wanted = sample_indices(count_frames(path), sampling.frames, sampling.stride)
    except ValueError as error:
        raise BadClipError(f"{path}: {error}") from error
    out = np.empty((sampling.frames, sampling.size, sampling.size, 3), np.uint8)
    # One converter for all frames, without threads: starting either costs more than converting.
    converter = VideoReformatter()
    position = 0
    for index, frame in enumerate(_decode(path)):
        if index == wanted[position]:
            picture = converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
            out[position] = fit(np.rot90(picture, frame.rotation // 90), sampling, path)
            position += 1
            if position == len(wanted):
                break
    return out


def count_frames(path: Path) -> int:
    """How many frames can be decoded; raises BadClipError when the file is no video."""
    return sum(1 for _ in _decode(path))


def sample_indices(available: int, frames: int, stride: int) -> list[int]:
    """Indices of `frames` frames, `stride` apart, centred in a video of `available` frames.

    In a video too short for that, the stride shrinks to the largest one that fits.

    Raises:
        ValueError: the video has fewer than `frames` frames.
    """
    if available < frames:
        raise ValueError(
            f"only {available} frames can be read where {frames} are needed; "
            "leave it out, or fetch it again if it is cut off"
        )
    stride = min(stride, (available - 1) // max(frames - 1, 1))
    start = (available - (frames - 1) * stride - 1) // 2
    return [start + i * stride for i in range(frames)]


def fit(picture: Frames, sampling: Sampling, path: Path) -> Frames:
    """Resize the shorter side of (H, W, 3) to `short_side`, and cut the centre square out."""
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise BadClipError(f"{path} is {width}x{height}: the least is {MIN_SIDE} pixels a side")
    scale = sampling.short_side / min(height, width)
    # Averaging over areas keeps large videos from aliasing; it cannot enlarge.
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (round(width * scale), round(height * scale))
    picture = cv2.resize(picture, size, interpolation=method)
    side = sampling.size
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side]


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded, in the order of showing; damaged packets are skipped."""
    # PyAV rather than OpenCV: both read the same pixels of 193 clips, PyAV a little faster, and it
    # raises errors that tell what is wrong; it is needed anyway to write videos without loss.
    if not path.is_file():
        raise BadClipError(f"{path} does not exist: check the data set's folder")
    try:
        # Some HMDB-51 files carry metadata that is not UTF-8.
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise BadClipError(f"{path} holds no video: leave it out, or fetch it again")
            for packet in container.demux(container.streams.video[0]):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    continue
                yield from frames
    except (av.error.FFmpegError, OSError) as error:
        why = error.strerror or type(error).__name__
        raise BadClipError(f"{path} cannot be read as a video ({why}): fetch it again") from error
