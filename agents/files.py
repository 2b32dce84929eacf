"""Writing files so that a kill or a full disk never leaves half of one."""

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then rename it into place.

    Raises:
        OSError: the folder cannot be written or the disk is full; the message names the path, and
            what stood there before stands there still.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as fault:
        # torch.save reports a full disk as a RuntimeError.
        temporary.unlink(missing_ok=True)
        raise OSError(
            f"cannot write {path} ({fault}): free some space or choose another run_dir; "
            "what was written before is kept"
        ) from fault
