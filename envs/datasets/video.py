"""Video files to uint8 frames: decode, sample, resize, crop."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.av_versions import rotation, to_rgb
from video_attack.envs.datasets.base import BadClipError
from video_attack.envs.datasets.container import missing_bytes
from video_attack.envs.impostor import impostor

SLACK = 1.0  # seconds that a file may be longer than the range it was cut by
MIN_SIDE = 8  # pixels; a smaller picture shows nothing, and would be blown up out of proportion


def read_frames(
    path: str | Path, sampling: Sampling, span: tuple[float, float] | None = None
) -> Frames:
    """T frames of a video, resized and cropped as a victim needs them.

    The file is decoded twice: once to count, because the count that containers state is often
    wrong, and once up to the last wanted frame. Only wanted frames are ever kept. Frames are
    counted, not timed: where the frame rate varies, so do the times between sampled frames.

    Args:
        path: a file in any format that FFmpeg reads; a rotation flag is obeyed.
        sampling: which frames, their short side and crop.
        span: the seconds (from, to) to cut the clip from; None, and a file that is no longer than
            these, which was cut already, takes all frames.

    Returns:
        uint8 RGB (T, size, size, 3).

    Raises:
        BadClipError: the file is missing, is no video, is cut off, ends before the span, or its
            pictures are too small.
    """
    path = Path(path)
    places = defaultdict(list)  # a short video's frames are used more than once
    there = range(count_frames(path)) if span is None else frames_within(path, *span)
    for place, index in enumerate(sample_indices(len(there), sampling)):
        places[there[index]].append(place)
    out = np.empty((sampling.frames, sampling.size, sampling.size, 3), np.uint8)
    # One converter for all frames, without threads: starting either costs more than converting.
    converter = VideoReformatter()
    for index, frame in enumerate(_decode(path)):
        if index in places:
            picture = np.rot90(to_rgb(converter, frame), rotation(frame) // 90)
            out[places.pop(index)] = fit(picture, sampling, path)
            if not places:
                return out
    raise BadClipError(f"{path} changed while it was read: read it again once it is complete")


def count_frames(path: Path) -> int:
    """How many frames can be decoded, at least one.

    Raises:
        BadClipError: the file is missing, is no video, or is cut off.
    """
    count = sum(1 for _ in _decode(path))
    if not count:
        raise BadClipError(f"{path} has no frame that can be decoded: fetch it again")
    return count


def frames_within(path: Path, start: float, end: float) -> Sequence[int]:
    """Indices, at least one, of the frames shown from second `start` on and before `end`.

    Lists of untrimmed videos name such seconds. Of a file that ends before `end` and is no longer
    than they are, but for what cutting at key frames adds, all frames are taken: it has been cut.

    Raises:
        BadClipError: the file ends before them, does not tell times, or cannot be read.
    """
    times: list[float] = []
    first: int | None = None
    length = end - start
    for frame in _decode(path):
        if frame.pts is None:
            raise BadClipError(
                f"{path} tells no times to cut seconds {start:g} to {end:g} by: convert it to .mp4"
            )
        first = frame.pts if first is None else first
        times.append(float((frame.pts - first) * frame.time_base))  # exact until here
        if times[-1] >= end:
            break
    else:
        if not times:
            raise BadClipError(f"{path} has no frame that can be decoded: fetch it again")
        if times[-1] < length + SLACK or times[-1] < min(start, 2 * length):
            return range(len(times))
    inside = [index for index, time in enumerate(times) if start <= time < end]
    if not inside:
        raise BadClipError(
            f"{path} is {times[-1]:.0f} s long, but its list names seconds {start:g} to {end:g}: fetch "
            "it again, or correct the list"
        )
    return inside


def sample_indices(available: int, sampling: Sampling) -> list[int]:
    """Indices of a clip's T frames in a video of `available` > 0 frames; see `Sampling`."""
    frames = sampling.frames
    if available < frames:
        last = frames - 1  # evenly, to the nearest frame
        return [(2 * i * (available - 1) + last) // (2 * last) for i in range(frames)]
    if sampling.spread == "uniform":
        return [(2 * i + 1) * available // (2 * frames) for i in range(frames)]
    if sampling.spread == "steps":
        return [i * (available // frames) for i in range(frames)]
    stride = min(sampling.stride, (available - 1) // max(frames - 1, 1))
    start = (available - (frames - 1) * stride - 1) // 2
    return [start + i * stride for i in range(frames)]


def fit(picture: Frames, sampling: Sampling, path: Path) -> Frames:
    """Resize the shorter side of (H, W, 3) to `short_side`, and cut the centre square out.

    Without a short side the whole picture is resized to the square.
    """
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise BadClipError(f"{path} is {width}x{height}: the least is {MIN_SIDE} pixels a side")
    side = sampling.size
    scale = (sampling.short_side or side) / min(height, width)
    size = (side, side)
    if sampling.short_side is not None:
        size = (round(width * scale), round(height * scale))
    # Linear, as the victims of the field were trained on; averaging over areas would alias less,
    # but a network that saw sharp small pictures answers it otherwise (42 of 177 times, for LRCN).
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side]


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded, in the order of showing; damaged packets are skipped.

    Whoever takes all frames learns at the end, by BadClipError, that the file is cut off.
    """
    # PyAV rather than OpenCV: both read the same pixels of 193 clips in the same time, and PyAV
    # raises errors that tell what is wrong; it is needed anyway to write videos without loss.
    if not path.is_file():
        raise BadClipError(f"{path} does not exist: check the data set's folder")
    whole = 0
    try:
        # Some HMDB-51 files carry metadata that is not UTF-8.
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise BadClipError(f"{path} holds no video: leave it out, or fetch it again")
            container.streams.video[0].thread_type = "AUTO"  # as fast as OpenCV for H.264 too
            stated = container.streams.video[0].frames  # 0: not stated
            for packet in container.demux(container.streams.video[0]):
                whole += packet.size > 0 and not packet.is_corrupt
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    continue
                yield from frames
    except (av.error.FFmpegError, OSError) as error:
        if other := impostor(path):
            raise BadClipError(f"{path} is {other}") from error
        why = error.strerror or type(error).__name__
        if _lacks(path):
            why = "its end is missing"
        raise BadClipError(f"{path} cannot be read as a video ({why}): fetch it again") from error
    # A file that lost its index alone still has all its frames.
    if not 0 < stated <= whole and (lacking := _lacks(path)):
        raise BadClipError(f"{path} is cut off, {lacking:,} bytes are missing: fetch it again")


def _lacks(path: Path) -> int:
    """Bytes missing at the end of the file, as far as can be told."""
    try:
        return missing_bytes(path)
    except OSError:
        return 0
