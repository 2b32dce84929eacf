"""Records: one JSON line a clip, written as each clip ends, so that a killed run can go on."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from video_attack.agents.attacks.base import AttackResult
from video_attack.agents.core.files import write_whole
from video_attack.agents.setup.attack_setup import AttackSetup
from video_attack.envs.metrics.norms import norms
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.metrics.quality import psnr, psnr_clip, ssim
from video_attack.envs.metrics.record import Draft, Record, RecordError, read_records
from video_attack.envs.metrics.temporal import warping_error


def make_record(
    name: str, setup: AttackSetup, result: AttackResult, seed: int, lpips: Lpips | None = None
) -> Draft:
    """The raw record of one clip, plain values only; with `lpips`, a success has that distance too.

    Besides what `video_attack.envs.metrics.summary` says, it has
        curves: of a success, for l2, linf, l0_pixels and map each improvement of the least norm of any
            success so far, as [query, norm], of six digits;
        full: the same norms of the largest change that the bound admits (see `Bound.farthest`), the
            wholly distorted clip's where the bound is a distortion: what a failure counts as;
        clean_gap, gap: the log-probability margin in nats of the clean clip (above 0 until the goal is
            reached), and how far past the boundary the kept success is.
    """
    ledger = result.ledger
    success = result.attacked and ledger.best is not None
    assert ledger.clean_scores is not None  # every attack begins with the clean query
    record: Draft = {
        "attack": name,
        "id": ledger.clip.id,
        "label": ledger.clip.label,
        "class": setup.victim.classes[ledger.clip.label],
        "target": ledger.goal.target,
        "attacked": result.attacked,
        "success": success,
        "queries": ledger.spent,
        "first_success": ledger.first_success if success else None,
        "budget": ledger.budget,
        "reward": result.reward,
        "seed": seed,
        "clean_prediction": int(np.argmax(ledger.clean_scores)),
        "clean_right": int(np.argmax(ledger.clean_scores)) == ledger.clip.label,
        "clean_gap": _short(ledger.goal.gap(ledger.clean_scores)),
        "full": {name: _short(size) for name, size in result.full.items()},
    }
    if success:
        assert ledger.best is not None and ledger.best_scores is not None  # success says so
        clips = ledger.clip.frames, ledger.best
        record |= {
            "prediction": int(np.argmax(ledger.best_scores)),
            **norms(*clips),
            "curves": {
                name: _falling([[query, _short(size)] for query, size in curve])
                for name, curve in ledger.curves.items()
            },
            "gap": _short(-ledger.goal.gap(ledger.best_scores)),
            "ssim": ssim(*clips),
            "ssim_changed": ssim(*clips, changed_only=True),
            "psnr": psnr(*clips),
            "psnr_clip": psnr_clip(*clips),
            "warping_error": _or_none(warping_error(*clips)),
        }
        if lpips is not None:
            record["lpips"] = _or_none(lpips(*clips))
            record["lpips_changed"] = _or_none(lpips(*clips, changed_only=True))
    return record


class RecordFile:
    """The file records.jsonl of a run, open for more.

    Args:
        path: the file; made where there is none.
        resume: keep what it holds, but for a last line that was not written to its end.

    Attributes:
        records: all that the file holds.
    """

    def __init__(self, path: Path, resume: bool) -> None:
        lines = path.read_text().splitlines(keepends=True) if resume and path.exists() else []
        kept = [line for line in lines if line.endswith("\n")]
        write_whole(path, "".join(kept).encode())
        self.records: list[Draft] = list(read_records(path))
        for number, record in enumerate(self.records, start=1):
            if not isinstance(record.get("index"), int):
                raise RecordError(number, path, "lacks index")
        self._path = path
        self._file = path.open("a")

    def add(self, record: Draft) -> None:
        """Append one line; it outlives whatever happens to the process afterwards."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        self.records.append(record)

    def in_order(self, attacks: Sequence[str]) -> None:
        """Write the file anew: attack by attack as named, then any other, each in order of the clips.

        Records come as clips end, the easy ones first; a part of the file should be no easier than all.
        """
        place = {name: number for number, name in enumerate(attacks)}
        for record in self.records:
            place.setdefault(record["attack"], len(place))
        self.records.sort(key=lambda r: (place[r["attack"]], r["index"]))
        self._file.close()
        lines = [json.dumps(record) + "\n" for record in self.records]
        write_whole(self._path, "".join(lines).encode())
        self._file = self._path.open("a")

    def of(self, attack: str, clips: int) -> list[Draft]:
        """An attack's records of the first `clips` clips of the data set, in its order."""
        found = [r for r in self.records if r["attack"] == attack and r["index"] < clips]
        return sorted(found, key=lambda record: int(record["index"]))

    def __enter__(self) -> "RecordFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def write_csv(path: Path, records: Sequence[Record]) -> None:
    """Write records as a table without their curves; what one lacks is empty, nested keys get a dot."""
    rows = [_flat({k: v for k, v in record.items() if k != "curves"}) for record in records]
    names = dict.fromkeys(key for row in rows for key in row)
    nested = {name.partition(".")[0] for name in names if "." in name}
    text = io.StringIO()
    writer = csv.DictWriter(text, [n for n in names if n not in nested], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def _falling(curve: list[list[float]]) -> list[list[float]]:
    """A curve without the steps that rounding has made level."""
    return [step for i, step in enumerate(curve) if i == 0 or step[1] < curve[i - 1][1]]


def _or_none(figure: float) -> float | None:
    """JSON has no nan."""
    return None if np.isnan(figure) else figure


def _short(figure: float) -> float:
    """Six digits, so that a long curve stays a short line."""
    return float(f"{figure:.6g}")


def _flat(record: Mapping[str, Any]) -> Draft:
    flat: Draft = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            flat[key] = value
    return flat
