"""Intervals: how sure a rate, or a comparison of two attacks, is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Floats = NDArray[np.float64]

_CHUNK = 256


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval of a rate (Clopper & Pearson, 1934).

    With alpha = 1 - confidence: low is the alpha / 2 quantile of Beta(s, n - s + 1), high the
    1 - alpha / 2 quantile of Beta(s + 1, n - s); low is 0 for s = 0, high is 1 for s = n.

    Args:
        successes: s, 0 to n.
        n: trials.
        confidence: chance that the interval holds the true rate, at least; between 0 and 1.

    Returns:
        (low, high) in [0, 1]; (nan, nan) without a trial.

    Raises:
        ValueError: successes is not in 0 to n, or confidence not between 0 and 1.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes={successes} of n={n}: give 0 <= successes <= n")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: give a number between 0 and 1, such as 0.95")
    if n == 0:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, successes, n - successes + 1) if successes else 0.0
    high = beta.ppf(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return float(low), float(high)


def paired_bootstrap_ratio(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Ratio mean(a) / mean(b) over clips, with a 95 % percentile bootstrap interval.

    Clips are drawn with replacement, each with its figures from both attacks (Efron, 1979).

    Args:
        a: one figure a clip, of the first attack.
        b: the same of the second attack, clips in the same order.
        resamples: number of draws.
        seed: of the draws.

    Returns:
        (ratio, low, high); all nan without clips or when mean(b) is 0. Draws in which mean(b) is 0
        count as infinity, those in which both means are 0 are left out.

    Raises:
        ValueError: a and b are not one-dimensional or differ in length.
    """
    first, second, draws_a, draws_b = _resampled_means(a, b, resamples, seed)
    if not first.size or second.mean() == 0:
        return float("nan"), float("nan"), float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = _interval(draws_a / draws_b)
    return float(first.mean() / second.mean()), low, high


def paired_bootstrap_difference(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Difference mean(a) - mean(b) over clips, with a 95 % percentile bootstrap interval.

    Arguments and errors as of `paired_bootstrap_ratio`.

    Returns:
        (difference, low, high); all nan without clips.
    """
    first, second, draws_a, draws_b = _resampled_means(a, b, resamples, seed)
    if not first.size:
        return float("nan"), float("nan"), float("nan")
    return float(first.mean() - second.mean()), *_interval(draws_a - draws_b)


def _resampled_means(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, resamples: int, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Both inputs as arrays (n,), and their means (resamples,) over the same draws of clips."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"shapes {first.shape} and {second.shape}: give two lists of one figure a clip, "
            "with the same clips in the same order"
        )
    n = first.size
    means = np.empty((2, resamples if n else 0))
    rng = np.random.default_rng(seed)
    for start in range(0, means.shape[1], _CHUNK):  # in chunks, to keep memory small
        draws = rng.integers(0, n, (min(_CHUNK, resamples - start), n))
        means[0, start : start + len(draws)] = first[draws].mean(axis=1)
        means[1, start : start + len(draws)] = second[draws].mean(axis=1)
    return first, second, means[0], means[1]


def _interval(draws: Floats) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles, without interpolation, as infinities may be among them."""
    low, high = np.nanquantile(draws, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
