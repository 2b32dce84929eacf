"""How an attack asks: a generator yields clips and is sent what may be seen of their scores."""

from collections.abc import Generator
from typing import TypeVar

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores

R = TypeVar("R")
# Yields uint8 (N, T, H, W, 3), is sent float32 (N', C), N' <= N, and returns R; goes on by `yield from`.
Queries = Generator[Frames, Scores, R]
