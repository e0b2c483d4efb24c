"""Statistics that can be computed over any draw of the cases, and their intervals.

A statistic takes how often each case was drawn and two numbers of each case, so that one seeded
bootstrap serves them all: over whole clusters for one run, and over the same draws for two runs
that are compared. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
StatisticName = Literal["ratio", "auroc", "ece", "aurc"]
# draws of shape (draws, n), two numbers of shape (n,) each, to values of shape (draws,); NaN where undefined
Statistic = Callable[[Array, Array, Array], Array]
DRAWS = 2000
SEED = 20261123
LEVEL = 0.95
ECE_BINS = 10


def ratio(draws: Array, values: Array, weights: Array) -> Array:
    """Sum of values / sum of weights. With weights of 1 this is the mean."""
    return divide(draws @ values, draws @ weights)


def auroc(draws: Array, scores: Array, labels: Array) -> Array:
    """P(score of a positive > score of a negative), ties counting half. `labels`: 1 or 0.

    The Mann-Whitney form of the area under the ROC curve (Hanley & McNeil 1982).
    """
    positive, negative = labels > 0, labels <= 0
    above, below = scores[positive], scores[negative]
    wins = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])
    plus, minus = draws[:, positive], draws[:, negative]
    return divide(((plus @ wins) * minus).sum(axis=1), plus.sum(axis=1) * minus.sum(axis=1))


def ece(draws: Array, confidences: Array, right: Array) -> Array:
    """Expected calibration error: sum over bins of |bin| / n * |share right - mean confidence|.

    Naeini et al. (2015); ten bins of equal width, 1.0 belongs to the last. The error of a resample
    is larger than that of the sample, so an interval from it leans upwards.
    """
    inside = np.eye(ECE_BINS)[bins_of(confidences)]  # (n, bins)
    gaps = inside * (right - confidences)[:, None]
    return divide(np.abs(draws @ gaps).sum(axis=1), draws.sum(axis=1))


def aurc(draws: Array, confidences: Array, right: Array) -> Array:
    """Area under the risk-coverage curve: the mean, over the cases, of the share wrong among all
    that are at least as confident (Geifman et al. 2019). 0 is best; ties count as one step."""
    if not len(confidences):
        return np.full(len(draws), np.nan)
    order = np.argsort(-confidences, kind="stable")
    drawn = draws[:, order]
    covered = np.cumsum(drawn, axis=1)
    wrong = np.cumsum(drawn * (1.0 - right[order]), axis=1)
    falling = -confidences[order]
    last = np.searchsorted(falling, falling, side="right") - 1  # the end of each run of ties
    risks = divide(wrong[:, last], covered[:, last])
    return divide(np.where(drawn > 0, drawn * np.nan_to_num(risks), 0.0).sum(axis=1), drawn.sum(axis=1))


STATISTICS: Mapping[StatisticName, Statistic] = {"ratio": ratio, "auroc": auroc, "ece": ece, "aurc": aurc}


def bins_of(confidences: Array) -> npt.NDArray[np.int64]:
    """Return the calibration bin of each confidence, 0 to ECE_BINS - 1."""
    return np.minimum((confidences * ECE_BINS).astype(np.int64), ECE_BINS - 1)


@lru_cache(maxsize=8)  # many figures are over the same cases
def draw_clusters(clusters: tuple[str, ...], draws: int = DRAWS) -> Array:
    """Return how often each case is drawn when whole clusters are drawn with replacement, (draws, n).

    Seeded: the same clusters give the same draws in every run and on every machine.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    generator = np.random.default_rng(SEED)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts[:, member].astype(np.float64)


def bootstrap(
    clusters: Sequence[str],
    statistic: StatisticName,
    first: Sequence[float],
    second: Sequence[float],
) -> tuple[float, float] | None:
    """Percentile interval of a statistic over clusters of cases.

    Efron & Tibshirani (1993), chapter 13; clusters because cases of one idea are not independent.
    Draws in which the statistic is undefined are left out; None when all of them are.
    """
    if not clusters:
        return None
    values = STATISTICS[statistic](draw_clusters(tuple(clusters)), np.asarray(first), np.asarray(second))
    return percentiles(values)


def paired_bootstrap(
    clusters: Sequence[str],
    statistic: StatisticName,
    old: tuple[Sequence[float], Sequence[float]],
    new: tuple[Sequence[float], Sequence[float]],
) -> tuple[float, float, float] | None:
    """Return new - old with its percentile interval, over the same cases and the same draws.

    Pairing takes out what is hard in the cases themselves, so a small change of many cases shows.
    None where either side is undefined.
    """
    if not clusters:
        return None
    compute = STATISTICS[statistic]
    sides = [(np.asarray(a), np.asarray(b)) for a, b in (old, new)]
    before, after = (float(compute(np.ones((1, len(clusters))), a, b)[0]) for a, b in sides)
    draws = draw_clusters(tuple(clusters))
    found = percentiles(compute(draws, *sides[1]) - compute(draws, *sides[0]))
    if found is None or np.isnan(before) or np.isnan(after):
        return None
    return after - before, *found


def percentiles(values: Array) -> tuple[float, float] | None:
    """The bounds that hold the middle 95 % of the defined values; None when there is none."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def clopper_pearson(hits: int, n: int) -> tuple[float, float]:
    """Exact binomial interval (Clopper & Pearson 1934), for rates near 0 or 1. Needs n > 0."""
    from scipy.stats import binomtest

    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"hits must be in [0, n] and n above 0, got hits={hits} n={n}")
    interval = binomtest(hits, n).proportion_ci(confidence_level=LEVEL, method="exact")
    return float(interval.low), float(interval.high)


def divide(above: Any, below: Any) -> Array:
    """above / below, NaN where below is 0."""
    whole = np.asarray(below, dtype=float)
    shares: Array = np.divide(above, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
    return shares
