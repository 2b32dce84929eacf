"""What a clip costs to read: python benchmarks/decoding.py FOLDER [--clips N].

Reads videos from a folder with `read_frames` (PyAV) and, for comparison, the same frames with
OpenCV's VideoCapture; prints milliseconds a clip, and whether both counted the same frames.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.base import BadClipError
from video_attack.envs.datasets.video import count_frames, fit, read_frames, sample_indices

SUFFIXES = {".avi", ".mp4", ".mkv", ".webm", ".mov"}


def read_opencv(path: Path, sampling: Sampling) -> tuple[Frames, int]:
    """The clip of `read_frames` by OpenCV, and the number of frames that it found."""
    reader = cv2.VideoCapture(str(path))
    available = 0
    while reader.grab():
        available += 1
    wanted = sample_indices(available, sampling)
    reader = cv2.VideoCapture(str(path))
    out = []
    for index in range(wanted[-1] + 1):
        reader.grab()
        if index in wanted:
            _, picture = reader.retrieve()
            out.append(fit(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), sampling, path))
    return np.stack(out), available


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    args = parser.parse_args()
    sampling = Sampling()
    seconds = np.zeros(2)
    read = differ = bad = 0
    gap = 0.0
    files = sorted(f for f in args.folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    for file in files[: args.clips]:
        try:
            start = time.perf_counter()
            ours = read_frames(file, sampling)
            middle = time.perf_counter()
            theirs, available = read_opencv(file, sampling)
            end = time.perf_counter()
        except (BadClipError, ValueError) as error:
            bad += 1
            print(f"skipped: {error}")
            continue
        seconds += middle - start, end - middle
        read += 1
        differ += available != count_frames(file)
        gap += float(np.abs(ours.astype(np.int16) - theirs).mean())
    if not read:
        raise SystemExit(f"no readable video under {args.folder}")
    pyav, opencv = seconds / read * 1000
    print(f"{read} clips read, {bad} skipped; PyAV {pyav:.1f} ms a clip, OpenCV {opencv:.1f} ms")
    print(f"frame counts differ in {differ}; mean difference of pixels {gap / read:.2f} of 255")


if __name__ == "__main__":
    main()
