"""Fit the ranking and its confidence on the development cases and write chat/ranker.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from chat.retrieval import CONFIDENCE_SIGNS, PASSAGE_SIGNS, LogisticModel, Matrix, Query, Ranker, Retriever
from evals.cases import FOLDER, Case, hash_cases, read_cases
from indexer.encoder import Encoder
from indexer.index import Index

FILES = ("answerable-dev", "unanswerable-dev")
CANDIDATES = 40  # passages a question teaches from: the nearest ones, right and wrong
OVER_REFUSAL = 0.04  # the threshold refuses at most this share of the development questions
SEED = 20261123


@dataclass(frozen=True, slots=True)
class _Example:
    case: Case
    query: Query
    signs: Matrix


def fit_ranker(index: Index, encoder: Encoder, target: Path, folder: Path = FOLDER) -> dict[str, Any]:
    """Fit from the development cases of `folder` and write `target`. Deterministic.

    Returns what was written. The passage model learns which of the nearest passages are on a
    right topic; the confidence model learns which questions the corpus can answer; the threshold
    is the highest that refuses at most OVER_REFUSAL of the answerable cases.
    """
    answerable = [c for c in read_cases(FILES[0], folder) if c.topics and not c.either]
    unanswerable = read_cases(FILES[1], folder)
    retriever = Retriever(index, _neutral())
    right = [_example(encoder, retriever, case) for case in answerable]
    wrong = [_example(encoder, retriever, case) for case in unanswerable]
    passage = _fit_passages(retriever, right, wrong)
    fitted = Retriever(index, Ranker(passage, _neutral().confidence, 0.5, "", ""))
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
        "cases": len(right) + len(wrong),
    }
    target.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return data


def _neutral() -> Ranker:
    even = LogisticModel(tuple(1.0 for _ in PASSAGE_SIGNS), -3.0)
    return Ranker(even, LogisticModel(tuple(0.0 for _ in CONFIDENCE_SIGNS), 0.0), 0.5, "", "")


def _example(encoder: Encoder, retriever: Retriever, case: Case) -> _Example:
    text = retriever.mend(case.message)
    query = Query(text, encoder.encode([text]))
    return _Example(case, query, retriever.passage_signs(query))


def _fit_passages(retriever: Retriever, right: list[_Example], wrong: list[_Example]) -> LogisticModel:
    passages = retriever.index.passages
    rows, labels, weights = [], [], []
    for example in [*right, *wrong]:
        topics = set(example.case.topics)
        order = np.argsort(-retriever.ranker.passage(example.signs), kind="stable")[:CANDIDATES]
        good = np.array(
            [
                bool(topics & set(passages[n].topics)) if topics else passages[n].kind == "boundary"
                for n in order
            ]
        )
        if not topics and good.any():  # only the nearest boundary is taken to be the right one
            first = int(good.argmax())
            good[:] = False
            good[first] = True
        rows.append(example.signs[order])
        labels.append(good)
        weights.append(np.full(len(order), 1.0 / len(order)))
    return _logistic(np.vstack(rows), np.concatenate(labels), np.concatenate(weights))


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
