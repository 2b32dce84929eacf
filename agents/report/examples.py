"""One attacked clip as a person sees it: a side-by-side video and a sensitivity picture."""

from pathlib import Path
from typing import Any

from video_attack.agents.attacks.base import AttackResult
from video_attack.agents.report.clips import safe_name
from video_attack.agents.report.figures.pictures import sensitivity_picture
from video_attack.agents.video.write import side_by_side

SHOWN = {"mask", "sensitivity"}  # the notes that an example needs


def write_example(
    folder: Path, record: dict[str, Any], result: AttackResult, classes: tuple[str, ...]
) -> None:
    """Write `<attack>_<clip>.mp4` and `.png` of a success whose attack left mask and sensitivity."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger, notes = result.ledger, result.notes
    if ledger.best is None or ledger.best_scores is None or ledger.clean_scores is None:
        raise ValueError(f"clip {record['id']!r} was not flipped: there is nothing to show")
    stem = f"{record['attack']}_{safe_name(record['id'])}"
    said = classes[record["prediction"]]
    title = (
        f"{record['class']} taken for {said} after {record['first_success']} queries, "
        f"L2 {record['l2']:.1f}"
    )
    side_by_side(
        folder / f"{stem}.mp4", ledger.clip.frames, ledger.best, notes["mask"],
        ledger.clean_scores, ledger.best_scores, classes, record["label"], caption=title,
    )  # fmt: skip
    sensitivity_picture(
        folder / f"{stem}.png", ledger.clip.frames, ledger.best, notes["mask"],
        notes["sensitivity"], title=title,
    )  # fmt: skip
