"""What the cache of decoded clips saves: python benchmarks/clip_cache.py [FOLDER] [--clips N].

Reads the videos of a folder (or, without one, encoded here: MPEG-4, 240 frames of 320 x 240) four
times: decoding without a cache, decoding and keeping, from the cache in a process that has not seen
the videos (their bytes are hashed), and from the cache again. Prints milliseconds a clip, medians.
"""

import argparse
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.clip_cache import ClipCache
from video_attack.envs.datasets.video import read_frames

SUFFIXES = {".avi", ".mp4", ".mkv", ".webm", ".mov"}


def encode(folder: Path, clips: int) -> None:
    """Write videos of a moving texture."""
    rng = np.random.default_rng(0)
    for clip in range(clips):
        texture = cv2.resize(rng.integers(0, 256, (60, 160, 3), np.uint8), (640, 240))
        with av.open(str(folder / f"{clip}.avi"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25, bit_rate=800_000)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for shift in range(240):
                picture = np.ascontiguousarray(texture[:, shift : shift + 320])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())


def median_ms(cache: ClipCache, files: list[Path], sampling: Sampling) -> float:
    """Milliseconds that a clip of these files takes."""
    times = []
    for file in files:
        start = time.perf_counter()
        cache.frames(file, sampling, read_frames)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--clips", type=int, default=40)
    args = parser.parse_args()
    sampling = Sampling()
    with tempfile.TemporaryDirectory() as scratch:
        source = args.folder or Path(scratch)
        if args.folder is None:
            encode(source, args.clips)
        found = (file for file in source.rglob("*") if file.suffix.lower() in SUFFIXES)
        files = sorted(found)[: args.clips]
        if not files:
            raise SystemExit(f"no video under {source}")
        folder = Path(scratch) / "clips"
        cache = ClipCache(folder, 10)
        rows = {
            "decode": median_ms(ClipCache(folder, 0), files, sampling),
            "decode and keep": median_ms(cache, files, sampling),
            "hit, first of a process": median_ms(ClipCache(folder, 10), files, sampling),
            "hit": median_ms(cache, files, sampling),
        }
    print(f"{len(files)} videos, 16 x 112 x 112, medians:")
    for name, took in rows.items():
        print(f"{name:>24} {took:7.2f} ms  {rows['decode'] / took:6.1f} times as fast as decoding")


if __name__ == "__main__":
    main()
