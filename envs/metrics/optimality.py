"""How close each attack comes, clip by clip, to the best that any of them found at the same price.

After the local optimality of AttackBench (Cinà et al., AAAI 2025, arXiv 2404.19460), which compares the
area under an attack's curve of accuracy against norm with that of the *empirically best attack*, the
clip-wise minimum over all attacks. Here it is taken per clip and at each number of queries, since these
are what a black-box attack pays: with n_a(i, q) the least norm of a success of attack a on clip i within
q queries (infinity where there is none) and e(i, q) = min over a of n_a(i, q),

    o_a(i, q) = min(1, e(i, q) / n_a(i, q)),

1 for the best, 0 for a failure where another attack has a success; clips on which no attack has one
yet tell nothing and are left out. An attack's optimality at q is the mean over the others.

An attack that sees the victim's gradients (`YARDSTICKS`) buys with other coin: it is in no minimum, rank
or lead, and is shown apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.metrics.rates import paired_bootstrap_difference
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.tradeoff import Floats, sizes_over

_RESAMPLES = 2000
Kept = TypeVar("Kept")
YARDSTICKS = ("whitebox",)  # not black-box: beside the others, not among them


@dataclass(frozen=True)
class Standing:
    """An attack at one budget.

    Attributes:
        optimality: mean o_a, 0 to 1; nan while no attack has a success.
        low, high: its 95 % percentile bootstrap interval over clips.
        rank: 1 is the best; equal optimalities share the better place.
        rank_low, rank_high: 95 % interval of the rank, all attacks meeting the same draws of clips.
        clips: on which some attack has a success.
    """

    optimality: float
    low: float
    high: float
    rank: int
    rank_low: int
    rank_high: int
    clips: int


def competing(found: Mapping[str, Kept]) -> dict[str, Kept]:
    """What is kept by attack, without yardsticks where there is anything else."""
    rivals = {name: kept for name, kept in found.items() if name not in YARDSTICKS}
    return rivals or dict(found)


def common(found: Found) -> dict[str, list[Record]]:
    """Records of the clips that all attacks attacked, in the order of the first one's."""
    own = {name: {r["id"]: r for r in records if r["attacked"]} for name, records in found.items()}
    first = next(iter(own.values()), {})
    shared = [clip for clip in first if all(clip in records for records in own.values())]
    return {name: [records[clip] for clip in shared] for name, records in own.items()}


def ratios(found: Found, queries: list[int], norm: str = "l2") -> tuple[Floats, NDArray[np.bool_]]:
    """o_a of the module's formula.

    Args:
        found: records by attack.
        queries: numbers of queries, increasing.
        norm: one of `video_attack.envs.metrics.tradeoff.NORMS`.

    Returns:
        ratios: float64 (attacks, clips, queries), of `common` clips; 0 where nothing is known.
        known: bool (clips, queries), whether some attack has a success there.
    """
    shared = common(found)
    sizes = np.stack([sizes_over(r, queries, norm, counted=False) for r in shared.values()])
    best = sizes.min(axis=0)
    known = np.isfinite(best)
    # An unchanged clip cannot be a success, but a norm of 0 must not divide.
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(sizes <= best, 1.0, best / sizes)
    return np.where(known & np.isfinite(sizes), np.minimum(share, 1.0), 0.0), known


def optimality_curves(found: Found, queries: list[int], norm: str = "l2") -> dict[str, Floats]:
    """Mean optimality (q,) of each competing attack at each number of queries; nan before a success."""
    found = competing(found)
    share, known = ratios(found, queries, norm)
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = share.sum(axis=1) / counts
    return dict(zip(found, means, strict=True))


def leaders(found: Found, queries: list[int], norm: str = "l2") -> list[str | None]:
    """Who has the highest optimality at each number of queries; None before the first success."""
    curves = optimality_curves(found, queries, norm)
    means, names = np.stack(list(curves.values())), list(curves)
    return [
        None if np.isnan(column).all() else names[int(np.nanargmax(column))] for column in means.T
    ]


def standings(found: Found, queries: int, norm: str = "l2", seed: int = 0) -> dict[str, Standing]:
    """All attacks at one budget; a yardstick comes last, without clips.

    Args:
        found: records by attack.
        queries: the budget.
        norm: one of `video_attack.envs.metrics.tradeoff.NORMS`.
        seed: of the bootstrap.
    """
    everyone, found, nan = list(found), competing(found), float("nan")
    share, known = ratios(found, [queries], norm)
    share = share[:, known[:, 0], 0]
    attacks, clips = share.shape
    last = Standing(nan, nan, nan, attacks + 1, attacks + 1, attacks + 1, 0)
    apart = {name: last for name in everyone if name not in found}
    if not clips:
        return apart | {name: Standing(nan, nan, nan, 1, 1, attacks, 0) for name in found}
    draws = np.random.default_rng(seed).integers(0, clips, (_RESAMPLES, clips))
    means = share[:, draws].mean(axis=2)  # (attacks, resamples)
    low, high = np.quantile(means, [0.025, 0.975], axis=1, method="inverted_cdf")
    places = np.quantile(ranks(means), [0.025, 0.975], axis=1, method="inverted_cdf").astype(int)
    rank = ranks(share.mean(axis=1, keepdims=True))[:, 0]
    return apart | {
        name: Standing(
            float(share[i].mean()), float(low[i]), float(high[i]), int(rank[i]),
            int(places[0, i]), int(places[1, i]), clips,
        )
        for i, name in enumerate(found)
    }  # fmt: skip


@dataclass(frozen=True)
class Lead:
    """Who is ahead at a budget, and by how much.

    Attributes:
        first, second: names of the attacks with the highest and the next optimality.
        by, low, high: difference of their optimalities with its paired bootstrap 95 % interval; the
            first was chosen by the same clips, so that it is a little high.
    """

    first: str
    second: str
    by: float
    low: float
    high: float


def lead(found: Found, queries: int, norm: str = "l2") -> Lead | None:
    """The two best competing attacks at one budget; None with one, or before the first success."""
    found = competing(found)
    share, known = ratios(found, [queries], norm)
    share = share[:, known[:, 0], 0]
    if len(share) < 2 or not share.size:
        return None
    first, second = np.argsort(-share.mean(axis=1), kind="stable")[:2]
    names = list(found)
    return Lead(
        names[first], names[second], *paired_bootstrap_difference(share[first], share[second])
    )


def ranks(values: Floats) -> NDArray[np.int64]:
    """Places (attacks, n) from 1, the highest value first; equal ones share the better place."""
    rounded = values.round(9)
    return 1 + (rounded[None] > rounded[:, None]).sum(axis=1)
