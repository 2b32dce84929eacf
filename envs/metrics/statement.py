"""The answer to "how robust is it?": what an attack has shown to be possible, with its confidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from video_attack.envs.metrics.rates import clopper_pearson
from video_attack.envs.metrics.record import Record
from video_attack.envs.metrics.summary import first_flip
from video_attack.envs.metrics.tradeoff import norm_at

_DIGITS = 1e-5  # of the norms in a curve
TITLES = {"l2": "L2", "linf": "Linf", "map": "mean change (0-255)",
          "l0_pixels": "share of changed pixels", "l0_frames": "share of changed frames"}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """How many clips can be flipped at least, with the numbers that say so.

    Attributes:
        attack: its name.
        clips: attacked clips, all of which the victim got right.
        flips: of these, flipped within `queries` and `norm`.
        queries: the allowance of queries.
        norm: the allowance of the norm, in the unit of `norms`; None: any that the run's bound admits.
        norm_name: which norm: l2, linf, map, l0_pixels or l0_frames.
        confidence: chance that `at_least` holds, over draws of the clips.
        at_least: lower limit of the share of clips that can be flipped, in [0, 1].
    """

    attack: str
    clips: int
    flips: int
    queries: int
    norm: float | None
    norm_name: str
    confidence: float
    at_least: float

    def __str__(self) -> str:
        """One sentence for a report."""
        within = f"within {self.queries} queries"
        if self.norm is not None:
            levels = 255 * self.norm
            whole = self.norm_name == "linf" and abs(levels - round(levels)) < 1e-6
            size = f"{round(levels)}/255" if whole else f"{self.norm:.4g}"
            within += f" and {TITLES.get(self.norm_name, self.norm_name)} {size}"
        sure = f"{100 * self.confidence:.4g} % confidence"
        if not self.flips:
            return (
                f"{self.attack} flipped none of {self.clips} clips {within}, which proves nothing: "
                "another attack may."
            )
        # Rounded down, for "at least" must stay true.
        percent = math.floor(self.at_least * 1000) / 10
        return (
            f"At least {percent:.1f} % of such clips can be flipped {within}, {sure} "
            f"({self.attack} flipped {self.flips} of {self.clips}); no attack proves that the others "
            "cannot be."
        )


def robustness_statement(
    records: Sequence[Record],
    *,
    queries: int | None = None,
    norm: float | None = None,
    norm_name: str = "l2",
    confidence: float = 0.95,
) -> Statement:
    """One-sided lower limit (Clopper and Pearson, 1934) of the share of clips that can be flipped.

    With s flips among n attacked clips it is the 1 - `confidence` quantile of Beta(s, n - s + 1). It
    holds for clips drawn as these were, that the victim gets right: what one attack flips can be
    flipped. There is no upper limit: another attack may do better, and nothing is certified. Of several
    attacks, the one to state should be chosen beforehand; that of the best of them is a little high.

    A clip counts as flipped when a success within `queries` is within `norm`, as
    `video_attack.envs.metrics.tradeoff` reads it from the record: of one without
    curves, the success that was kept, at its last query.

    Args:
        records: of one attack; see `video_attack.envs.metrics.summary`. A record without `first_success` is
            taken by its `queries`.
        queries: the allowance; None takes the smallest budget of the attacked clips.
        norm: the allowance of the norm; None asks for none.
        norm_name: the figure of the records that `norm` means.
        confidence: above 0.5, below 1.

    Returns:
        The statement; `at_least` is 0 when no clip was attacked.

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
    # A one-sided limit at 95 % is the lower end of the two-sided interval at 90 %.
    low = clopper_pearson(flips, len(attacked), 2 * confidence - 1)[0] if attacked else 0.0
    return Statement(
        names[0] if names else "this attack", len(attacked), flips, queries, norm, norm_name,
        confidence, low,
    )  # fmt: skip


def _flipped(record: Record, queries: int, norm: float | None, norm_name: str) -> bool:
    if not record["success"]:
        return False
    if norm is None:
        return first_flip(record) <= queries
    if record.get(norm_name) is None:
        raise ValueError(f"the record of {record['id']!r}, a success, lacks {norm_name!r}")
    return norm_at(record, queries, norm_name) <= norm * (1 + _DIGITS)
