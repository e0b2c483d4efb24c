"""A topic for a question: a small classifier fitted on the corpus's own wordings at build time.

The classes are the topics of the passages and, for boundaries, the boundary itself. A corpus
with too few wordings or topics gets none, and then every passage fits equally well.
"""

from __future__ import annotations

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
STRENGTH = 10.0  # inverse of the regularisation
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TopicModel:
    """Multinomial logistic regression: P(class | vector) = softmax(weights . vector + bias)."""

    classes: tuple[str, ...]
    weights: Floats  # (classes, d)
    bias: Floats  # (classes,)

    def probabilities(self, vectors: Vectors) -> Floats:
        """Return P of each class for each vector: shape (m, d) to (m, classes)."""
        logits = vectors @ self.weights.T + self.bias
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)

    def save(self, path: Path) -> None:
        np.savez(path, classes=np.array(self.classes), weights=self.weights, bias=self.bias)

    @classmethod
    def open(cls, path: Path) -> TopicModel | None:
        """Return the saved model, or None where the build has none."""
        if not path.exists():
            return None
        with np.load(path) as data:
            return cls(tuple(str(c) for c in data["classes"]), data["weights"], data["bias"])


def class_of(passage: Passage) -> str | None:
    """The class whose wordings this passage teaches: its first topic, or the boundary itself."""
    if passage.kind == "boundary":
        return passage.document_id
    return passage.topics[0] if passage.topics else None


def fit_topics(owners: Sequence[Passage], vectors: Vectors) -> TopicModel | None:
    """Fit a model on question vectors, shape (n, d), each owned by one passage.

    Deterministic. Returns None when there is too little to learn from.
    """
    labels = [class_of(p) for p in owners]
    counts = Counter(label for label in labels if label)
    known = {label for label, count in counts.items() if count >= MIN_WORDINGS}
    if len(known) < MIN_CLASSES:
        return None
    from sklearn.linear_model import LogisticRegression  # slow to import, and only a build needs it

    rows = [n for n, label in enumerate(labels) if label in known]
    model = LogisticRegression(C=STRENGTH, max_iter=500, class_weight="balanced")
    model.fit(vectors[rows], [labels[n] for n in rows])
    return TopicModel(
        tuple(str(c) for c in model.classes_),
        np.asarray(model.coef_, dtype=np.float32),
        np.asarray(model.intercept_, dtype=np.float32),
    )
