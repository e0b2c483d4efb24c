"""A topic for a question, and an entry: two small classifiers made of the corpus's own wordings at build time.

One reads a vector of the question, the other its words; their probabilities of a topic are multiplied,
since each is right where the other is not. The topics are those of the passages and, for boundaries,
the boundary itself. The first also tells the entries of a topic apart where they have wordings enough.
Where there is an adapter (indexer/adapter.py), it reads the adapted vector and lets the wordings near to
it vote; else it is a linear model of the sentence vector. On the development questions the right topic
comes first for 57 % by words alone, 61 % by the linear model, 70 % by the vote, and with the words 70 %
and 73 %. A corpus with too few wordings or topics gets no model, and then every passage fits equally well.
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
STRENGTH = 10.0  # inverse of the regularisation of the linear model
NEARNESS = 20.0  # a wording's vote is exp(NEARNESS * cosine)
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
    """P(topic) in proportion to P(topic by the vector), summed over its entries, times softmax(word logits).

    By the vector: softmax(weights . vector + bias) over rows, summed by entry. A row is an entry in the
    linear model, and in the vote a wording.
    """

    topics: tuple[str, ...]
    entries: tuple[str, ...]  # a passage's id, or for the rest of a topic the topic
    topic_of: npt.NDArray[np.int64]  # (entries,): place of each one's topic
    adapted: bool  # whether it reads adapted vectors
    entry_of: npt.NDArray[np.int64]  # (rows,): place of each row's entry
    weights: Floats  # (rows, d)
    bias: Floats  # (rows,)
    vocabulary: tuple[str, ...]
    rarity: Floats  # (words,): inverse document frequency
    word_weights: Floats  # (topics, words)
    word_bias: Floats  # (topics,)
    places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {word: n for n, word in enumerate(self.vocabulary)})

    def judge(self, vectors: Vectors, texts: Sequence[str]) -> list[Odds]:
        """Return the odds for each of `texts`.

        `vectors`: their adapted or plain ones, as `adapted` says, shape (n, d). Several at once cost
        little more than one: the rows are read from memory once.
        """
        found = []
        rows = np.exp(_log_softmax(vectors @ self.weights.T + self.bias))
        for row, text in zip(rows, texts, strict=True):
            by_vector = np.bincount(self.entry_of, row, minlength=len(self.entries))
            sums = np.bincount(self.topic_of, by_vector, minlength=len(self.topics))
            sums = np.maximum(sums, np.finfo(np.float32).tiny)
            by_words = _log_softmax(
                self.word_weights @ word_vector(text, self.places, self.rarity) + self.word_bias
            )
            logits = np.log(sums) + by_words
            odds = np.exp(logits - logits.max())
            topics = np.asarray(odds / odds.sum(), dtype=np.float32)
            found.append(Odds(topics, np.asarray(by_vector / sums[self.topic_of], dtype=np.float32)))
        return found

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
        found["adapted"] = bool(found["adapted"])
        return cls(**found)


_SAVED = (
    "topics",
    "entries",
    "topic_of",
    "adapted",
    "entry_of",
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


def fit_topics(
    owners: Sequence[Passage], texts: Sequence[str], vectors: Vectors, adapted: bool = False
) -> TopicModel | None:
    """Make a model of texts and their vectors, shape (n, d), each owned by one passage.

    `adapted`: whether an adapter gave the vectors. Deterministic. Returns None when there is too little
    to learn from.
    """
    labels = [class_of(p) for p in owners]
    counts = Counter(label for label in labels if label)
    known = {label for label, count in counts.items() if count >= MIN_WORDINGS}
    if len(known) < MIN_CLASSES:
        return None
    rows = [n for n, label in enumerate(labels) if label in known]
    topics = np.array([labels[n] for n in rows])
    entries = np.array([_entry_of(owners[n], str(labels[n])) for n in rows])
    names = tuple(sorted(set(topics.tolist())))
    topic_of = dict(zip(entries.tolist(), topics.tolist(), strict=True))
    entry_of, weights, bias = (_fit_vote if adapted else _fit_linear)(vectors[rows], entries)
    vocabulary, rarity, word_weights, word_bias = _fit_words([texts[n] for n in rows], topics)
    return TopicModel(
        topics=names,
        entries=tuple(sorted(topic_of)),
        topic_of=np.array([names.index(topic_of[entry]) for entry in sorted(topic_of)]),
        adapted=adapted,
        entry_of=entry_of,
        weights=weights,
        bias=bias,
        vocabulary=vocabulary,
        rarity=rarity,
        word_weights=word_weights,
        word_bias=word_bias,
    )


def _fit_vote(
    vectors: Vectors, entries: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Return (entry of each row, weights, bias): each text is a row and votes by how near it is."""
    names, places = np.unique(entries, return_inverse=True)
    weight = _half_balanced(entries)
    bias = np.array([np.log(weight[str(name)]) for name in names], dtype=np.float32)[places]
    return places, NEARNESS * vectors, bias


def _fit_linear(
    vectors: Vectors, entries: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Return (entry of each row, weights, bias) of a logistic regression: each entry is a row."""
    from sklearn.linear_model import LogisticRegression  # slow to import; only a build needs it

    model = LogisticRegression(C=STRENGTH, max_iter=500, class_weight=_half_balanced(entries))
    model.fit(vectors, entries)
    weights, bias = model.coef_.astype(np.float32), model.intercept_.astype(np.float32)
    return np.arange(len(model.classes_)), weights, bias


def _fit_words(
    texts: Sequence[str], topics: npt.NDArray[np.str_]
) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
    """Return (vocabulary, rarity, weights, bias) of a logistic regression on words, topics sorted."""
    from scipy.sparse import csr_array
    from sklearn.linear_model import SGDClassifier

    vocabulary, rarity = _vocabulary(texts)
    places = {word: n for n, word in enumerate(vocabulary)}
    model = SGDClassifier(
        loss="log_loss",
        alpha=WORD_PENALTY,
        max_iter=WORD_EPOCHS,
        tol=None,
        class_weight="balanced",
        random_state=SEED,
    )
    model.fit(csr_array(np.stack([word_vector(text, places, rarity) for text in texts])), topics)
    return vocabulary, rarity, model.coef_.astype(np.float32), model.intercept_.astype(np.float32)


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
