"""A video of a data set, before it is decoded."""

from pathlib import Path
from typing import NamedTuple


class VideoFile(NamedTuple):
    """A listed video.

    Attributes:
        path: the file, which may be missing.
        name: its class, as the data set calls it.
        id: a name unique in the data set.
        source: the recording that it was cut from, which must not lie in two splits.
        label: index of the class among the victim's; -1 until it is looked up.
        span: where the clip begins and ends in the file, in seconds; None takes all of it.
    """

    path: Path
    name: str
    id: str
    source: str
    label: int = -1
    span: tuple[float, float] | None = None
