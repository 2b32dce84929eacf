"""What is often saved in the place of a file that was to be downloaded."""

from pathlib import Path

_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html", b"<?xml")


def impostor(path: Path) -> str | None:
    """What a file is in place of the one that was meant, and the remedy; None where it may be that."""
    try:
        with path.open("rb") as stream:
            start = stream.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except OSError:
        return None
    if start.startswith(_POINTER):
        return "a pointer of Git LFS, not the file: fetch the file itself with git lfs pull"
    if start.startswith(_PAGES):
        return "a web page, not the file: download the file itself"
    return None
