"""What an entry point does first: outputs that end no run, and a home where there is none.

Light: it is called before PyTorch, Matplotlib and Ray are loaded, which look at all this once.
"""

import atexit
import io
import os
import select
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, TextIO


def open_shell() -> None:
    """Prepare this process; calling it again changes nothing."""
    # Idle threads that spin make small networks slow beside other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    fill_descriptors()
    sys.stdout, sys.stderr = lasting(sys.stdout, 1), lasting(sys.stderr, 2)
    find_home()


def fill_descriptors() -> None:
    """Open what was closed (`2>&-`): the next file would get its number, and a library's output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest free number, so this one
            os.set_inheritable(null, True)


class LastingOutput(io.FileIO):
    """A descriptor that takes what nobody reads any more: no reader, terminal or room is no fault.

    Records and reports are files, and must not be lost because a line could not be shown.
    """

    def write(self, data: Any) -> int:
        """Write, wait where the other end asks for it, or drop."""
        while True:
            try:
                written: int | None = super().write(data)
                if written is not None:
                    return written
                select.select([], [self], [])  # a pipe that does not block, and is full
            except (OSError, ValueError):
                return memoryview(data).nbytes


def lasting(stream: TextIO | None, number: int) -> TextIO:
    """A text stream on the same descriptor that ends no run; what it cannot encode is escaped.

    A stream that somebody has put in place of the process's own (a test, a notebook) stays.
    """
    if stream is None:  # closed when Python started; `fill_descriptors` has opened it
        return _text(number, "utf-8", line_buffering=True)
    own = sys.__stdout__ if number == 1 else sys.__stderr__
    if own is None or stream is not own:
        return stream
    own.flush()
    # write_through: PYTHONUNBUFFERED.
    return _text(number, own.encoding, own.line_buffering or own.write_through)


def _text(number: int, encoding: str, line_buffering: bool) -> TextIO:
    raw = LastingOutput(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=line_buffering
    )


def find_home() -> None:
    """Give libraries a private folder where the home is unknown or cannot be written.

    An unknown home (no HOME, and a user whom the system does not know) is replaced until the end of
    the process; of one that can only be read, only Matplotlib's settings go elsewhere.
    """
    try:
        home = Path.home()
    except (RuntimeError, KeyError):
        home = None
    if home is None:
        os.environ["HOME"] = _private_folder()
    elif not (home.is_dir() and os.access(home, os.W_OK)):
        os.environ.setdefault("MPLCONFIGDIR", _private_folder())


def _private_folder() -> str:
    folder = tempfile.mkdtemp(prefix="video-attack-home-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
