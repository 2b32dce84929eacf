"""Small videos that are no videos, a decoder for them that can be counted, and a look into a cache."""

from pathlib import Path

import numpy as np

from video_attack.envs.clip import Frames, Sampling

SMALL = Sampling(frames=4, size=8, short_side=8)
ENTRY = 4 * 8 * 8 * 3 + 12  # bytes of an entry of SMALL


def read(path: Path, sampling: Sampling) -> Frames:
    """A decoder: what it gives depends on the content of the file and on the sampling."""
    seed = sum(path.read_bytes())
    shape = (sampling.frames, sampling.size, sampling.size, 3)
    return np.resize((np.arange(251) + 7 * seed).astype(np.uint8), shape)


class Reader:
    """`read`, counting."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path, sampling: Sampling) -> Frames:
        self.read.append(path.name)
        return read(path, sampling)


def videos(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i}.avi" for i in range(count)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]))
    return paths


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.clip"))


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
