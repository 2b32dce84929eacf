"""The answer to "how robust is it?": a bound on what an attack can do, with its confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

from video_attack.envs.metrics.rates import clopper_pearson
from video_attack.envs.metrics.summary import Record, first_flip

TITLES = {"l2": "L2 norm", "linf": "Linf norm", "map": "mean change (0-255)",
          "l0_pixels": "share of changed pixels", "l0_frames": "share of changed frames"}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """How many clips an attack flips at most, with the numbers that say so.

    Attributes:
        attack: its name.
        clips: attacked clips, all of which the victim got right.
        flips: of these, flipped within `queries` and `norm`.
        queries: the allowance of queries.
        norm: the allowance of the norm, in the unit of `norms`; None: any that the run's bound admits.
        norm_name: which norm: l2, linf, map, l0_pixels or l0_frames.
        confidence: chance that `at_most` holds, over draws of the clips.
        at_most: upper limit of the share of clips that flip, in [0, 1].
    """

    attack: str
    clips: int
    flips: int
    queries: int
    norm: float | None
    norm_name: str
    confidence: float
    at_most: float

    def __str__(self) -> str:
        """One sentence for a report."""
        size = ""
        if self.norm is not None:
            size = f" and {TITLES.get(self.norm_name, self.norm_name)} {self.norm:.4g}"
        # Rounded up, for "at most" must stay true.
        percent = min(100.0, -(-self.at_most * 1000 // 1) / 10)
        return (
            f"With {100 * self.confidence:.4g} % confidence at most {percent:.1f} % of such clips can be "
            f"flipped by {self.attack} within {self.queries} queries{size} "
            f"({self.flips} of {self.clips} were)."
        )


def robustness_statement(
    records: Sequence[Record],
    *,
    queries: int | None = None,
    norm: float | None = None,
    norm_name: str = "l2",
    confidence: float = 0.95,
) -> Statement:
    """One-sided upper limit (Clopper and Pearson, 1934) of the share of clips that an attack flips.

    With s flips among n attacked clips it is the `confidence` quantile of Beta(s + 1, n - s). It holds
    for clips drawn as these were, that the victim gets right, and for this attack with these
    settings: another attack may do better, and nothing is certified.

    A clip counts as flipped when its first success came within `queries` and its smallest success in
    the whole run is within `norm`. With a clean-up (`env.cleanup`) the latter may have come later than
    `queries`: then the limit is rather too high. Where the run kept the least of another norm
    (`env.norm`) than `norm_name`, a smaller clip may have been met and not kept.

    Args:
        records: of one attack; see `video_attack.envs.metrics.summary`. A record without `first_success` is
            taken by its `queries`.
        queries: the allowance; None takes the smallest budget of the attacked clips.
        norm: the allowance of the norm; None asks for none.
        norm_name: the figure of the records that `norm` means.
        confidence: above 0.5, below 1.

    Returns:
        The statement; `at_most` is 1 when no clip was attacked.

    Raises:
        ValueError: records of several attacks, an allowance above a record's budget (which says
            nothing of what more queries would do) or below 1, a confidence out of its range, or a
            success that lacks the norm.
    """
    names = sorted({str(record.get("attack", "this attack")) for record in records})
    if len(names) > 1:
        raise ValueError(f"records of {', '.join(names)}: make one statement for each attack")
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence={confidence}: give a number above 0.5 and below 1")
    attacked = [record for record in records if record["attacked"]]
    least = min((int(record["budget"]) for record in attacked), default=queries or 1)
    queries = least if queries is None else queries
    if not 1 <= queries <= least:
        raise ValueError(f"queries={queries}: the run allowed {least}; give 1 to {least}")
    flips = sum(_flipped(record, queries, norm, norm_name) for record in attacked)
    # A one-sided limit at 95 % is the upper end of the two-sided interval at 90 %.
    high = clopper_pearson(flips, len(attacked), 2 * confidence - 1)[1] if attacked else 1.0
    return Statement(
        names[0] if names else "this attack", len(attacked), flips, queries, norm, norm_name,
        confidence, high,
    )  # fmt: skip


def _flipped(record: Record, queries: int, norm: float | None, norm_name: str) -> bool:
    if not record["success"]:
        return False
    if norm is not None and record.get(norm_name) is None:
        raise ValueError(f"the record of {record['id']!r}, a success, lacks {norm_name!r}")
    return first_flip(record) <= queries and (norm is None or record[norm_name] <= norm)
