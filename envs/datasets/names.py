"""Class names: the same class is written in many ways."""

from collections.abc import Sequence
from functools import lru_cache


def plain(name: str) -> str:
    """A name's letters and digits without case: PlayingGuitar and "playing guitar" are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def find_class(name: str, classes: Sequence[str]) -> int | None:
    """Index of a class by its name.

    A class written exactly so is preferred to one that is the same once spaces, punctuation and
    case are ignored; where two classes are the same in that way, neither is.

    Returns:
        The index, or None when there is no such class.
    """
    exact, loose = _indices(tuple(classes))
    return exact.get(name, loose.get(plain(name)))


@lru_cache(maxsize=8)
def _indices(classes: tuple[str, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """Indices by exact and by plain name."""
    exact = {name: index for index, name in enumerate(classes)}
    names = [plain(name) for name in classes]
    loose = {name: index for index, name in enumerate(names) if name and names.count(name) == 1}
    return exact, loose
