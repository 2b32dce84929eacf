"""The figures of an attack on a victim, made from one record a clip and from nothing else."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.metrics.rates import clopper_pearson
from video_attack.envs.metrics.record import Record

R = TypeVar("R", bound=Record)

MEANS = ("l2", "linf", "map", "l0_pixels", "l0_frames", "ssim")
MORE = (
    "sparsity",
    "roughness",
    "warping_error",
    "psnr",
    "psnr_clip",
    "ssim_changed",
    "lpips",
    "lpips_changed",
)
FILES = ("ffv1", "h264_18", "h264_23", "h264_28")
CHECKS = (*FILES, "float32")


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
        aq: mean queries to the first success over all attacked clips, a failure counting its full
            budget.
        median_queries: over successes.
        l2, linf, map, l0_pixels, l0_frames, ssim: means over successes.
        sparsity, roughness, warping_error, psnr, psnr_clip, ssim_changed, lpips, lpips_changed: the
            same; nan unless every success has it.
        ffv1, h264_18, h264_23, h264_28: share of the attacked clips of which a success survives in
            such a file, to be held against asr; nan unless every success was written to one.
        float32: the same of the victim in float32, where it answered in less; nan without a success.
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
        "aq": _mean([queries_to_flip(record) for record in attacked]),
        "median_queries": float(
            np.median([queries_to_flip(r) for r in successes]) if successes else np.nan
        ),
        **{name: _mean([_figure(record, name) for record in successes]) for name in MEANS},
        **{name: _mean(_measured(successes, name)) for name in MORE},
        **{name: _delivered(successes, len(attacked), name) for name in FILES},
        "float32": _delivered(successes, len(attacked), "float32") if flipped else float("nan"),
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


def in_clip_order(records: Iterable[R]) -> list[R]:
    """Records as the data set has their clips; those of an unknown place last, as they came."""
    return sorted(records, key=lambda record: record.get("index", float("inf")))


def first_flip(record: Record) -> int:
    """Number of the query that first reached the goal, of a success."""
    return int(record.get("first_success") or record["queries"])


def queries_to_flip(record: Record) -> int:
    """Queries of an attacked clip up to its first success; a failure counts its full budget."""
    return first_flip(record) if record["success"] else int(record["budget"])


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
