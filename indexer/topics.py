"""A topic for a question: two small classifiers fitted on the corpus's own wordings at build time.

One reads the sentence vector, the other the words; their probabilities are multiplied, since
each is right where the other is not (on the development questions the right topic comes first
for 60 % with the first, 55 % with the second, 70 % with both). The classes are the topics of
the passages and, for boundaries, the boundary itself. A corpus with too few wordings or topics
gets no model, and then every passage fits equally well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.encoder import Vectors
from indexer.types import Passage

MIN_WORDINGS = 5  # a class with fewer wordings is not learned
MIN_CLASSES = 3
STRENGTH = 10.0  # inverse of the regularisation of the vector model
WORD_PENALTY = 3e-5  # regularisation of the word model
WORD_EPOCHS = 10
MIN_DOCUMENTS = 2  # a word that stands in fewer wordings is not learned
SEED = 20261123
Floats = npt.NDArray[np.float32]
_WORD = re.compile(r"\b\w\w+\b")


@dataclass(frozen=True, slots=True)
class TopicModel:
    """P(class) in proportion to softmax(vector logits) times softmax(word logits)."""

    classes: tuple[str, ...]
    weights: Floats  # (classes, d)
    bias: Floats  # (classes,)
    vocabulary: tuple[str, ...]
    rarity: Floats  # (words,): inverse document frequency
    word_weights: Floats  # (classes, words)
    word_bias: Floats  # (classes,)

    def probabilities(self, vectors: Vectors, text: str) -> Floats:
        """Return P of each class, shape (classes,), for one question.

        `vectors` has shape (m, d); several vectors of one question are averaged.
        """
        by_vector = _log_softmax(vectors @ self.weights.T + self.bias).mean(axis=0)
        by_words = _log_softmax(self.word_weights @ self._words_of(text) + self.word_bias)
        odds = np.exp(by_vector + by_words - (by_vector + by_words).max())
        return np.asarray(odds / odds.sum(), dtype=np.float32)

    def _words_of(self, text: str) -> Floats:
        places = {word: n for n, word in enumerate(self.vocabulary)}
        return word_vector(text, places, self.rarity)

    def save(self, path: Path) -> None:
        np.savez(
            path,
            classes=np.array(self.classes),
            weights=self.weights,
            bias=self.bias,
            vocabulary=np.array(self.vocabulary),
            rarity=self.rarity,
            word_weights=self.word_weights,
            word_bias=self.word_bias,
        )

    @classmethod
    def open(cls, path: Path) -> TopicModel | None:
        """Return the saved model, or None where the build has none."""
        if not path.exists():
            return None
        with np.load(path) as data:
            names = tuple(str(c) for c in data["classes"]), tuple(str(w) for w in data["vocabulary"])
            return cls(
                names[0],
                data["weights"],
                data["bias"],
                names[1],
                data["rarity"],
                data["word_weights"],
                data["word_bias"],
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
    targets = np.array([labels[n] for n in rows])
    by_vector = LogisticRegression(C=STRENGTH, max_iter=500, class_weight=_half_balanced(targets))
    by_vector.fit(vectors[rows], targets)
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
    by_words.fit(csr_array(np.stack([word_vector(texts[n], places, rarity) for n in rows])), targets)
    return TopicModel(
        tuple(str(c) for c in by_vector.classes_),
        np.asarray(by_vector.coef_, dtype=np.float32),
        np.asarray(by_vector.intercept_, dtype=np.float32),
        vocabulary,
        rarity,
        np.asarray(by_words.coef_, dtype=np.float32),
        np.asarray(by_words.intercept_, dtype=np.float32),
    )


def _half_balanced(labels: npt.NDArray[np.str_]) -> dict[str, float]:
    """Weights of 1 / sqrt(count): halfway between counting every wording and every topic alike."""
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
