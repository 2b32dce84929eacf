"""Two attacks on the same clips, set against each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from envs.metrics.rates import paired_bootstrap_ratio
from envs.metrics.summary import spent

Record = Mapping[str, Any]


def compare(first: Sequence[Record], second: Sequence[Record]) -> str:
    """One line: ratios of AQ and L2 with their paired bootstrap 95 % intervals over clips.

    AQ is over all clips that both attacked, failures at the full budget; L2 over those that both
    flipped, so that an attack does not look larger for flipping the harder clips as well.

    Args:
        first: records of one attack.
        second: records of another one on the same clips.
    """
    others = {record["id"]: record for record in second}
    pairs = [(a, others[a["id"]]) for a in first if a["id"] in others and a["attacked"]]
    costs = [[spent(record) for record in side] for side in zip(*pairs, strict=True)]
    flipped = [(a["l2"], b["l2"]) for a, b in pairs if a["success"] and b["success"]]
    sizes = [list(side) for side in zip(*flipped, strict=True)]
    names = f"{first[0]['attack']} / {second[0]['attack']}"
    queries = _ratio("AQ", costs, len(pairs), "attacked")
    return f"{names}: {queries}; {_ratio('L2', sizes, len(flipped), 'flipped by both')}"


def _ratio(what: str, sides: Sequence[Sequence[float]], clips: int, which: str) -> str:
    if not clips:
        return f"{what} ratio - (no clip {which})"
    first, second = sides
    ratio, low, high = paired_bootstrap_ratio(first, second)
    return f"{what} ratio {ratio:.2f} [{low:.2f}, {high:.2f}] on {clips} clips {which}"
