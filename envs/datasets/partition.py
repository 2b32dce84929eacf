"""How the splits train, validation and test are made where a data set does not say, and ordered."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Protocol, TypeVar

import numpy as np

from video_attack.envs.datasets.base import Split


class Labelled(Protocol):
    """What cutting and mixing need to know of a video."""

    @property
    def label(self) -> int:
        """Index of its class."""

    @property
    def source(self) -> str:
        """The recording that it was cut from."""


V = TypeVar("V", bound=Labelled)


def cut_validation(files: Sequence[V], share: float, split: Split) -> list[V]:
    """Split train or validation of the videos of a train list; all of them for the test split.

    Validation takes whole recordings, of each class the share that comes last by name, so that it
    moves with no seed. A recording with several classes goes to validation with all of them.

    Args:
        files: the videos at hand.
        share: of each class's recordings.
        split: which split to return.
    """
    if split == "test":
        return list(files)
    sources: dict[int, set[str]] = defaultdict(set)
    for file in files:
        sources[file.label].add(file.source)
    held = {
        source
        for names in sources.values()
        for source in sorted(names)[len(names) - round(share * len(names)) :]
    }
    return [file for file in files if (file.source in held) == (split == "validation")]


def hashed_split(name: str, validation_share: float, test_share: float) -> Split:
    """The split of a file by its name alone, so that other files and machines change nothing."""
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < test_share:
        return "test"
    return "validation" if place < test_share + validation_share else "train"


def mix(files: Sequence[V], seed: int) -> list[V]:
    """Shuffle within each class and take the classes in turn: each prefix is balanced."""
    rng = np.random.default_rng(seed)
    by_class: dict[int, list[V]] = defaultdict(list)
    for index in rng.permutation(len(files)):
        by_class[files[index].label].append(files[index])
    rounds = zip_longest(*(by_class[label] for label in sorted(by_class)))
    return [file for file in chain.from_iterable(rounds) if file is not None]
