"""Whether a video file is whole, by the sizes that its own container states."""

from pathlib import Path
from typing import BinaryIO

# Boxes at the top level of MP4 and QuickTime files (ISO/IEC 14496-12).
_BOXES = frozenset(
    b"ftyp moov mdat moof mfra free skip wide uuid styp sidx ssix meta udta pnot pdin prft emsg".split()
)
_SEGMENT = b"\x18\x53\x80\x67"  # Matroska and WebM


def missing_bytes(path: Path) -> int:
    """How many bytes a cut-off file lacks at its end.

    A container names the size of its parts before their content, so a part that reaches beyond the
    end of the file tells that the rest was lost. Only a few headers are read.

    Returns:
        Bytes missing; 0 when the file is whole, or where nothing tells: in containers other than
        AVI, MP4 / QuickTime and Matroska / WebM, and in live recordings, which state no size.
    """
    length = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(12)
        stream.seek(0)
        if start[:4] == b"RIFF":
            end = _riff_end(stream)
        elif start[:4] == b"\x1a\x45\xdf\xa3":
            end = _matroska_end(stream)
        else:
            end = _boxes_end(stream, length)
    return max(end - length, 0)


def _riff_end(stream: BinaryIO) -> int:
    """Where the last RIFF chunk ends; large AVI files have several (OpenDML)."""
    end = 0
    while True:
        stream.seek(end)
        head = stream.read(8)
        if head[:4] != b"RIFF" or len(head) < 8:
            return end
        size = int.from_bytes(head[4:], "little")
        if size in (0, 0xFFFFFFFF):  # never filled in by a recorder that was stopped
            return end
        end += 8 + size + size % 2


def _boxes_end(stream: BinaryIO, length: int) -> int:
    """Where the last box of an MP4 file ends; 0 in any other file."""
    end = 0
    while True:
        stream.seek(end)
        head = stream.read(16)
        if head[4:8] not in _BOXES:
            return end
        size = int.from_bytes(head[:4], "big")
        if size == 0:  # reaches to the end of the file, wherever that is
            return length
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        end += max(size, 8)


def _matroska_end(stream: BinaryIO) -> int:
    """Where the segment ends that holds everything; 0 if that is not stated."""
    stream.seek(4)
    header = _read_size(stream)
    if header is None:
        return 0
    stream.seek(header, 1)
    if stream.read(4) != _SEGMENT:
        return 0
    size = _read_size(stream)
    return 0 if size is None else stream.tell() + size


def _read_size(stream: BinaryIO) -> int | None:
    """A size as EBML writes it (RFC 8794, section 4); None when unknown or not there."""
    first = stream.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()  # the position of the first 1 tells the number of bytes
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + stream.read(more), "big")
    return None if value == (1 << 7 * (more + 1)) - 1 else value
