"""Fit the ranking and its confidence on the development cases and write chat/ranker.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chat.retrieval import (
    CLOSING_SHARE,
    CONFIDENCE_SIGNS,
    PASSAGE_SIGNS,
    PLAIN,
    LogisticModel,
    Matrix,
    Query,
    Retriever,
    topics_of,
)
from evals.cases import FOLDER, Case, hash_cases, read_cases
from evals.nuggets import holds
from indexer.encoder import Encoder, Read, reader_of
from indexer.index import Index

FILES = ("answerable-dev", "unanswerable-dev")
CANDIDATES = 40  # passages a question teaches from: the nearest ones, right and wrong
OVER_REFUSAL = 0.04  # the threshold refuses at most this share of the development questions
WRONG_WEIGHT = 0.5  # of a question without an answer in the fit of the order
BEST_SHARE = 0.6  # of the loss, for the best passages; the rest for all that are right
PENALTY = 0.002  # on the mean square of the weights
SEED = 20261123

Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Example:
    case: Case
    query: Query
    signs: Matrix


def fit_ranker(index: Index, encoder: Encoder, target: Path, folder: Path = FOLDER) -> dict[str, Any]:
    """Fit from the development cases of `folder` and write `target`. Deterministic.

    Returns what was written. The passage model learns which passages hold what a good answer must
    hold, and which are on a right topic; the confidence model learns which questions the corpus can answer; the threshold
    is the highest that refuses at most OVER_REFUSAL of the answerable cases.
    """
    answerable = [c for c in read_cases(FILES[0], folder) if c.topics and not c.either]
    unanswerable = read_cases(FILES[1], folder)
    unfitted = replace(PLAIN, closing=CLOSING_SHARE)
    retriever = Retriever(index, unfitted)
    read = reader_of(encoder)
    right = [_example(read, retriever, case) for case in answerable]
    wrong = [_example(read, retriever, case) for case in unanswerable]
    passage = _fit_passages(retriever, right, wrong)
    fitted = Retriever(index, replace(unfitted, passage=passage))
    rows, labels = _confidence_rows(fitted, right, wrong)
    confidence = _logistic(rows, labels)
    threshold = float(np.quantile(confidence(rows)[: len(right)], OVER_REFUSAL))
    data = {
        "signs": {"passage": PASSAGE_SIGNS, "confidence": CONFIDENCE_SIGNS},
        "passage": {"weights": _rounded(passage.weights), "bias": round(passage.bias, 4)},
        "confidence": {"weights": _rounded(confidence.weights), "bias": round(confidence.bias, 4)},
        "threshold": round(min(threshold, 0.5), 4),
        "fitted": date.today().isoformat(),
        "data_hash": hash_cases(FILES, folder),
        "topics": sorted(topics_of(index)),
        "cases": len(right) + len(wrong),
    }
    target.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return data


def _example(read: Read, retriever: Retriever, case: Case) -> _Example:
    query = retriever.query(retriever.mend(case.message), read)
    return _Example(case, query, retriever.passage_signs(query)[1])


def _fit_passages(retriever: Retriever, right: list[_Example], wrong: list[_Example]) -> LogisticModel:
    """Fit the order first, listwise, and then what a score is worth."""
    examples = [*right, *wrong]
    weights = _fit_order(
        np.stack([example.signs for example in examples]),
        np.stack([_wanted(retriever.index, example) for example in examples]),
        np.array([1.0] * len(right) + [WRONG_WEIGHT] * len(wrong)),
    )
    logits, labels, shares = [], [], []
    for example in examples:
        fits = _wanted(retriever.index, example)[1]
        scores = example.signs @ weights
        order = np.argsort(-scores, kind="stable")[:CANDIDATES]
        logits.append(scores[order])
        labels.append(fits[order])
        shares.append(np.full(len(order), 1.0 / len(order)))
    worth = _logistic(np.concatenate(logits)[:, None], np.concatenate(labels), np.concatenate(shares))
    return LogisticModel(tuple(float(w) for w in worth.weights[0] * weights), worth.bias)


def _wanted(index: Index, example: _Example) -> Labels:
    """For each passage whether it is best for the case, and whether it is right: shape (2, passages).

    Best are the passages that hold a nugget of the case, and where it names none, all that are right;
    right are those on its topics. Of a question without an answer both is the nearest boundary.
    """
    topics = set(example.case.topics)
    if topics:
        right = np.array([bool(topics & set(p.topics)) for p in index.passages])
        best = np.array([any(holds(p.text, n) for n in example.case.nuggets) for p in index.passages])
        return np.stack([best if best.any() else right, right])
    near = example.signs[:, PASSAGE_SIGNS.index("best")]
    nearest = np.where([p.kind == "boundary" for p in index.passages], near, -1.0).argmax()
    only = np.arange(len(index.passages)) == nearest
    return np.stack([only, only])


def _fit_order(signs: Matrix, wanted: Labels, shares: Matrix) -> Matrix:
    """Return the weights under which what is wanted gets the most of a softmax over all passages.

    `signs` has shape (cases, passages, signs), `wanted` (cases, 2, passages), `shares` (cases,).
    The loss is ListNet's (Cao et al. 2007): one of the best passages should be first, and all that
    are right before those that are not.
    """
    import torch

    given, share = torch.from_numpy(signs), torch.from_numpy(shares)
    best, right = torch.from_numpy(wanted[:, 0]), torch.from_numpy(wanted[:, 1])
    weights = torch.zeros(signs.shape[2], dtype=given.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = (given @ weights).log_softmax(1)
        any_best = found.masked_fill(~best, -30.0).logsumexp(1)
        all_right = (found * right).sum(1) / right.sum(1)
        gain = BEST_SHARE * any_best + (1.0 - BEST_SHARE) * all_right
        value = PENALTY * weights.square().mean() - (gain * share).mean()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return np.asarray(weights.detach().numpy(), dtype=np.float64)


def _confidence_rows(
    retriever: Retriever, right: list[_Example], wrong: list[_Example]
) -> tuple[Matrix, Any]:
    rows = []
    for example in [*right, *wrong]:
        scores = retriever.ranker.passage(example.signs)
        rows.append(retriever.confidence_signs(example.query, example.signs, scores)[0])
    return np.array(rows), np.array([True] * len(right) + [False] * len(wrong))


def _logistic(rows: Matrix, labels: Any, weights: Any = None) -> LogisticModel:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, max_iter=2000, random_state=SEED)
    model.fit(rows, labels, sample_weight=weights)
    return LogisticModel(tuple(float(w) for w in model.coef_[0]), float(model.intercept_[0]))


def _rounded(weights: tuple[float, ...]) -> list[float]:
    return [round(w, 4) for w in weights]
