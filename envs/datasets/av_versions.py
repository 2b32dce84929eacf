"""What PyAV 13 to 18 say differently: converting a frame, which way up it is, what is a cover."""

import math
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

VERSION = int(av.__version__.partition(".")[0])
ATTACHED_PICTURE = 1 << 10  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
_COVERS = ("mjpeg", "png", "bmp", "gif", "webp")


def to_rgb(converter: VideoReformatter, frame: av.VideoFrame) -> Any:
    """A frame as uint8 (H, W, 3), by the colours that its file states."""
    if VERSION >= 17:  # without threads, of which starting costs more than converting
        return converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    # These heed the file's colours only where another colour space is asked for.
    return converter.reformat(
        frame, format="rgb24", dst_colorspace=Colorspace.DEFAULT, src_color_range=frame.color_range
    ).to_ndarray()


def rotation(frame: av.VideoFrame) -> int:
    """Degrees, against the clock, that a frame must be turned to be the right way up."""
    if VERSION >= 15:
        return int(frame.rotation)
    for data in frame.side_data:
        if "DISPLAYMATRIX" in str(data.type):
            return matrix_rotation(bytes(data))
    return 0


def matrix_rotation(matrix: bytes) -> int:
    """The rotation of FFmpeg's display matrix, nine int32, as PyAV 15 reads it."""
    values = np.frombuffer(matrix, np.int32)[:9].astype(float)
    across, down = math.hypot(values[0], values[3]), math.hypot(values[1], values[4])
    if not across or not down:
        return 0
    return -round(math.degrees(math.atan2(values[1] / down, values[0] / across)))


def is_cover(container: Any) -> bool:
    """Whether the first video of a file is a picture that belongs to a song."""
    stream = container.streams.video[0]
    if hasattr(stream, "disposition"):
        return bool(int(stream.disposition) & ATTACHED_PICTURE)
    return bool(container.streams.audio) and stream.codec_context.name in _COVERS
