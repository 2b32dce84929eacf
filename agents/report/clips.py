"""Files of a success: the adversarial clip, its clean clip, and what the attack noted."""

import io
import re
import zlib
from pathlib import Path

import numpy as np

from video_attack.agents.attacks.base import AttackResult
from video_attack.agents.core.files import write_whole
from video_attack.agents.video.write import write_video


def safe_name(clip: str) -> str:
    """A file name for a clip's id; ids that differ only in odd characters do not share one."""
    name = re.sub(r"[^\w.-]+", "_", clip)
    return name if name == clip else f"{name}_{zlib.crc32(clip.encode()):08x}"


def keep_files(folder: Path, attack: str, result: AttackResult) -> dict[str, str | None]:
    """Write clips/<attack>/<name>.mkv, clips/clean/<name>.mkv and notes/<attack>/<name>.npz.

    The clips are FFV1 and read back bit for bit; the notes are the attack's float32 arrays by name
    (of the picture ones, mask and sensitivity: (T, G, G)).

    Args:
        folder: the run's.
        attack: the attack's name.
        result: a success.

    Returns:
        clip_file, clean_file and notes_file, relative to the folder; notes_file is None when the
        attack left none.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    ledger = result.ledger
    assert ledger.best is not None  # a success
    name = safe_name(ledger.clip.id)
    clip, clean = f"clips/{attack}/{name}.mkv", f"clips/clean/{name}.mkv"
    for file, frames in ((clip, ledger.best), (clean, ledger.clip.frames)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        if file == clip or not (folder / file).exists():
            write_video(folder / file, frames, codec="ffv1")
    notes = None
    if result.notes:
        notes = f"notes/{attack}/{name}.npz"
        (folder / notes).parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **result.notes)  # type: ignore[arg-type] # of numpy: takes any names
        write_whole(folder / notes, buffer.getvalue())
    return {"clip_file": clip, "clean_file": clean, "notes_file": notes}
