"""Success as a function of what it may cost: the norm, and the area under such a curve."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.metrics.record import Record

Floats = NDArray[np.float64]


def norm_curve(records: Sequence[Record], norm: str = "l2") -> tuple[Floats, Floats]:
    """Share of the attacked clips that were flipped by a change of at most such a norm.

    The norm is that of the clip that the attack ended with, the one with the least `env.norm` of
    all its successes; asked for in another norm, there may have been a smaller one.

    Args:
        records: one a clip; see `video_attack.envs.metrics.summary`.
        norm: a figure of the records, such as l2, linf, map, l0_pixels or l0_frames.

    Returns:
        norms: float64 (n,), increasing: 0 and every norm of a success.
        share: float64 (n,), the share at that norm and up to the next one (a step function); nan
            when no clip was attacked.

    Raises:
        ValueError: a success lacks the norm.
    """
    attacked = [record for record in records if record["attacked"]]
    successes = [record for record in attacked if record["success"]]
    for record in successes:
        if record.get(norm) is None:
            raise ValueError(f"the record of {record['id']!r}, a success, lacks {norm!r}")
    sizes = np.sort(np.array([record[norm] for record in successes], np.float64))
    norms = np.unique(np.concatenate([[0.0], sizes]))
    if not attacked:
        return norms, np.full(len(norms), np.nan)
    return norms, np.searchsorted(sizes, norms, side="right") / len(attacked)


def area_under(costs: NDArray[np.number], share: Floats, limit: float) -> float:
    """Area under a step function of success from cost 0 to `limit`, divided by `limit`.

    That is the mean success rate over all allowances from 0 to the limit: 1 where every clip flips at
    no cost, 0 where none flips within the limit. Two attacks are comparable at one limit only: the
    query budget, or the largest norm that the bound of both admits.

    Args:
        costs: (n,), increasing from 0: queries of `video_attack.envs.metrics.summary.success_curve`,
            or norms of `norm_curve`.
        share: float64 (n,), success from that cost on, up to the next one; the last goes on for ever.
        limit: above 0, in the unit of the costs.

    Returns:
        0 to 1; nan when the share is.

    Raises:
        ValueError: the limit is not above 0, or the costs do not begin with 0 and increase.
    """
    if not 0 < limit < np.inf:
        raise ValueError(f"limit={limit}: give the budget or the largest norm, above 0")
    if len(costs) != len(share) or costs[0] != 0 or (np.diff(costs) <= 0).any():
        raise ValueError("give a curve of success_curve or norm_curve: costs increasing from 0")
    edges = np.minimum(np.append(costs, np.inf), limit)
    widths = np.diff(edges)
    there = widths > 0  # beyond the limit a share may be infinite
    return float((widths[there] * share[there]).sum() / limit)
