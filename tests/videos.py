"""Small videos for tests, written with PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from video_attack.envs.clip import Frames

REAL = Path(__file__).parents[1] / "../shared/realdata"
NO_REAL = "real clips are not beside the project"


def write(
    path: Path,
    pictures: Sequence[Frames],
    codec: str = "ffv1",
    pixels: str = "bgr0",
    *,
    rate: Fraction | int = 25,
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of uint8 pictures (H, W, 3).

    Args:
        path: the file; its ending decides the container.
        pictures: the frames.
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format.
        rate: frames a second.
        times: when each frame is shown, in milliseconds, for a variable frame rate.
        options: of the container.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def greys(count: int, height: int = 40, width: int = 60) -> list[Frames]:
    """Frame i is grey 5 i: each frame of the file can be told from its value."""
    return [np.full((height, width, 3), 5 * i, np.uint8) for i in range(count)]


def noise(count: int, height: int = 64, width: int = 64, seed: int = 0) -> Frames:
    """Frames that compress badly, so that the file is mostly pictures."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def cut(whole: Path, file: Path, share: float) -> None:
    """The beginning of a file."""
    data = whole.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
