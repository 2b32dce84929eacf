"""Six short videos, three classes: a light square that moves left, right or not at all.

python make_clips.py FOLDER writes FOLDER/test/CLASS/N.mp4, as dataset=folder wants them.
"""

import sys
from pathlib import Path

import av
import numpy as np

CLASSES = {"left": -1, "right": 1, "still": 0}  # pixels a frame


def video(path: Path, speed: int, rng: np.random.Generator) -> None:
    """One H.264 file: 24 frames of 128 x 128."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("h264", rate=24)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        ground = rng.integers(40, 90, (128, 128, 3), dtype=np.uint8)
        start = 52 - 12 * speed + int(rng.integers(-5, 5))
        for t in range(24):
            frame = ground.copy()
            left = start + speed * t
            frame[50:80, max(left, 0) : left + 24] = 220
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for name, speed in CLASSES.items():
        for number in range(2):
            video(Path(sys.argv[1], "test", name, f"{number}.mp4"), speed, rng)
