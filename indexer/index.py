"""A published build, opened for reading: passages, their vectors and their terms."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from indexer import store
from indexer.adapter import Adapter, AdapterBroken
from indexer.encoder import EncodedText, Vectors
from indexer.errors import IndexMissing, IndexUnusable
from indexer.topics import Odds, TopicModel, class_of
from indexer.types import Document, Kind, Passage, Reference, Span

SCHEMA_VERSION = 9
VIEW_KINDS = ("text", "heading", "question", "headed", "sentence")  # "headed": heading and text together
# How much a word counts by the field it stands in: title, heading, questions, body.
FIELD_WEIGHTS = (2.0, 3.0, 2.0, 1.0)
Scores = npt.NDArray[np.float32]

_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# Words that carry no subject; without them a long message is not answered by its grammar.
STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "again",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "both",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "don't",
        "down",
        "each",
        "even",
        "ever",
        "few",
        "for",
        "from",
        "further",
        "get",
        "gets",
        "getting",
        "go",
        "going",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "i'm",
        "i've",
        "i'd",
        "i'll",
        "if",
        "im",
        "in",
        "into",
        "is",
        "isn't",
        "it",
        "it's",
        "its",
        "ive",
        "just",
        "like",
        "me",
        "more",
        "most",
        "much",
        "my",
        "no",
        "nor",
        "not",
        "now",
        "of",
        "off",
        "on",
        "once",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "really",
        "same",
        "she",
        "should",
        "since",
        "so",
        "some",
        "still",
        "such",
        "than",
        "that",
        "that's",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "they're",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "what's",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "u",
        "r",
        "ur",
        "lol",
        "idk",
        "tbh",
        "pls",
        "please",
    ]
)


class Index:
    """One build. Safe to use from several threads; a new build needs a new `Index`."""

    def __init__(self, folder: Path, build_id: str) -> None:
        self.folder = folder
        self.build_id = build_id
        self._lock = threading.Lock()
        try:
            self._db = _connect(folder / store.PASSAGES)
            self.manifest = dict(self._db.execute("SELECT key, value FROM manifest"))
            self._check_schema()
            self._vectors: Any = faiss.read_index(str(folder / store.VECTORS))
            self.topic_model = TopicModel.open(folder / store.TOPICS)
            self.adapter = _adapter(folder / store.ADAPTER)
            self._read()
        except (sqlite3.Error, RuntimeError, KeyError, ValueError, AdapterBroken) as error:
            raise IndexUnusable(folder, f"it is damaged ({error})") from error

    @classmethod
    def open(cls, path: Path) -> Index:
        """Open the served build below `path`; raise `IndexMissing` or `IndexUnusable`."""
        for _ in range(3):  # a build may be published, and an old one removed, while we look
            build_id = store.current_build(path)
            if build_id is None:
                raise IndexMissing(path)
            folder = store.build_folder(path, build_id)
            if (folder / store.VECTORS).exists():
                return cls(folder, build_id)
        raise IndexUnusable(path, f"the build {build_id} that it points at is gone")

    def _check_schema(self) -> None:
        if self.manifest["schema"] != str(SCHEMA_VERSION):
            raise IndexUnusable(
                self.folder, f"it was built by another version (schema {self.manifest['schema']})"
            )

    @property
    def model(self) -> str:
        """The name of the encoder whose vectors these are."""
        return str(self.manifest["model"])

    @property
    def safety_folder(self) -> Path:
        """Where this build keeps its referral texts and helplines. It may be empty."""
        return self.folder / store.SAFETY

    def passage(self, passage_id: str) -> Passage:
        """Return one passage; raise KeyError for an id that this build does not have."""
        return self.passages[self._rows[passage_id]]

    def row(self, passage_id: str) -> int:
        return self._rows[passage_id]

    def document(self, document_id: str) -> Document:
        """Return one document with its text, without its sections; raise KeyError if unknown."""
        with self._lock:
            row = self._db.execute(
                "SELECT id, kind, path, title, summary, text, topics, refs, reviewed, safety, mark "
                "FROM documents WHERE id = ?",
                (document_id,),
            ).fetchone()
        if row is None:
            raise KeyError(document_id)
        document_id, kind, path, title, summary, text, topics, references, reviewed, safety, mark = row
        return Document(
            document_id=document_id,
            kind=kind,
            path=path,
            title=title,
            summary=summary,
            text=text,
            sections=(),
            topics=_words(topics),
            references=_words(references),
            reviewed=reviewed,
            safety=safety,
            mark=mark,
        )

    def document_ids(self) -> list[str]:
        with self._lock:
            return [row[0] for row in self._db.execute("SELECT id FROM documents ORDER BY id")]

    def dense(self, vectors: Vectors) -> Scores:
        """Return the best cosine of each passage to each of `vectors`, shape (m, d), by kind of view.

        The shape is (m, passages, len(VIEW_KINDS)), with -1 where a passage has no view of a kind. All
        queries of one message together cost little more than one: the views are read from memory once.
        """
        best = np.full((len(self.passages), len(VIEW_KINDS), len(vectors)), -1.0, dtype=np.float32)
        if len(self._units):
            cosines = self._units @ vectors.T
            best[self._group_places] = np.maximum.reduceat(cosines, self._group_starts, axis=0)
        return np.moveaxis(best, -1, 0)

    def sentence_vectors(self, passage: Passage) -> Vectors:
        """Return the vectors of a passage's sentences, shape (len(passage.sentences), d)."""
        return self._units[self._sentence_starts[passage.passage_id] :][: len(passage.sentences)]

    def topic_odds(self, readings: Sequence[EncodedText], texts: Sequence[str]) -> list[Odds | None]:
        """Return what the topic model makes of each of `texts`, None where there is no model.

        `readings`: the encoder's of these texts.
        """
        if self.topic_model is None:
            return [None] * len(texts)
        if self.adapter:
            return list(self.topic_model.judge(self.adapter.adapt(readings), texts))
        return list(self.topic_model.judge(np.stack([reading.vector for reading in readings]), texts))

    def topic_fit(self, odds: Odds | None) -> Scores:
        """Return how likely a question is on each passage's topics, and how likely it is this entry's
        among those of its topic, each 0..1, shape (passages, 2).

        `odds`: of the question. Of several topics of a passage the likeliest counts. Without a topic
        model every passage gets 0.
        """
        if odds is None:
            return np.zeros((len(self.passages), 2), dtype=np.float32)
        topics = np.append(odds.topics, 0.0)[self._passage_topics].max(axis=1)
        entries = np.append(odds.entries, 0.0)[self._passage_entries]
        return np.column_stack([topics, entries]).astype(np.float32)

    def covered(self, odds: Odds | None) -> float:
        """Return how likely a question is about a topic and not about a boundary, 0..1.

        `odds`: of the question. Without a topic model nothing is known, and that is 0.5.
        """
        return 0.5 if odds is None else float(odds.topics[self._answer_topics].sum())

    def nearest_views(self, vector: Vectors, count: int) -> list[tuple[str, str, str, float]]:
        """Return (passage id, kind of view, its text, cosine) of the nearest views, best first."""
        scores, rows = self._vectors.search(np.atleast_2d(vector), min(count, self._vectors.ntotal))
        found = []
        for score, row in zip(scores[0].tolist(), rows[0].tolist(), strict=True):
            with self._lock:
                text = self._db.execute("SELECT text FROM views WHERE row = ?", (row,)).fetchone()[0]
            passage = self.passages[self.view_passage[row]]
            found.append((passage.passage_id, VIEW_KINDS[self.view_kind[row]], text, score))
        return found

    def lexical(self, message: str) -> Scores:
        """Return the BM25 score of each passage (0 and up; 0 where no word is shared)."""
        found = np.zeros(len(self.passages), dtype=np.float32)
        words = content_words(message)
        if not words:
            return found
        query = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            rows = self._db.execute(
                f"SELECT rowid, bm25(terms, {', '.join(map(str, FIELD_WEIGHTS))}) FROM terms WHERE terms MATCH ?",
                (query,),
            ).fetchall()
        for row, score in rows:
            found[row] = -score  # SQLite's bm25() is smaller for a better match
        return found

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _read(self) -> None:
        self.passages = tuple(_passage(row) for row in self._db.execute(_PASSAGES_QUERY))
        self._rows = {p.passage_id: n for n, p in enumerate(self.passages)}
        views = self._db.execute("SELECT passage, kind FROM views ORDER BY row").fetchall()
        self.view_passage = np.array([v[0] for v in views], dtype=np.int64)
        self.view_kind = np.array([v[1] for v in views], dtype=np.int64)
        if len(views) != self._vectors.ntotal:
            raise ValueError(f"{len(views)} views but {self._vectors.ntotal} vectors")
        self._group_views()
        self._passage_topics = self._topics_of_passages()
        self._passage_entries = self._entries_of_passages()
        self._answer_topics = self._topics_of_answers()
        self.references = {
            row[0]: Reference(*row)
            for row in self._db.execute(
                "SELECT key, kind, authors, year, title, journal, doi, sample, limits FROM refs ORDER BY key"
            )
        }

    def _group_views(self) -> None:
        """Note where the views of each passage and kind begin: they lie together, as the build wrote them."""
        count, width = self._vectors.ntotal, self._vectors.d
        self._units = faiss.rev_swig_ptr(self._vectors.get_xb(), count * width).reshape(count, width)
        starts = np.flatnonzero(np.diff(self.view_passage, prepend=-1) | np.diff(self.view_kind, prepend=-1))
        places = self.view_passage[starts], self.view_kind[starts]
        if len(set(zip(*(p.tolist() for p in places), strict=True))) != len(starts):
            raise ValueError("the views of a passage do not lie together")
        self._group_starts, self._group_places = starts, places
        sentence = VIEW_KINDS.index("sentence")
        self._sentence_starts = {
            self.passages[passage].passage_id: start
            for start, passage, kind in zip(starts.tolist(), *(p.tolist() for p in places), strict=True)
            if kind == sentence
        }

    def _topics_of_passages(self) -> npt.NDArray[np.int64]:
        """For each passage the places in the topic model that speak for it, padded with -1."""
        model = self.topic_model
        columns = {name: n for n, name in enumerate(model.topics)} if model else {}
        rows = [[columns[n] for n in (*p.topics, class_of(p)) if n in columns] for p in self.passages]
        width = max([1, *map(len, rows)])
        return np.array([row + [-1] * (width - len(row)) for row in rows], dtype=np.int64)

    def _entries_of_passages(self) -> npt.NDArray[np.int64]:
        """For each passage its place among the entries of the topic model, -1 for none."""
        model = self.topic_model
        places = {name: n for n, name in enumerate(model.entries)} if model else {}
        rest = [places.get(class_of(p) or "", -1) for p in self.passages]
        return np.array([places.get(p.passage_id, n) for p, n in zip(self.passages, rest, strict=True)])

    def _topics_of_answers(self) -> npt.NDArray[np.int64]:
        model = self.topic_model
        boundaries = {p.document_id for p in self.passages if p.kind == "boundary"}
        names = model.topics if model else ()
        return np.array([n for n, name in enumerate(names) if name not in boundaries], dtype=np.int64)


def content_words(message: str) -> list[str]:
    """Return the distinct words of `message` that carry a subject, lower case, in order."""
    words = (w.lower() for w in _WORDS.findall(message.replace("\u2019", "'")))
    return list(dict.fromkeys(w for w in words if w not in STOP_WORDS))


_PASSAGES_QUERY = """
    SELECT p.id, p.document, d.kind, d.title, p.heading, p.text, p.start, p.end, p.sentences, p.page,
           p.topics, p.refs, p.questions
    FROM passages p JOIN documents d ON d.id = p.document ORDER BY p.row
"""


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path.resolve()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def _adapter(path: Path) -> Adapter | None:
    return Adapter.open(path) if path.exists() else None


def _passage(row: Sequence[Any]) -> Passage:
    kind: Kind = row[2]
    return Passage(
        passage_id=row[0],
        document_id=row[1],
        kind=kind,
        title=row[3],
        heading=_words(row[4]),
        text=row[5],
        start=row[6],
        end=row[7],
        sentences=tuple(Span(a, b, bool(item)) for a, b, item in json.loads(row[8])),
        page=row[9],
        topics=_words(row[10]),
        references=_words(row[11]),
        questions=_words(row[12]),
    )


def _words(column: str) -> tuple[str, ...]:
    return tuple(json.loads(column))
