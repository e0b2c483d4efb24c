"""Pure metrics: scores of cases in, `Metric` out. Each names its formula, its source and its edge cases.

Nothing here knows the guide. A metric over no case is undefined: its value is None and n is 0; it
is never 0, 1 or NaN. Where the anchors disagree, the rules are these: an empty answer is not
grounded, and neither skipped nor perfect; silence is no answer, so it is left out of grounding
and counted in abstention; a query without anything relevant is left out of retrieval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from evals.intervals import STATISTICS, StatisticName, bootstrap, clopper_pearson

Better = Literal["higher", "lower"]
DIGITS = 4  # of a value in a report
FEW = 5  # with fewer hits or misses than this a share is near 0 or 1, and its interval is exact
HALF = 0.5  # the share of its nuggets that a correct answer holds at least


@dataclass(frozen=True, slots=True)
class Score:
    """What one case counts in one figure: the two numbers that its statistic takes.

    For a mean, `value` and a weight of 1; for a ratio, part and whole; for AUROC, ECE and AURC, the
    confidence and whether it was right (1 or 0).
    """

    case: str
    value: float
    weight: float = 1.0
    cluster: str = ""  # cases of one cluster are drawn together; empty: the case stands for itself


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `low` and `high` bound its interval; None where none can be given.

    `floor` is the worst value that passes: a least value where higher is better, a most value
    where lower is. `scores` are kept so that two runs can be compared case by case.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    better: Better = "higher"
    floor: float | None = None
    statistic: StatisticName | None = None  # None: cannot be compared case by case
    scores: tuple[Score, ...] = field(default=(), repr=False)

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


# General forms


def mean(name: str, scores: Sequence[Score], better: Better = "higher") -> Metric:
    """Sum of values / sum of weights; n is the sum of weights. Undefined when that is 0.

    With weights of 1 a mean, else a ratio. The interval is the clustered bootstrap's, or exact
    (Clopper-Pearson, over clusters) where a share of yes and no is near 0 or 1.
    """
    total = sum(s.weight for s in scores)
    if not total:
        return undefined(name, better)
    value = sum(s.value for s in scores) / total
    low, high = _interval("ratio", scores)
    return Metric(name, value, low, high, round(total), better, None, "ratio", tuple(scores))


def share(name: str, scores: Sequence[Score], better: Better = "higher") -> Metric:
    """Hits / cases, with a Clopper-Pearson interval. For rates that should be near 0 or 1.

    Cases are taken one by one here: of single messages that share nothing.
    """
    if not scores:
        return undefined(name, better)
    hits = round(sum(s.value for s in scores))
    low, high = clopper_pearson(hits, len(scores))
    return Metric(name, hits / len(scores), low, high, len(scores), better, None, "ratio", tuple(scores))


def count(name: str, hits: int, n: int, better: Better = "higher") -> Metric:
    """A share of which only the counts are known, with a Clopper-Pearson interval."""
    if not n:
        return undefined(name, better)
    low, high = clopper_pearson(hits, n)
    return Metric(name, hits / n, low, high, n, better)


def drop(name: str, clean: Sequence[Score], changed: Sequence[Score]) -> Metric:
    """mean(clean) - mean(changed) over the same cases in the same order, with a paired interval.

    Robustness drop: below 0 when the change helped.
    """
    losses = [replace(a, value=a.value - b.value) for a, b in zip(clean, changed, strict=True)]
    return mean(name, losses, "lower")


def _interval(statistic: StatisticName, scores: Sequence[Score]) -> tuple[float | None, float | None]:
    clusters = [s.cluster or s.case for s in scores]
    plain = statistic == "ratio" and all(s.weight == 1.0 and s.value in (0.0, 1.0) for s in scores)
    hits = sum(s.value for s in scores)
    if plain and min(hits, len(scores) - hits) < FEW:
        n = len(set(clusters))
        return clopper_pearson(round(n * hits / len(scores)), n)
    found = bootstrap(clusters, statistic, [s.value for s in scores], [s.weight for s in scores])
    return found or (None, None)


def _of_pairs(name: str, statistic: StatisticName, scores: Sequence[Score], better: Better) -> Metric:
    """A metric over a confidence and a label of each case."""
    if not scores:
        return undefined(name, better)
    first, second = np.array([s.value for s in scores]), np.array([s.weight for s in scores])
    value = float(STATISTICS[statistic](np.ones((1, len(scores))), first, second)[0])
    if np.isnan(value):
        return undefined(name, better)
    low, high = _interval(statistic, scores)
    return Metric(name, value, low, high, len(scores), better, None, statistic, tuple(scores))


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

    Citation recall and, sentence by sentence, groundedness. An answer without a sentence scores
    0: it is not skipped. Abstentions are not answers and do not come here.
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


# Nuggets (TREC RAG 2024 AutoNuggetizer: Pradeep et al. 2024; assigned here by evidence, not by a model)


def nugget_recall(found: Sequence[bool]) -> float | None:
    """Share of a case's nuggets that stand in its answer (strict: no half marks). None without nuggets.

    No answer holds no nugget, so needless silence scores 0.
    """
    return sum(found) / len(found) if found else None


def nugget_density(carrying: Sequence[bool]) -> float | None:
    """Share of an answer's sentences that carry a nugget of its topic: the price of dumping whole pages.

    None for an answer without sentences.
    """
    return sum(carrying) / len(carrying) if carrying else None


# Abstention and confidence


def confidence_auroc(name: str, scores: Sequence[Score]) -> Metric:
    """How well the confidence (value) tells what can be answered (weight 1) from what cannot (0).

    0.5 is chance. Undefined when either side is empty.
    """
    return _of_pairs(name, "auroc", scores, "higher")


def calibration_error(name: str, scores: Sequence[Score]) -> Metric:
    """Expected calibration error of the confidence (value) against what was so (weight). 0 is best."""
    return _of_pairs(name, "ece", scores, "lower")


def risk_area(name: str, scores: Sequence[Score]) -> Metric:
    """Area under the risk-coverage curve of the confidence (value) and what was right (weight). 0 is best."""
    return _of_pairs(name, "aurc", scores, "lower")


def truthfulness(answered: bool, right: bool) -> float:
    """1 for what is right (an answer, or silence where there is none), 0 for a needless silence, -1
    for a wrong answer (CRAG: Yang et al. 2024).

    An answer is right when its first citation is on the topic and, where the case has nuggets, it
    holds at least half of them.
    """
    if right:
        return 1.0
    return -1.0 if answered else 0.0


# The support test itself (after GroUSE: Muller et al. 2024)


def balanced_accuracy(
    name: str, accepted_supported: Sequence[bool], rejected_others: Sequence[bool]
) -> Metric:
    """Half of (share of supported claims accepted + share of unsupported ones rejected).

    The measure of LLM-AggreFact (Tang et al. 2024). Undefined when either side is empty.
    """
    if not accepted_supported or not rejected_others:
        return undefined(name)
    sides = (accepted_supported, rejected_others)
    value = sum(sum(side) / len(side) for side in sides) / 2
    return Metric(name, value, None, None, sum(map(len, sides)))


# Speed


def percentile(name: str, values: Sequence[float], percent: int) -> Metric:
    """The smallest value that at least `percent` per cent of the values do not exceed (nearest rank)."""
    if not values:
        return undefined(name, "lower")
    found = float(np.percentile(np.asarray(values), percent, method="inverted_cdf"))
    return Metric(name, found, None, None, len(values), "lower")
