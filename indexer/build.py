"""One build: read the corpus, embed what is new, write everything to a draft, publish it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import faiss
import numpy as np
from filelock import FileLock, Timeout

from indexer import store
from indexer.adapter import ADAPTER, Adapter
from indexer.documents import Corpus, read_documents, read_references
from indexer.encoder import BATCH, Encoder, SentenceEncoder, Vectors
from indexer.errors import DocumentError, GuideError
from indexer.index import SCHEMA_VERSION, VIEW_KINDS
from indexer.passages import split_passages
from indexer.referrals import read_helplines, read_referrals
from indexer.sentences import reading_form, without_stop
from indexer.topics import fit_topics
from indexer.types import Document, Passage, Reference

Progress = Callable[[int, int], None]  # texts embedded so far, texts to embed
HELPLINES = "helplines.yaml"
REFERRALS = "referrals"
REFERENCES = "references.yaml"
TEXT, HEADING, QUESTION, HEADED, SENTENCE = range(len(VIEW_KINDS))
TAUGHT = (TEXT, HEADING, QUESTION)  # the views from which the topic model learns
log = logging.getLogger("indexer")


@dataclass(frozen=True, slots=True)
class Changes:
    """Ids that came, changed, went or stayed between the served build and this one."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. `published` is False when it left the served build as it was."""

    build_id: str
    published: bool
    documents: Changes
    passages: Changes
    embedded: int  # texts that went through the encoder
    reused: int  # texts whose vectors were there already
    problems: tuple[DocumentError, ...] = ()


@dataclass
class _View:
    """One text by which a passage can be found."""

    passage: int
    kind: int
    text: str


@dataclass
class _Content:
    corpus: Corpus
    passages: list[Passage]
    references: dict[str, Reference]
    views: list[_View] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The vectors of all views, and those from which the topic model is made."""

    vectors: Vectors  # (views, d)
    topical: Vectors  # (taught views, d)
    computed: int
    reused: int


def build_index(
    corpus: Path,
    index: Path,
    encoder: Encoder,
    progress: Progress | None = None,
    adapter: Path | None = ADAPTER,
) -> BuildReport:
    """Build an index of `corpus` below `index` and publish it.

    `adapter`: the file of one, used where it suits the encoder and the corpus; None for none.
    Files that cannot be read are left out and named in the report. Raises `GuideError` when
    nothing could be built, when the safety texts are broken, or when another build is running;
    whatever was served before then goes on being served.
    """
    content = _read(corpus)
    index.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(index / store.LOCK, timeout=0):
            adapting = _adapter(adapter, encoder, content.passages)
            return _build(corpus, index, encoder, adapting, content, progress)
    except Timeout as error:
        raise GuideError(f"Another build is running in {index}. Wait for it to end and try again.") from error


def _read(corpus: Path) -> _Content:
    read = read_documents(corpus)
    passages = [p for document in read.documents for p in split_passages(document)]
    if not passages:
        reasons = "".join(f"\n  {problem}" for problem in read.problems)
        raise GuideError(f"Nothing to index in {corpus}.{reasons}")
    problems = list(read.problems)
    references: dict[str, Reference] = {}
    try:
        references = read_references(corpus / REFERENCES)
    except DocumentError as problem:
        problems.append(problem)
    check_safety_texts(corpus)
    content = _Content(Corpus(read.documents, tuple(problems)), passages, references)
    content.views = list(_views(passages))
    return content


def read_passages(corpus: Path) -> list[Passage]:
    """Return the passages of `corpus` as a build would have them."""
    return _read(corpus).passages


def check_safety_texts(corpus: Path) -> None:
    """Raise `GuideError` when referral texts or helplines are there but cannot be read."""
    try:
        if (corpus / REFERRALS).is_dir():
            read_referrals(corpus / REFERRALS)
        if (corpus / HELPLINES).exists():
            read_helplines(corpus / HELPLINES)
    except DocumentError as problem:
        raise GuideError(f"{problem}. Nothing is published while the safety texts are broken.") from problem


def _adapter(path: Path | None, encoder: Encoder, passages: Sequence[Passage]) -> Adapter | None:
    """The adapter at `path` if it suits; one that cannot be read is logged and done without."""
    if path is None or not isinstance(encoder, SentenceEncoder):
        return None
    try:
        adapter = Adapter.open(path)
    except GuideError as problem:
        log.warning("%s The index is built without it, and finds a little less.", problem)
        return None
    return adapter if adapter.suits(encoder.name, {t for p in passages for t in p.topics}) else None


def _build(
    corpus: Path,
    index: Path,
    encoder: Encoder,
    adapter: Adapter | None,
    content: _Content,
    progress: Progress | None,
) -> BuildReport:
    store.discard_leftovers(index)
    taught = [n for n, view in enumerate(content.views) if view.kind in TAUGHT]
    texts = [view.text for view in content.views]
    embedded = _embed_views(index / store.CACHE, encoder, adapter, texts, taught, progress)
    build_id = _build_id(corpus, encoder, adapter, content)
    before = _fingerprints(index)
    after = _document_hashes(content.corpus.documents), {p.passage_id: "" for p in content.passages}
    report = BuildReport(
        build_id=build_id,
        published=build_id != store.current_build(index),
        documents=_changes(before[0], after[0]),
        passages=_changes(before[1], after[1]),
        embedded=embedded.computed,
        reused=embedded.reused,
        problems=content.corpus.problems,
    )
    if report.published:
        draft = index / store.BUILDS / f".{build_id}.{os.getpid()}"
        draft.mkdir(parents=True)
        _write_passages(draft / store.PASSAGES, encoder, content, build_id)
        _write_vectors(draft / store.VECTORS, embedded.vectors)
        _write_topics(draft / store.TOPICS, content, taught, embedded.topical, adapted=adapter is not None)
        if adapter:
            shutil.copyfile(adapter.path, draft / store.ADAPTER)
        _copy_safety_texts(corpus, draft / store.SAFETY)
        store.publish(index, draft, build_id)
    return report


def _views(passages: Sequence[Passage]) -> Iterable[_View]:
    """The texts by which each passage can be found, each once, and then all its sentences."""
    for number, passage in enumerate(passages):
        heading, text = " - ".join((passage.title, *passage.heading)), reading_form(passage.text)
        texts = [(TEXT, text), (HEADING, heading)]
        texts += [(QUESTION, without_stop(question)) for question in passage.questions]
        texts.append((HEADED, f"{(passage.title, *passage.heading)[-1]}\n{text}"))
        seen: set[str] = set()
        for kind, words in texts:
            if words not in seen:
                seen.add(words)
                yield _View(number, kind, words)
        for sentence in passage.sentences:
            yield _View(number, SENTENCE, reading_form(passage.quote(sentence)))


def _embed_views(
    cache: Path,
    encoder: Encoder,
    adapter: Adapter | None,
    texts: Sequence[str],
    taught: Sequence[int],
    progress: Progress | None,
) -> _Embedded:
    """Embed the views; those in `taught` with the adapter too, where there is one, in the same pass."""

    def encode(some: Sequence[str]) -> list[Vectors]:
        return [encoder.encode(some)]

    if adapter is None or not isinstance(encoder, SentenceEncoder):
        (vectors,), computed, reused = _embed(cache, [encoder.name], encode, texts, texts, progress)
        return _Embedded(vectors, vectors[taught], computed, reused)
    read_texts = encoder.read

    def read(some: Sequence[str]) -> list[Vectors]:
        readings = read_texts(some)
        return [np.stack([reading.vector for reading in readings]), adapter.adapt(readings)]

    names = [encoder.name, f"{encoder.name} {adapter.fingerprint}"]
    (plain, topical), *counts = _embed(cache, names, read, [texts[n] for n in taught], texts, progress)
    rest = sorted(set(range(len(texts))) - set(taught))
    (others,), *more = _embed(cache, names[:1], encode, [texts[n] for n in rest], texts, progress)
    vectors = np.empty((len(texts), plain.shape[1]), dtype=np.float32)
    vectors[taught], vectors[rest] = plain, others
    return _Embedded(vectors, topical, counts[0] + more[0], counts[1] + more[1])


def _embed(
    cache: Path,
    models: Sequence[str],
    encode: Callable[[Sequence[str]], Sequence[Vectors]],
    texts: Sequence[str],
    current: Sequence[str],
    progress: Progress | None,
) -> tuple[list[Vectors], int, int]:
    """Return the vectors of `texts` by each model, and how many texts were computed and how many not.

    `encode` gives the vectors by each of `models`, the names under which they are kept. `current`: the
    texts of which vectors are worth keeping.
    """
    keys = [_key(text) for text in texts]
    live = {_key(text) for text in current}
    db = sqlite3.connect(cache)
    try:
        db.execute(
            "CREATE TABLE IF NOT EXISTS vectors (model TEXT, hash TEXT, vector BLOB, PRIMARY KEY (model, hash))"
        )
        known = [_kept(db, model) for model in models]
        missing = {k: t for k, t in zip(keys, texts, strict=True) if any(k not in own for own in known)}
        # Like lengths together, so that short texts are not padded to the longest.
        pending = sorted(missing.items(), key=lambda item: (len(item[1]), item[0]))
        for start in range(0, len(pending), BATCH):
            batch = pending[start : start + BATCH]
            for model, own, vectors in zip(models, known, encode([text for _, text in batch]), strict=True):
                found = dict(zip((key for key, _ in batch), vectors, strict=True))
                own.update(found)
                db.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                    ((model, key, vector.tobytes()) for key, vector in found.items()),
                )
            db.commit()
            if progress:
                progress(min(start + BATCH, len(pending)), len(pending))
        for model, own in zip(models, known, strict=True):
            stale = [(model, key) for key in own.keys() - live]
            if len(stale) > len(live):  # keep some history, so that undoing an edit is quick
                db.executemany("DELETE FROM vectors WHERE model = ? AND hash = ?", stale)
                db.commit()
    except sqlite3.DatabaseError as error:
        raise GuideError(f"The vector cache at {cache} is damaged ({error}). Remove that file.") from error
    finally:
        db.close()
    vectors_of = [np.stack([own[key] for key in keys]) for own in known]
    return vectors_of, len(pending), len(set(keys)) - len(pending)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _kept(db: sqlite3.Connection, model: str) -> dict[str, Vectors]:
    rows = db.execute("SELECT hash, vector FROM vectors WHERE model = ?", (model,))
    return {key: np.frombuffer(blob, dtype=np.float32) for key, blob in rows}


def _build_id(corpus: Path, encoder: Encoder, adapter: Adapter | None, content: _Content) -> str:
    """A hash of all that readers can see: the same content gives the same build."""
    adapted = adapter.fingerprint if adapter else ""
    digest = hashlib.sha256(f"{SCHEMA_VERSION}\0{encoder.name}\0{adapted}\0".encode())
    for document in content.corpus.documents:
        digest.update(_hash_document(document).encode())
    for passage in content.passages:
        digest.update(passage.passage_id.encode())
    digest.update(repr(sorted(content.references.items())).encode())
    for path in _safety_files(corpus):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _hash_document(document: Document) -> str:
    return hashlib.sha256(repr(document).encode()).hexdigest()


def _document_hashes(documents: Iterable[Document]) -> dict[str, str]:
    return {d.document_id: _hash_document(d) for d in documents}


def _fingerprints(index: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return document and passage ids of the served build, with document hashes; none if none."""
    build_id = store.current_build(index)
    if build_id is None:
        return {}, {}
    path = store.build_folder(index, build_id) / store.PASSAGES
    try:
        db = sqlite3.connect(f"file:{path.resolve()}?mode=ro&immutable=1", uri=True)
        documents = dict(db.execute("SELECT id, hash FROM documents"))
        passages = {row[0]: "" for row in db.execute("SELECT id FROM passages")}
        db.close()
    except sqlite3.Error:  # the served build is damaged: everything is new
        return {}, {}
    return documents, passages


def _changes(before: dict[str, str], after: dict[str, str]) -> Changes:
    both = before.keys() & after.keys()
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(k for k in both if before[k] != after[k])),
        removed=tuple(sorted(before.keys() - after.keys())),
        unchanged=tuple(sorted(k for k in both if before[k] == after[k])),
    )


_SCHEMA = """
    CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE documents (
        id TEXT PRIMARY KEY, kind TEXT, path TEXT, title TEXT, summary TEXT, text TEXT, topics TEXT,
        refs TEXT, reviewed TEXT, safety TEXT, mark TEXT, hash TEXT);
    CREATE TABLE passages (
        row INTEGER PRIMARY KEY, id TEXT UNIQUE, document TEXT REFERENCES documents (id), heading TEXT,
        text TEXT, start INTEGER, end INTEGER, sentences TEXT, page INTEGER, topics TEXT, refs TEXT,
        questions TEXT);
    CREATE TABLE views (row INTEGER PRIMARY KEY, passage INTEGER, kind INTEGER, text TEXT);
    CREATE TABLE refs (
        key TEXT PRIMARY KEY, kind TEXT, authors TEXT, year TEXT, title TEXT, journal TEXT, doi TEXT,
        sample TEXT, limits TEXT);
    CREATE VIRTUAL TABLE terms USING fts5 (
        title, heading, questions, body, tokenize = 'porter unicode61 remove_diacritics 2');
"""


def _write_passages(path: Path, encoder: Encoder, content: _Content, build_id: str) -> None:
    db = sqlite3.connect(path)
    db.executescript(_SCHEMA)
    manifest = {
        "schema": str(SCHEMA_VERSION),
        "build": build_id,
        "model": encoder.name,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "documents": str(len(content.corpus.documents)),
        "passages": str(len(content.passages)),
        "views": json.dumps({k: sum(v.kind == n for v in content.views) for n, k in enumerate(VIEW_KINDS)}),
        "python": sys.version.split()[0],
    }
    db.executemany("INSERT INTO manifest VALUES (?, ?)", manifest.items())
    db.executemany(
        "INSERT INTO documents VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (d.document_id, d.kind, d.path, d.title, d.summary, d.text, json.dumps(d.topics),
             json.dumps(d.references), d.reviewed, d.safety, d.mark, _hash_document(d))
            for d in content.corpus.documents
        ),
    )  # fmt: skip
    for row, p in enumerate(content.passages):
        sentences = json.dumps([(s.start, s.end, int(s.is_item)) for s in p.sentences])
        db.execute(
            "INSERT INTO passages VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (row, p.passage_id, p.document_id, json.dumps(p.heading), p.text, p.start, p.end, sentences,
             p.page, json.dumps(p.topics), json.dumps(p.references), json.dumps(p.questions)),
        )  # fmt: skip
        db.execute(
            "INSERT INTO terms (rowid, title, heading, questions, body) VALUES (?,?,?,?,?)",
            (row, p.title, " ".join(p.heading), "\n".join(p.questions), reading_form(p.text)),
        )
    db.executemany(
        "INSERT INTO views VALUES (?,?,?,?)",
        ((row, v.passage, v.kind, v.text) for row, v in enumerate(content.views)),
    )
    db.executemany(
        "INSERT INTO refs VALUES (?,?,?,?,?,?,?,?,?)",
        (
            (r.key, r.kind, r.authors, r.year, r.title, r.journal, r.doi, r.sample, r.limits)
            for r in content.references.values()
        ),
    )
    db.execute("INSERT INTO terms (terms) VALUES ('optimize')")
    db.commit()
    db.close()


def _write_vectors(path: Path, vectors: Vectors) -> None:
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    faiss.write_index(flat, str(path))


def _write_topics(
    path: Path, content: _Content, taught: Sequence[int], vectors: Vectors, adapted: bool
) -> None:
    """Make the topic model: texts and headings teach beside the questions, each once."""
    views = [content.views[n] for n in taught]
    model = fit_topics(
        [content.passages[view.passage] for view in views], [view.text for view in views], vectors, adapted
    )
    if model:
        model.save(path)


def _safety_files(corpus: Path) -> list[Path]:
    files = sorted((corpus / REFERRALS).glob("*.md")) if (corpus / REFERRALS).is_dir() else []
    helplines = corpus / HELPLINES
    return [*files, helplines] if helplines.exists() else files


def _copy_safety_texts(corpus: Path, target: Path) -> None:
    (target / REFERRALS).mkdir(parents=True)
    for path in _safety_files(corpus):
        shutil.copyfile(path, target / (path.name if path.suffix == ".yaml" else f"{REFERRALS}/{path.name}"))
