"""Class names: the same class is written in many ways."""

import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache


def plain(name: str) -> str:
    """A name's letters and digits without case: PlayingGuitar and "playing guitar" are one."""
    kept = [sign for sign in same_letters(name) if unicodedata.category(sign)[0] in "LNM"]
    return unicodedata.normalize("NFC", "".join(kept))


def same_letters(name: str) -> str:
    """A name without case and in one form of Unicode: some systems write é as e and an accent."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def find_class(name: str, classes: Sequence[str]) -> int | None:
    """Index of a class by its name.

    A class written exactly so is preferred to one that is the same once spaces, punctuation and
    case are ignored; where two classes are the same in that way, neither is.

    Returns:
        The index, or None when there is no such class.
    """
    exact, loose = _indices(tuple(classes))
    return exact.get(name, loose.get(plain(name)))


def numbered(names: Collection[str], count: int) -> dict[str, int] | None:
    """Indices below `count` of names that are numbers, such as "0" or "017".

    They are counted from 0, or from 1 where `count` is one of them and 0 is none.

    Returns:
        Index by name; None when a name is no number or its number is out of this range.
    """
    if not names or not all(name.isdecimal() for name in names):
        return None
    numbers = {name: int(name) for name in names}
    first = int(count in numbers.values() and 0 not in numbers.values())
    if max(numbers.values()) - first >= count:
        return None
    return {name: number - first for name, number in numbers.items()}


def shorten(names: Sequence[str]) -> str:
    """The first three names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


@lru_cache(maxsize=8)
def _indices(classes: tuple[str, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """Indices by exact and by plain name."""
    exact = {name: index for index, name in enumerate(classes)}
    names = [plain(name) for name in classes]
    loose = {name: index for index, name in enumerate(names) if name and names.count(name) == 1}
    return exact, loose
