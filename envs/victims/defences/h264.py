"""H.264 compression of the whole clip: unlike JPEG, it also predicts frames from each other."""

from fractions import Fraction

import av
import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.h264 import ENCODER, PIXELS, even_sides, set_encoder

_FPS = 25  # some rate must be named; x264's quality hardly depends on it


def h264(clip: Frames, rng: np.random.Generator, *, crf: int = 28) -> Frames:
    """Encode and decode the clip with x264 (its own preset, medium, without mbtree); nothing is random.

    Even at crf 0 colours change a little, because yuv420p halves their resolution. An odd side is
    encoded with its last line repeated, which is cut off again. Other versions of x264 may answer
    other bytes.

    Source: the video counterpart of Das et al. (2017) and Guo et al. (ICLR 2018), who compress
    images.

    Args:
        clip: uint8 (T, H, W, 3).
        rng: unused.
        crf: x264's constant rate factor, 0 (best) to 51; 23 is x264's own default.

    Raises:
        ValueError: crf is out of its range.
    """
    encoder = av.CodecContext.create(ENCODER, "w")
    set_encoder(encoder, crf)
    frames = even_sides(clip)
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt = PIXELS
    encoder.framerate, encoder.time_base = Fraction(_FPS), Fraction(1, _FPS)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1

    packets = []
    for t, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=PIXELS)
        picture.pts = t
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    # None at the end asks a codec for the frames that it still holds.
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    _, H, W, _ = clip.shape
    return np.stack([picture.to_ndarray(format="rgb24") for picture in pictures])[:, :H, :W]
