"""Text files that people write, whatever program saved them."""

import codecs
from pathlib import Path

from video_attack.envs.impostor import impostor

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path) -> str:
    """A file's text in UTF-8, or as the byte-order mark at its beginning says; without the mark.

    Spreadsheets begin their csv files with such a mark, and Windows' shells write UTF-16.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such text, or a web page; the message names the remedy.
    """
    data = path.read_bytes()
    if other := impostor(path):
        raise ValueError(f"{path} is {other}")
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: save it again in that encoding") from error
