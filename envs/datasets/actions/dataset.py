"""Human-like actions, drawn on demand: a data set with nothing to download."""

from collections.abc import Sequence

import cv2
import numpy as np

from video_attack.envs.clip import Clip, Frames, Sampling
from video_attack.envs.datasets.actions.figure import Figure
from video_attack.envs.datasets.actions.motions import PROGRAMS
from video_attack.envs.datasets.actions.painting import Painting
from video_attack.envs.datasets.actions.scene import MARGIN, Camera, Distractor, Sensor, background
from video_attack.envs.datasets.base import ClipDataset, DatasetError, Split, check_split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Actions(ClipDataset):
    """Articulated figures in twelve actions, most of which only motion tells apart.

    sit_down / stand_up, raise_arms / lower_arms and push / pull are the same movements played
    forwards and backwards; walk / run, jump / squat and wave / clap share many poses. One frame is
    not enough.

    Clip i depends on (seed, split, i), the sampling and the classes alone, and is the same to the
    bit at each call; other versions of numpy or OpenCV may draw it a little differently. A clip
    always shows the same stretch of motion, sampled at `sampling.frames` moments; the sampling's
    stride and short side play no role.

    Args:
        split: train, validation or test; their clips have nothing in common.
        sampling: number of frames and size of the clips.
        seed: another seed gives other clips; at least 0.
        classes: the victim's classes, which labels shall index; actions that it does not know are
            left out. None: all actions, in the order of `PROGRAMS`.
        train_clips: length of the train split; a clip costs nothing until it is asked for.
        validation_clips: length of the validation split.
        test_clips: length of the test split.

    Raises:
        ValueError: the split is unknown, the seed negative, or a length below 1.
        DatasetError: the victim knows none of the actions.
    """

    def __init__(
        self,
        split: Split,
        sampling: Sampling | None = None,
        seed: int = 0,
        classes: Sequence[str] | None = None,
        train_clips: int = 10_000,
        validation_clips: int = 500,
        test_clips: int = 1_000,
    ) -> None:
        check_split(split)
        lengths = dict(zip(SPLITS, (train_clips, validation_clips, test_clips), strict=True))
        if seed < 0:
            raise ValueError(f"seed={seed}: give 0 or more")
        for name, length in lengths.items():
            if length < 1:
                raise ValueError(f"{name}_clips={length}: give at least 1")
        self.split, self.seed = split, seed
        self.sampling = sampling or Sampling()
        self.classes = tuple(PROGRAMS) if classes is None else tuple(classes)
        self.actions = tuple(action for action in PROGRAMS if action in self.classes)
        if not self.actions:
            raise DatasetError(
                f"the victim knows none of the actions {', '.join(PROGRAMS)}: choose a victim trained "
                "on them, such as model=tiny3d, set model.labels to a file of the names in the order of "
                "its scores where it was, or choose another data set (dataset=...)"
            )
        self._length = lengths[split]

    def __len__(self) -> int:
        """Number of clips of the split."""
        return self._length

    def __getitem__(self, index: int) -> Clip:
        """Render clip `index`, 0 <= index < len(self); the actions take turns.

        Raises:
            IndexError: the index is out of range.
        """
        if not 0 <= index < self._length:
            raise IndexError(
                f"clip {index} of {self._length}: the index must be 0 or more and less"
            )
        action = self.actions[index % len(self.actions)]
        source = np.random.SeedSequence(self.seed, spawn_key=(SPLITS.index(self.split), index))
        frames = render(action, self.sampling, np.random.default_rng(source))
        name = f"{action}-{self.split}-{self.seed}-{index}"
        return Clip(frames, self.classes.index(action), name)


def render(action: str, sampling: Sampling, rng: np.random.Generator) -> Frames:
    """Draw one clip of `action`, a key of `PROGRAMS`: uint8 (frames, size, size, 3), RGB."""
    size, u = sampling.size, np.linspace(0, 1, sampling.frames)
    canvas = background(size, rng)
    camera, sensor = Camera.random(u, size, rng), Sensor.random(u, size, rng)
    behind = [Distractor.random(u, rng, 0.12) for _ in range(rng.integers(1, 4))]
    before = [Distractor.random(u, rng, 0.05) for _ in range(rng.integers(0, 2))]
    motion = PROGRAMS[action](u, rng)
    inner = slice(round(MARGIN * size), round((1 + MARGIN) * size))
    figure = Figure.random(rng, canvas[inner, inner].mean(axis=(0, 1)))
    # A stool stands about in other clips too: what is in the picture shall not tell the action.
    stool = 0.24 if motion.seat else rng.uniform(0.3, 0.7) if rng.random() < 0.5 else None
    actor = Painting(figure.strokes(motion, stool), camera.matrices)
    frames = np.empty((sampling.frames, size, size, 3), np.uint8)
    for t in range(sampling.frames):
        frame = cv2.warpAffine(
            canvas, camera.backdrop[t], (size, size), borderMode=cv2.BORDER_REFLECT
        )
        for shape in behind:
            shape.draw(frame, t, camera.matrices[t])
        actor.draw(frame, t)
        for shape in before:
            shape.draw(frame, t, camera.matrices[t])
        frames[t] = sensor.expose(frame, t)
    return frames
