"""The first attack against each other one, on the same clips."""

from collections.abc import Callable, Sequence

from video_attack.agents.report.layout import lay_out
from video_attack.envs.metrics.rates import paired_bootstrap_difference, paired_bootstrap_ratio
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.summary import queries_to_flip

Pair = tuple[Record, Record]


def compare(found: Found, markdown: bool = False) -> list[str]:
    """A table of differences and ratios with paired bootstrap 95 % intervals over clips.

    ASR and AQ are over all clips that both attacked, failures at the full budget; L2 over those
    that both flipped, so that an attack does not look larger for flipping the harder clips as well.

    Args:
        found: records of each attack; each is set against the first.
        markdown: a Markdown table instead of aligned plain text.

    Returns:
        The table with a line above it; nothing for a single attack.
    """
    (name, first), *others = found.items()
    if not others:
        return []
    head = ["against", "clips", "ASR difference", "AQ difference", "AQ ratio", "flipped by both",
            "L2 difference", "L2 ratio"]  # fmt: skip
    lines = [[other, *_cells(first, second)] for other, second in others]
    return [
        f"{name} minus, or divided by, each other attack on the same clips (differences of ASR in "
        "points) [95 %]:",
        lay_out([head, *lines], markdown),
    ]


def _cells(first: Sequence[Record], second: Sequence[Record]) -> list[str]:
    others = {record["id"]: record for record in second}
    pairs: list[Pair] = [(a, others[a["id"]]) for a in first if a["id"] in others and a["attacked"]]
    flipped = [(a, b) for a, b in pairs if a["success"] and b["success"]]
    return [
        str(len(pairs)),
        _difference(pairs, lambda record: 100 * record["success"], "{:+.1f}"),
        _difference(pairs, queries_to_flip, "{:+.1f}"),
        _ratio(pairs, queries_to_flip),
        str(len(flipped)),
        _difference(flipped, lambda record: record["l2"], "{:+.2f}"),
        _ratio(flipped, lambda record: record["l2"]),
    ]


def _difference(pairs: Sequence[Pair], figure: Callable[[Record], float], pattern: str) -> str:
    if not pairs:
        return "-"
    value, low, high = map(pattern.format, paired_bootstrap_difference(*_sides(pairs, figure)))
    return f"{value} [{low}, {high}]"


def _ratio(pairs: Sequence[Pair], figure: Callable[[Record], float]) -> str:
    if not pairs:
        return "-"
    ratio, low, high = paired_bootstrap_ratio(*_sides(pairs, figure))
    return f"{ratio:.2f} [{low:.2f}, {high:.2f}]"


def _sides(
    pairs: Sequence[Pair], figure: Callable[[Record], float]
) -> tuple[list[float], list[float]]:
    return [figure(a) for a, _ in pairs], [figure(b) for _, b in pairs]
