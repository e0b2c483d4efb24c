"""A topic for a question, and an entry: two small classifiers fitted on the corpus's own wordings at build time.

One reads the sentence vector, the other the words; their probabilities of a topic are multiplied,
since each is right where the other is not (on the development questions the right topic comes first
for 61 % with the first, 55 % with the second, 71 % with both). The topics are those of the passages
and, for boundaries, the boundary itself. The first also tells the entries of a topic apart where
they have wordings enough. A corpus with too few wordings or topics gets no model, and then every
passage fits equally well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.encoder import Vectors
from indexer.types import Passage

MIN_WORDINGS = 5  # a class with fewer wordings is not learned
MIN_CLASSES = 3
MIN_OWN = 8  # an entry with fewer is not told apart from the rest of its topic
STRENGTH = 10.0  # inverse of the regularisation of the vector model
WORD_PENALTY = 3e-5  # regularisation of the word model
WORD_EPOCHS = 10
MIN_DOCUMENTS = 2  # a word that stands in fewer wordings is not learned
SEED = 20261123
Floats = npt.NDArray[np.float32]
_WORD = re.compile(r"\b\w\w+\b")


@dataclass(frozen=True, slots=True)
class Odds:
    """What the model makes of one question."""

    topics: Floats  # (topics,): P of each
    entries: Floats  # (entries,): P of each among the entries of its topic


@dataclass(frozen=True, slots=True)
class TopicModel:
    """P(topic) in proportion to softmax(vector logits), summed over its entries, times softmax(word logits)."""

    topics: tuple[str, ...]
    entries: tuple[str, ...]  # a passage's id, or for the rest of a topic the topic
    topic_of: npt.NDArray[np.int64]  # (entries,): place of each one's topic
    weights: Floats  # (entries, d)
    bias: Floats  # (entries,)
    vocabulary: tuple[str, ...]
    rarity: Floats  # (words,): inverse document frequency
    word_weights: Floats  # (topics, words)
    word_bias: Floats  # (topics,)
    places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {word: n for n, word in enumerate(self.vocabulary)})

    def judge(self, vectors: Vectors, text: str) -> Odds:
        """Return the odds for one question; several `vectors`, shape (m, d), of it are averaged."""
        by_vector = np.exp(_log_softmax(vectors @ self.weights.T + self.bias).mean(axis=0))
        sums = np.bincount(self.topic_of, by_vector, minlength=len(self.topics))
        sums = np.maximum(sums, np.finfo(np.float32).tiny)
        by_words = _log_softmax(
            self.word_weights @ word_vector(text, self.places, self.rarity) + self.word_bias
        )
        logits = np.log(sums) + by_words
        odds = np.exp(logits - logits.max())
        return Odds(
            np.asarray(odds / odds.sum(), dtype=np.float32),
            np.asarray(by_vector / sums[self.topic_of], dtype=np.float32),
        )

    def save(self, path: Path) -> None:
        arrays: dict[str, Any] = {name: np.array(getattr(self, name)) for name in _SAVED}
        np.savez(path, **arrays)

    @classmethod
    def open(cls, path: Path) -> TopicModel | None:
        """Return the saved model, or None where the build has none."""
        if not path.exists():
            return None
        with np.load(path) as data:
            found = {name: data[name] for name in _SAVED}
        for name in ("topics", "entries", "vocabulary"):
            found[name] = tuple(found[name].tolist())
        return cls(**found)


_SAVED = (
    "topics",
    "entries",
    "topic_of",
    "weights",
    "bias",
    "vocabulary",
    "rarity",
    "word_weights",
    "word_bias",
)


def class_of(passage: Passage) -> str | None:
    """The class whose wordings this passage teaches: its first topic, or the boundary itself."""
    if passage.kind == "boundary":
        return passage.document_id
    return passage.topics[0] if passage.topics else None


def word_vector(text: str, places: dict[str, int], rarity: Floats) -> Floats:
    """Return the tf-idf vector of `text`, shape (words,), length 1, or 0 where no word is known.

    tf is 1 + log(count), as in Salton & Buckley (1988).
    """
    counts = Counter(w for w in _WORD.findall(text.lower().replace("\u2019", "'")) if w in places)
    vector = np.zeros(len(places), dtype=np.float32)
    for word, count in counts.items():
        vector[places[word]] = (1.0 + np.log(count)) * rarity[places[word]]
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def fit_topics(owners: Sequence[Passage], texts: Sequence[str], vectors: Vectors) -> TopicModel | None:
    """Fit a model on texts and their vectors, shape (n, d), each owned by one passage.

    Deterministic. Returns None when there is too little to learn from.
    """
    labels = [class_of(p) for p in owners]
    counts = Counter(label for label in labels if label)
    known = {label for label, count in counts.items() if count >= MIN_WORDINGS}
    if len(known) < MIN_CLASSES:
        return None
    from scipy.sparse import csr_array
    from sklearn.linear_model import (
        LogisticRegression,
        SGDClassifier,
    )  # slow to import; only a build needs it

    rows = [n for n, label in enumerate(labels) if label in known]
    topics = np.array([labels[n] for n in rows])
    entries = np.array([_entry_of(owners[n], str(labels[n])) for n in rows])
    by_vector = LogisticRegression(C=STRENGTH, max_iter=500, class_weight=_half_balanced(entries))
    by_vector.fit(vectors[rows], entries)
    vocabulary, rarity = _vocabulary([texts[n] for n in rows])
    places = {word: n for n, word in enumerate(vocabulary)}
    by_words = SGDClassifier(
        loss="log_loss",
        alpha=WORD_PENALTY,
        max_iter=WORD_EPOCHS,
        tol=None,
        class_weight="balanced",
        random_state=SEED,
    )
    by_words.fit(csr_array(np.stack([word_vector(texts[n], places, rarity) for n in rows])), topics)
    names = tuple(str(c) for c in by_words.classes_)
    topic_of = dict(zip(entries.tolist(), topics.tolist(), strict=True))
    return TopicModel(
        names,
        tuple(str(c) for c in by_vector.classes_),
        np.array([names.index(topic_of[str(c)]) for c in by_vector.classes_]),
        np.asarray(by_vector.coef_, dtype=np.float32),
        np.asarray(by_vector.intercept_, dtype=np.float32),
        vocabulary,
        rarity,
        np.asarray(by_words.coef_, dtype=np.float32),
        np.asarray(by_words.intercept_, dtype=np.float32),
    )


def _entry_of(passage: Passage, topic: str) -> str:
    return passage.passage_id if len(passage.questions) >= MIN_OWN else topic


def _half_balanced(labels: npt.NDArray[np.str_]) -> dict[str, float]:
    """Weights of 1 / sqrt(count): halfway between counting every wording and every label alike."""
    return {
        str(label): float(count) ** -0.5
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True)
    }


def _vocabulary(texts: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Return the words that stand in at least two texts, sorted, and how rare each is."""
    documents = Counter(w for text in texts for w in set(_WORD.findall(text.lower().replace("\u2019", "'"))))
    vocabulary = tuple(sorted(w for w, count in documents.items() if count >= MIN_DOCUMENTS))
    rarity = [np.log((1 + len(texts)) / (1 + documents[w])) + 1.0 for w in vocabulary]
    return vocabulary, np.array(rarity, dtype=np.float32)


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
