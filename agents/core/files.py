"""Writing a result so that a reader sees the whole file or none."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def write_whole(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary name in the same folder.

    An older file of that name stays as it was until the new one is complete.

    Raises:
        OSError: the folder is missing or cannot be written, or the disk is full; the partial file
            is gone.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {path.name}: the folder {path.parent} does not exist; create it first"
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        sentence = (
            f"cannot write {path} ({len(data):,} bytes): {error.strerror}; "
            "free some space there or choose another folder"
        )
        raise OSError(error.errno, sentence) from error


def save_tensors(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a dictionary of tensors and plain values, whole or not at all; raises OSError as above."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_whole(path, buffer.getvalue())
