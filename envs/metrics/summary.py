"""The figures of an attack on a victim, made from one record a clip and from nothing else.

A record is a mapping with
    id, label: of the clip;
    attacked: bool, False when the victim got the clean clip wrong (or it is of the target class);
    clean_right: bool, the victim got the clean clip right (where absent: attacked);
    success: bool, the label flipped within the budget;
    queries: int, all clips that went through the victim, those of a clean-up among them;
    first_success: int, which of them first reached the goal (where absent: the last);
    budget: int, the most queries allowed;
and, for successes at least, the figures named in MEANS; where they were measured also those in MORE
and the flags named in FILES (whether the clip still is a success after it was such a file), which may
stand in a mapping `delivered` of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.metrics.rates import clopper_pearson

Record = Mapping[str, Any]

MEANS = ("l2", "linf", "map", "l0_pixels", "l0_frames", "ssim")
MORE = ("sparsity", "roughness", "warping_error", "psnr", "lpips")
FILES = ("ffv1", "h264_18", "h264_23", "h264_28")


def summary(records: Sequence[Record]) -> dict[str, float]:
    """Rates, queries and perturbation sizes over clips.

    Args:
        records: one mapping a clip, as above.

    Returns:
        clips: number of records.
        clean_accuracy, clean_accuracy_low, clean_accuracy_high: share of clips that the victim
            gets right, with the 95 % Clopper-Pearson interval.
        attacked, successes: numbers of clips.
        asr, asr_low, asr_high: successes / attacked, with the same kind of interval.
        aq: mean queries over all attacked clips, a failure counting its full budget.
        median_queries: over successes.
        l2, linf, map, l0_pixels, l0_frames, ssim: means over successes.
        sparsity, roughness, warping_error, psnr, lpips: the same; nan unless every success has it.
        ffv1, h264_18, h264_23, h264_28: share of the attacked clips of which a success survives in
            such a file, to be held against asr; nan unless every success was written to one.
        Where there is nothing to average, nan: never 0.

    Raises:
        ValueError: a success lacks one of the figures.
    """
    attacked = [record for record in records if record["attacked"]]
    successes = [record for record in attacked if record["success"]]
    right = [bool(record.get("clean_right", record["attacked"])) for record in records]
    flipped = len(successes)
    clean_low, clean_high = clopper_pearson(sum(right), len(records))
    asr_low, asr_high = clopper_pearson(flipped, len(attacked))
    return {
        "clips": len(records),
        "clean_accuracy": _mean(right),
        "clean_accuracy_low": clean_low,
        "clean_accuracy_high": clean_high,
        "attacked": len(attacked),
        "successes": flipped,
        "asr": _mean([bool(record["success"]) for record in attacked]),
        "asr_low": asr_low,
        "asr_high": asr_high,
        "aq": _mean([spent(record) for record in attacked]),
        "median_queries": float(np.median([spent(r) for r in successes]) if successes else np.nan),
        **{name: _mean([_figure(record, name) for record in successes]) for name in MEANS},
        **{name: _mean(_measured(successes, name)) for name in MORE},
        **{name: _delivered(successes, len(attacked), name) for name in FILES},
    }


def success_curve(records: Sequence[Record]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Share of the attacked clips whose label had flipped after at most so many queries.

    Returns:
        queries: int64 (n,), increasing: 0, every number at which a clip flipped, and the largest
            budget.
        share: float64 (n,), the share at that number and up to the next one (a step function);
            nan when no clip was attacked.
    """
    attacked = [record for record in records if record["attacked"]]
    flips = np.sort(np.array([first_flip(r) for r in attacked if r["success"]], np.int64))
    ends = [0, max((int(record["budget"]) for record in attacked), default=0)]
    queries = np.unique(np.concatenate([flips, ends]).astype(np.int64))
    if not attacked:
        return queries, np.full(len(queries), np.nan)
    return queries, np.searchsorted(flips, queries, side="right") / len(attacked)


def first_flip(record: Record) -> int:
    """Number of the query that first reached the goal, of a success."""
    return int(record.get("first_success") or record["queries"])


def spent(record: Record) -> int:
    """Queries of an attacked clip, a clean-up's among them; a failure counts its full budget."""
    return int(record["queries"] if record["success"] else record["budget"])


def _figure(record: Record, name: str) -> float:
    if record.get(name) is None:
        raise ValueError(f"the record of {record['id']!r}, a success, lacks {name!r}: measure it")
    return float(record[name])


def _measured(successes: Sequence[Record], name: str) -> list[float]:
    """The figure of each success; nothing when one of them lacks it."""
    values = [record.get(name) for record in successes]
    return [] if None in values else [float(value) for value in values if value is not None]


def _delivered(successes: Sequence[Record], attacked: int, name: str) -> float:
    """Share of the attacked clips whose success survives in a file."""
    flags = _measured([{**record, **(record.get("delivered") or {})} for record in successes], name)
    return sum(flags) / attacked if attacked and len(flags) == len(successes) else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
