"""Pure metrics: judgements in, `Metric` out. Each names its formula, its source and its edge cases.

Nothing here knows the guide. A metric over no case is undefined: its value is None and n is 0; it
is never 0, 1 or NaN. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Better = Literal["higher", "lower"]
Array = npt.NDArray[np.float64]
Statistic = Callable[[Array], Array]  # weights of shape (draws, n) to values of shape (draws,)
DRAWS = 2000
SEED = 20261123
LEVEL = 0.95
ECE_BINS = 10
DIGITS = 4  # of a value in a report


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `low` and `high` bound its interval; None where none can be given.

    `floor` is the worst value that passes: a least value where higher is better, a most value
    where lower is.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    better: Better = "higher"
    floor: float | None = None

    @property
    def breached(self) -> bool:
        """True when there is a floor and the value is on its wrong side. Undefined breaches nothing."""
        if self.floor is None or self.value is None:
            return False
        return self.value < self.floor if self.better == "higher" else self.value > self.floor


def with_floors(metrics: Iterable[Metric], floors: Mapping[str, float]) -> tuple[Metric, ...]:
    """Return the metrics, each with the floor of its name where there is one."""
    return tuple(replace(metric, floor=floors.get(metric.name)) for metric in metrics)


def undefined(name: str, better: Better = "higher") -> Metric:
    """A metric over no case."""
    return Metric(name, None, None, None, 0, better)


# Intervals


def bootstrap(
    clusters: Sequence[str], statistic: Statistic, draws: int = DRAWS
) -> tuple[float, float] | None:
    """Percentile interval of `statistic` when whole clusters are drawn with replacement, seeded.

    Efron & Tibshirani (1993), chapter 13; clusters because cases of one idea are not independent.
    Draws in which the statistic is undefined (NaN) are left out; None when all of them are.
    """
    if not clusters:
        return None
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    generator = np.random.default_rng(SEED)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    values = statistic(counts[:, member].astype(np.float64))
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def clopper_pearson(hits: int, n: int) -> tuple[float, float]:
    """Exact binomial interval (Clopper & Pearson 1934), for rates near 0 or 1. Needs n > 0."""
    from scipy.stats import binomtest

    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"hits must be in [0, n] and n above 0, got hits={hits} n={n}")
    interval = binomtest(hits, n).proportion_ci(confidence_level=LEVEL, method="exact")
    return float(interval.low), float(interval.high)


# General forms


def mean(name: str, values: Sequence[float], clusters: Sequence[str], better: Better = "higher") -> Metric:
    """Sum of values / number of values, with a bootstrap interval."""
    return ratio(name, values, [1.0] * len(values), clusters, better)


def ratio(
    name: str,
    parts: Sequence[float],
    wholes: Sequence[float],
    clusters: Sequence[str],
    better: Better = "higher",
) -> Metric:
    """Sum of parts / sum of wholes; n is the sum of wholes. Undefined when that is 0."""
    total = sum(wholes)
    if not total:
        return undefined(name, better)
    above, below = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    found = bootstrap(clusters, lambda weights: _divide(weights @ above, weights @ below))
    low, high = found or (None, None)
    return Metric(name, sum(parts) / total, low, high, round(total), better)


def proportion(name: str, hits: Collection[bool], better: Better = "higher") -> Metric:
    """Share of True, with a Clopper-Pearson interval. For rates that should be near 0 or 1."""
    if not hits:
        return undefined(name, better)
    low, high = clopper_pearson(sum(hits), len(hits))
    return Metric(name, sum(hits) / len(hits), low, high, len(hits), better)


def drop(name: str, clean: Sequence[bool], changed: Sequence[bool], clusters: Sequence[str]) -> Metric:
    """mean(clean) - mean(changed) over the same cases, with a paired bootstrap interval.

    Below 0 when the change helped.
    """
    losses = [float(a) - float(b) for a, b in zip(clean, changed, strict=True)]
    return mean(name, losses, clusters, "lower")


# Retrieval


def ranking_scores(
    ranked: Mapping[str, Sequence[str]], relevant: Mapping[str, Collection[str]]
) -> dict[str, dict[str, float]]:
    """Return measure -> query -> value for Success@1, @3, @5, RR@10 and nDCG@10, by ir_measures.

    Success@k: 1 when one of the first k is relevant. RR@10: 1 / rank of the first relevant one
    among the first ten, else 0. nDCG@10: sum of rel_i / log2(i + 1) over the ideal sum (Järvelin &
    Kekäläinen 2002), relevance 0 or 1. `ranked` holds each item once, best first. A query without
    anything relevant is left out; one with an empty ranking scores 0.
    """
    import ir_measures
    from ir_measures import RR, Qrel, ScoredDoc, Success, nDCG

    measures = [Success @ 1, Success @ 3, Success @ 5, RR @ 10, nDCG @ 10]
    judged = {query: good for query, good in relevant.items() if good}
    scores = {str(measure): dict.fromkeys(judged, 0.0) for measure in measures}
    rows = [
        ScoredDoc(query, item, float(-rank))
        for query in judged
        for rank, item in enumerate(ranked.get(query, ()))
    ]
    if rows:
        truth = [Qrel(query, item, 1) for query, good in judged.items() for item in sorted(good)]
        for found in ir_measures.iter_calc(measures, truth, rows):
            scores[str(found.measure)][found.query_id] = float(found.value)
    return scores


def capped_recall(ranked: Sequence[str], relevant: Collection[str], k: int) -> float | None:
    """|relevant in the first k| / min(|relevant|, k), so that 1 can be reached. None without relevant."""
    if not relevant:
        return None
    return len(set(ranked[:k]) & set(relevant)) / min(len(relevant), k)


# Grounding (ALCE: Gao et al. 2023)


def citation_recall(supported: Sequence[bool]) -> float:
    """Share of an answer's sentences that their citations support, taken together.

    An answer without a sentence scores 0: it is not skipped. Abstentions are not answers and do
    not come here.
    """
    return sum(supported) / len(supported) if supported else 0.0


def citation_precision(needed: Sequence[bool]) -> float:
    """Share of an answer's citations that are needed. An answer without a citation scores 0.

    A citation is needed when its sentence is supported, and it is not the case that it does not
    support the sentence while the others do.
    """
    return sum(needed) / len(needed) if needed else 0.0


def is_needed(alone: bool, others: bool, together: bool) -> bool:
    """Whether one citation is needed, from whether it, the others, and all of them support the sentence."""
    return together and (alone or not others)


# Abstention and confidence


def auroc(name: str, positive: Sequence[float], negative: Sequence[float], clusters: Sequence[str]) -> Metric:
    """P(score of a positive > score of a negative), ties counting half. Undefined if a side is empty.

    `clusters` names those of the positives, then those of the negatives.
    """
    from sklearn.metrics import roc_auc_score

    if not positive or not negative:
        return undefined(name)
    high, low = np.asarray(positive), np.asarray(negative)
    wins = (high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :])

    def weighted(weights: Array) -> Array:
        plus, minus = weights[:, : len(high)], weights[:, len(high) :]
        return _divide(((plus @ wins) * minus).sum(axis=1), plus.sum(axis=1) * minus.sum(axis=1))

    value = roc_auc_score([1] * len(high) + [0] * len(low), [*positive, *negative])
    least, most = bootstrap(clusters, weighted) or (None, None)
    return Metric(name, float(value), least, most, len(high) + len(low))


def calibration_error(
    name: str, confidences: Sequence[float], right: Sequence[bool], clusters: Sequence[str]
) -> Metric:
    """Expected calibration error: sum over bins of |bin| / n * |share right - mean confidence|.

    Naeini et al. (2015); ten bins of equal width, 1.0 belongs to the last. Its interval leans
    upwards, as the error of a resample does. Undefined over no case.
    """
    if not confidences:
        return undefined(name, "lower")
    own = np.asarray(confidences, dtype=float)
    gaps = np.asarray(right, dtype=float) - own
    bins = np.minimum((own * ECE_BINS).astype(int), ECE_BINS - 1)
    inside = np.eye(ECE_BINS)[bins]  # (n, bins)

    def error(weights: Array) -> Array:
        total: Array = np.abs(weights @ (inside * gaps[:, None])).sum(axis=1)
        return _divide(total, weights.sum(axis=1))

    low, high = bootstrap(clusters, error) or (None, None)
    return Metric(name, float(error(np.ones((1, len(own))))[0]), low, high, len(own), "lower")


def truthfulness(answered: bool, right: bool) -> float:
    """1 for what is right (an answer, or silence where there is none), 0 for a needless silence, -1
    for a wrong answer (CRAG: Yang et al. 2024)."""
    if right:
        return 1.0
    return -1.0 if answered else 0.0


# Speed


def percentile(name: str, values: Sequence[float], percent: int) -> Metric:
    """The smallest value that at least `percent` per cent of the values do not exceed (nearest rank)."""
    if not values:
        return undefined(name, "lower")
    found = float(np.percentile(np.asarray(values), percent, method="inverted_cdf"))
    return Metric(name, found, None, None, len(values), "lower")


def _divide(above: Any, below: Any) -> Array:
    """above / below, NaN where below is 0."""
    whole = np.asarray(below, dtype=float)
    shares: Array = np.divide(above, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
    return shares
