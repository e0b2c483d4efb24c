"""Which passages answer a question, and how sure we may be of that.

Each passage is judged by a handful of signs (cosines of its views, shared words, the topic
that the question seems to have). A logistic model joins them into one score, and a second one
turns what the ranking looks like into a confidence. Both are fitted by `guide-evals fit` from
the development cases and kept in ranker.json with the date, the hash of those cases and the topics
of the corpus. Another corpus is ranked by plain sums of the same signs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chat.spelling import Speller
from chat.types import Hit
from indexer.adapter import are_known
from indexer.encoder import Read, Vectors
from indexer.errors import GuideError
from indexer.index import VIEW_KINDS, Index, Scores, content_words
from indexer.sentences import split_sentences, without_stop
from indexer.topics import Odds
from indexer.types import Passage

RANKER = Path(__file__).with_name("ranker.json")
PASSAGE_SIGNS = (
    "text",
    "heading",
    "question",
    "headed",
    "sentence",
    "best",
    "lexical",
    "shared_words",
    "topic",
    "entry",
)
CONFIDENCE_SIGNS = ("score", "margin", "best", "topic", "boundary", "lexical", "words", "covered")
ALMOST_ASKED = 0.80  # cosine to a wording of the corpus; no unanswerable development case comes so near
# Cosines, chosen on the development cases: a question of which this holds is one that the corpus answers.
KNOWN = 0.55  # to the nearest answer, at least
CLEARLY_NEARER = 0.08  # than to the nearest boundary
BEHIND = 0.99  # of the best answer's score, what a boundary then has at most
TELLING_WORDS = 2  # content words from which a last sentence counts: not "any advice?" or "thanks"
WHOLE = VIEW_KINDS.index("sentence")  # the kinds of view before it stand for a whole passage
CLOSING_SHARE = 0.35  # of a passage's score, what its fit to the last sentence makes up
GRAVE_SHARE = 0.6  # of its score, what a passage for people in danger keeps where none is seen
CERTAIN = 0.99  # score and confidence of a passage that was asked for by its own words
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """P = 1 / (1 + exp(-(weights . signs + bias)))."""

    weights: tuple[float, ...]
    bias: float

    def __call__(self, signs: Matrix) -> Matrix:
        """Return one probability for each row of `signs`, shape (n, len(weights)) to (n,)."""
        logits = signs @ np.asarray(self.weights) + self.bias
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))))


@dataclass(frozen=True, slots=True)
class Ranker:
    """The fitted numbers, and what they were fitted on."""

    passage: LogisticModel
    confidence: LogisticModel
    threshold: float  # below this confidence the guide does not answer
    fitted: str  # ISO date
    data_hash: str  # of the cases that it was fitted on
    topics: frozenset[str] = frozenset()  # of the corpus that it was fitted on
    closing: float = CLOSING_SHARE  # 0 where nothing was fitted

    @classmethod
    def open(cls, path: Path = RANKER) -> Ranker:
        """Read the fitted numbers; raise `GuideError` when they are missing or of another shape."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            ranker = cls(
                LogisticModel(tuple(data["passage"]["weights"]), data["passage"]["bias"]),
                LogisticModel(tuple(data["confidence"]["weights"]), data["confidence"]["bias"]),
                data["threshold"],
                data["fitted"],
                data["data_hash"],
                frozenset(data["topics"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GuideError(
                f"{path} cannot be read ({error}). Make it anew with: guide-evals fit"
            ) from error
        sizes = len(ranker.passage.weights), len(ranker.confidence.weights)
        if sizes != (len(PASSAGE_SIGNS), len(CONFIDENCE_SIGNS)):
            raise GuideError(f"{path} was fitted for other signs. Make it anew with: guide-evals fit")
        return ranker

    def for_index(self, index: Index) -> Ranker:
        """This ranker where most topics of the index are those that it was fitted on, else a plain one."""
        return self if are_known(topics_of(index), self.topics) else PLAIN


# For a corpus on which nothing was fitted: a sum of the signs, chosen by hand so that a passage which
# fits in every way gets .9 and an unrelated one .03; the confidence is the best answer's score.
PLAIN = Ranker(
    LogisticModel((0.0, 1.0, 0.0, 4.0, 2.0, 4.0, 0.0, 2.0, 2.0, 1.0), -5.7),
    LogisticModel((1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0.0),
    threshold=0.5,
    fitted="",
    data_hash="",
    closing=0.0,
)


def topics_of(index: Index) -> frozenset[str]:
    """The topics that the passages of an index carry."""
    return frozenset(topic for passage in index.passages for topic in passage.topics)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    text: str
    vectors: Vectors  # of the text, shape (1, d)
    odds: Odds | None  # what the topic model makes of it; None where the index has none
    closing: Query | None = None  # the last sentence of several, where most people put what they ask


def query_texts(text: str) -> list[str]:
    """What is looked up for `text`: the whole and, where it has several sentences, the last telling one.

    Both without the stop at their end, as the wordings of the corpus are read.
    """
    lines = [(line, split_sentences(line, 0, len(line))) for line in text.splitlines()]
    spoken = [line[span.start : span.end] for line, spans in lines for span in spans]
    telling = [sentence for sentence in spoken if len(content_words(sentence)) >= TELLING_WORDS]
    looked_up = [text, telling[-1]] if len(spoken) > 1 and telling else [text]
    return [without_stop(one) for one in looked_up]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages in order, with what the confidence was read from."""

    passages: tuple[Passage, ...]
    scores: tuple[float, ...]  # 0..1, falling
    confidence: float  # 0..1: the probability that the corpus can answer the question

    def hits(self, limit: int) -> tuple[Hit, ...]:
        pairs = zip(self.passages[:limit], self.scores[:limit], strict=True)
        return tuple(Hit(p.passage_id, p.document_id, s) for p, s in pairs)


class Retriever:
    """Ranks the passages of one index."""

    def __init__(
        self, index: Index, ranker: Ranker, is_grave: Callable[[str], bool] = lambda asked: False
    ) -> None:
        """`ranker` must be one for this index (`Ranker.for_index`).

        `is_grave`: whether a question or heading by itself would make the risk screen see a crisis.
        """
        self.index = index
        self.ranker = ranker
        asked = [p.questions[:1] or p.heading[-1:] for p in index.passages]
        self._grave = np.array([any(map(is_grave, words)) for words in asked], dtype=bool)
        self._askers = {fold(q): row for row, p in enumerate(index.passages) for q in p.questions}
        self._speller = Speller(
            (p.text for p in index.passages), (q for p in index.passages for q in p.questions)
        )
        self._boundary = np.array([p.kind == "boundary" for p in index.passages], dtype=bool)

    def query(self, text: str, read: Read) -> Query:
        """The query for `text` in this index; `read` gives the encoder's readings."""
        texts = query_texts(text)
        readings = read(texts)
        odds = self.index.topic_odds(readings, texts)
        whole, *closing = (
            Query(t, reading.vector[None], o) for t, reading, o in zip(texts, readings, odds, strict=True)
        )
        return replace(whole, closing=closing[0]) if closing else whole

    def rank(self, query: Query, limit: int = 50, calm: bool = True) -> Ranking:
        """Return at most `limit` passages, best first; an index without passages gives none.

        `calm`: the risk screen sees no danger in the message, so that what is said to people in
        danger has to fit much better than anything else.
        """
        signs, joined = self.passage_signs(query)
        if not len(signs):
            return Ranking((), (), 0.0)
        scores = self.ranker.passage(joined)
        if calm:
            scores[self._grave] *= GRAVE_SHARE
        confidence = float(self.ranker.confidence(self.confidence_signs(query, signs, scores))[0])
        answer, boundary = self._nearest(signs)
        if answer >= ALMOST_ASKED and answer > boundary:  # almost a wording of the corpus
            confidence = max(confidence, answer)
        if answer >= KNOWN and answer >= boundary + CLEARLY_NEARER:  # no boundary may stand in the way
            confidence = max(confidence, answer)
            most = float(scores[~self._boundary].max())
            scores[self._boundary] = np.minimum(scores[self._boundary], BEHIND * most)
        asked = self._askers.get(fold(query.text))
        if asked is not None:  # the very words stand in the corpus: their own entry answers them
            scores[asked] = max(CERTAIN, float(scores.max()))
            confidence = confidence if self._boundary[asked] else max(confidence, CERTAIN)
        order = np.argsort(-scores, kind="stable")[:limit]
        return Ranking(
            tuple(self.index.passages[row] for row in order),
            tuple(float(scores[row]) for row in order),
            confidence,
        )

    def _nearest(self, signs: Matrix) -> tuple[float, float]:
        """The best cosine of any answer and of any boundary, from the signs of all passages."""
        best = signs[:, PASSAGE_SIGNS.index("best")]
        return float(best[~self._boundary].max(initial=0.0)), float(best[self._boundary].max(initial=0.0))

    def mend(self, question: str) -> str:
        """Return `question` as it is looked up: slips mended, unless its very words stand in the corpus."""
        return question if self.knows(question) else self._speller.mend(question)

    def knows(self, question: str) -> bool:
        """True when the very words of `question` stand in the corpus."""
        return fold(question) in self._askers

    def nearness(self, vectors: Vectors) -> tuple[float, float]:
        """Return the best cosine of any answer and of any boundary, each -1 where there is none."""
        best = self.index.dense(vectors)[0, :, :WHOLE].max(axis=1, initial=-1.0)
        return float(best[~self._boundary].max(initial=-1.0)), float(best[self._boundary].max(initial=-1.0))

    def passage_signs(self, query: Query) -> tuple[Matrix, Matrix]:
        """Return the signs of each passage for the whole query, and those by which passages are ranked.

        In the second its last sentence counts too. Both have the shape (passages, len(PASSAGE_SIGNS)).
        """
        share = self.ranker.closing
        if query.closing is None or not share:
            signs = self._signs(query, self.index.dense(query.vectors)[0])
            return signs, signs
        dense = self.index.dense(np.concatenate([query.vectors, query.closing.vectors]))
        signs = self._signs(query, dense[0])
        closing = self._signs(query.closing, dense[1])
        return signs, (1 - share) * signs + share * closing

    def _signs(self, query: Query, cosines: Scores) -> Matrix:
        dense = np.clip(cosines, 0.0, 1.0).astype(np.float64)
        lexical = self.index.lexical(query.text).astype(np.float64)
        words = max(1, len(content_words(query.text)))
        return np.column_stack(
            [
                dense,
                dense[:, :WHOLE].max(axis=1, initial=0.0),
                lexical / (lexical + 8.0),  # 8 is about the score of one well-placed rare word
                np.minimum(1.0, lexical / (4.0 * words)),
                _on_log_scale(self.index.topic_fit(query.odds).astype(np.float64)),
            ]
        )

    def confidence_signs(self, query: Query, signs: Matrix, scores: Matrix) -> Matrix:
        """Return the signs from which the confidence is read, shape (1, len(CONFIDENCE_SIGNS))."""
        answers = np.where(self._boundary, -1.0, scores)
        best = int(answers.argmax())
        boundary = float(scores[self._boundary].max(initial=0.0))
        rivals = [s for s, p in zip(answers, self.index.passages, strict=True) if not self._same(best, p)]
        margin = float(answers[best] - max(rivals, default=0.0))
        words = len(query.text.split())
        row = [
            _logit(float(answers[best])),
            margin,
            signs[best, PASSAGE_SIGNS.index("best")],
            signs[best, PASSAGE_SIGNS.index("topic")],
            _logit(boundary),
            signs[best, PASSAGE_SIGNS.index("lexical")],
            min(1.0, words / 60),
            _logit(self.index.covered(query.odds)),
        ]
        return np.array([row], dtype=np.float64)

    def _same(self, best: int, passage: Passage) -> bool:
        """True for passages that would answer alike: of the same topic or the same document."""
        own = self.index.passages[best]
        return bool(set(own.topics) & set(passage.topics)) or own.document_id == passage.document_id


def fold(question: str) -> str:
    """Return the words of a question without case, punctuation and white space between them."""
    return " ".join(re.findall(r"[^\W_]+", question.lower()))


def _on_log_scale(probabilities: Matrix) -> Matrix:
    """0..1 with room at the small end: 0.0001 and less is 0, 0.01 is 0.5, 1 is 1."""
    return np.asarray(1.0 + np.log10(np.clip(probabilities, 1e-4, 1.0)) / 4.0)


def _logit(probability: float) -> float:
    clipped = min(max(probability, 1e-4), 1 - 1e-4)
    return float(np.log(clipped / (1 - clipped)))
