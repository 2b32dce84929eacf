"""Small known things for tests: a victim whose optimum is known, and clips that it gets right."""

import inspect
from typing import Any

import numpy as np

from video_attack.agents.policy.acting import Policy
from video_attack.envs.clip import Clip, Frames, Sampling
from video_attack.envs.datasets.base import BadClipError, ClipDataset
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.palette import Palette
from video_attack.envs.victims.base import Scores, Victim

FRAMES, SIZE = 8, 32  # of all clips here, unless said otherwise
# Coarse enough for clips of that size.
TOY_GAME: dict[str, Any] = {"grid": 4, "budget": 20, "sizes": [0.25, 0.5, 1.0]}


class CountingVictim(Victim):
    """A victim that counts its own calls and clips, independently of any ledger.

    Attributes:
        calls: how often `predict` ran.
        clips: how many clips it saw in all.
        batches: the number of clips of each call.
    """

    classes: tuple[str, ...] = ("a", "b", "c")

    def __init__(self, frames: int = FRAMES, size: int = SIZE) -> None:
        self.sampling = Sampling(frames=frames, size=size, short_side=size, stride=1)
        self.batches: list[int] = []

    @property
    def calls(self) -> int:
        return len(self.batches)

    @property
    def clips(self) -> int:
        return sum(self.batches)

    def predict(self, clips: Frames) -> Scores:
        """Count, then `answer`."""
        self.batches.append(len(clips))
        return self.answer(clips)

    def answer(self, clips: Frames) -> Scores:
        """Constant scores that favour class 0; subclasses say something else."""
        row = np.full(len(self.classes), 0.1 / (len(self.classes) - 1), np.float32)
        row[0] = 0.9
        return np.tile(row, (len(clips), 1))


class BrightnessVictim(CountingVictim):
    """Class 0 while one cell of space-time stays dark, class 1 when it is bright; 2 never wins.

    The watched cell is frames 4-7, the centre patch of a 4 x 4 grid's second row and column.
    """

    classes = ("dark", "bright", "never")

    def answer(self, clips: Frames) -> Scores:
        """Softmax of a linear function of the watched cell's mean."""
        cell = self.sampling.size // 4
        watched = clips[:, 4:8, cell : 2 * cell, cell : 2 * cell].astype(np.float64)
        bright = watched.mean(axis=(1, 2, 3, 4)) / 255.0
        logits = np.stack([0.5 - bright, bright - 0.5, np.full_like(bright, -5)], axis=1) * 8
        return softmax(logits)


class QuadrantVictim(CountingVictim):
    """Six classes; the brightest region wins (frame halves x left, centre and right thirds)."""

    classes = tuple("abcdef")

    def answer(self, clips: Frames) -> Scores:
        """Softmax of the regions' means."""
        half, third = self.sampling.frames // 2, self.sampling.size // 3
        regions = [
            clips[:, t : t + half, :, c : c + third].mean(axis=(1, 2, 3, 4), dtype=np.float64)
            for t in (0, half)
            for c in (0, third, 2 * third)
        ]
        return softmax(np.stack(regions, axis=1) / 4)


def softmax(logits: np.ndarray) -> Scores:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return (odds / odds.sum(1, keepdims=True)).astype(np.float32)


def dark_frames(seed: int, shape: tuple[int, ...]) -> Frames:
    return np.random.default_rng(seed).integers(0, 90, shape, dtype=np.uint8)


class DarkClips(ClipDataset):
    """Random dark clips; every fifth one is labelled wrongly, so that the victim fails on it."""

    classes = BrightnessVictim.classes

    def __init__(self, clips: int = 20, frames: int = FRAMES, size: int = SIZE) -> None:
        self.clips, self.shape = clips, (frames, size, size, 3)

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, index: int) -> Clip:
        frames = dark_frames(range(self.clips)[index], self.shape)
        return Clip(frames, int(index % 5 == 4), f"dark-{index}")


class QuadrantClips(ClipDataset):
    """Clips of QuadrantVictim's classes in turn: one region a little brighter than the rest."""

    classes = QuadrantVictim.classes

    def __init__(self, clips: int = 12, frames: int = FRAMES, size: int = SIZE) -> None:
        self.clips, self.shape = clips, (frames, size, size, 3)

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, index: int) -> Clip:
        frames = dark_frames(range(self.clips)[index], self.shape)
        label = index % 6
        half, third = self.shape[0] // 2, self.shape[1] // 3
        time, place = divmod(label, 3)
        columns = slice(place * third, (place + 1) * third)
        frames[time * half : (time + 1) * half, :, columns] += 10
        return Clip(frames, label, f"quadrant-{index}")


class TornClips(DarkClips):
    """DarkClips of which those named cannot be read."""

    def __init__(self, torn: set[int], clips: int = 20) -> None:
        super().__init__(clips)
        self.torn = torn

    def __getitem__(self, index: int) -> Clip:
        if index in self.torn:
            raise BadClipError(f"dark-{index}.avi cannot be decoded")
        return super().__getitem__(index)


def brighten(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """A user's own distortion: adds light, with a little noise."""
    light = 30 * severity + rng.integers(0, 20, clip.shape)
    return np.minimum(clip.astype(np.int64) + light, 255).astype(np.uint8)


def toy_env(
    victim: Victim | None = None, dataset: ClipDataset | None = None, **kwargs: Any
) -> VideoAttackEnv:
    """The environment on toys; keywords that are no arguments of it are rules of the game.

    `feedback` and `top_k` are the victim's.
    """
    victim = victim or BrightnessVictim()
    victim.feedback = kwargs.pop("feedback", victim.feedback)
    victim.top_k = kwargs.pop("top_k", victim.top_k)
    own = set(inspect.signature(VideoAttackEnv).parameters) - {"victim", "dataset", "config"}
    arguments = {key: kwargs.pop(key) for key in own & kwargs.keys()}
    config = GameConfig(**{**TOY_GAME, **kwargs})
    env = VideoAttackEnv(
        victim,
        DarkClips() if dataset is None else dataset,
        arguments.pop("distort", brighten),
        config=config,
        **arguments,
    )
    for seed, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(seed)  # so that no test depends on chance
    return env


def quadrant_env(**kwargs: Any) -> VideoAttackEnv:
    """The environment with six classes."""
    return toy_env(QuadrantVictim(), QuadrantClips(), **kwargs)


def sample(env: VideoAttackEnv) -> dict[str, Any]:
    """Random actions of both agents."""
    return {agent: env.action_space(agent).sample() for agent in env.possible_agents}


def fresh_policy(
    game: GameConfig,
    distort: Any = brighten,
    bound: BoundConfig | None = None,
    distortion: dict[str, Any] | None = None,
) -> Policy:
    """Untrained agents for a game on clips of FRAMES frames."""
    palette = Palette(distort, bound or BoundConfig(), game)
    return Policy.fresh(Moves(game, palette, FRAMES), 2, distortion)
