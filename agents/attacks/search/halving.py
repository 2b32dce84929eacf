"""Boxes of space-time and colour, halved from the whole clip down to single values."""

from collections.abc import Iterator

Part = tuple[slice, slice, slice, slice]  # frames, rows, columns, channels


def halvings(shape: tuple[int, ...]) -> Iterator[list[Part]]:
    """Ever finer partitions of a clip (T, H, W, C): the whole, then halves along one axis in turn.

    The channels are parted first; then frames, rows and columns take turns. Ends with single values.
    """
    pieces: list[list[slice]] = [[slice(0, n)] for n in shape]
    yield _product(pieces)
    pieces[3] = [slice(c, c + 1) for c in range(shape[3])]
    if shape[3] > 1:
        yield _product(pieces)
    axis = 0
    while any(piece.stop - piece.start > 1 for cut in pieces for piece in cut):
        halved = [half for piece in pieces[axis] for half in _halves(piece)]
        if len(halved) > len(pieces[axis]):
            pieces[axis] = halved
            yield _product(pieces)
        axis = (axis + 1) % 3


def _halves(piece: slice) -> list[slice]:
    if piece.stop - piece.start < 2:
        return [piece]
    middle = (piece.start + piece.stop) // 2
    return [slice(piece.start, middle), slice(middle, piece.stop)]


def _product(pieces: list[list[slice]]) -> list[Part]:
    frames, rows, columns, channels = pieces
    return [(t, r, c, k) for t in frames for r in rows for c in columns for k in channels]
