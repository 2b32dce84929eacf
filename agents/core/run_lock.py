"""One process a run folder: two that write into the same one would mix their results."""

import contextlib
import errno
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

log = logging.getLogger(__name__)
LOCK = ".lock"
# What the kernel says where the file system knows no locks (some network and container mounts).
UNABLE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class FolderError(OSError):
    """A run's folder that another process holds, or that cannot be written."""


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a folder until the end of the block; the system gives up what a dead process held.

    Raises:
        FolderError: a living process holds it (named in the message), or it cannot be written.
    """
    file = _locked(folder / LOCK)
    if file is None:
        yield
        return
    with file:
        json.dump(_about_this_process(), file)
        file.flush()
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)


def _locked(path: Path) -> TextIO | None:
    """The open, locked file, emptied; None where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise FolderError(
                f"the run's folder {path.parent} cannot be written ({error.strerror}): name another "
                "with run_dir=..."
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read(file)
            file.close()
            if error.errno in UNABLE:
                log.warning(
                    "%s is on a file system without locks: start no second run in it", path.parent
                )
                return None
            raise FolderError(
                f"{path.parent} is in use by {holder}: wait for it or stop it, or name another run_dir"
            ) from error
        # The one who held it may have removed it after we had opened it.
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            file.truncate(0)
            return file
        file.close()


def _about_this_process() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join(sys.argv)[:200],
        "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
    }


def _read(file: TextIO) -> str:
    """Who holds a lock, in words."""
    file.seek(0)
    try:
        about = json.loads(file.read())
        return f"process {about['pid']} on {about['host']} ({about['command']}), since {about['since']}"
    except (ValueError, KeyError, TypeError):  # it has only just taken it
        return "another process"
