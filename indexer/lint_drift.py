"""Wordings that lie nearer to another entry than to their own, so that the other one answers."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import store
from indexer.encoder import Encoder, Vectors
from indexer.errors import GuideError
from indexer.lint_finding import Finding, wording_line
from indexer.sentences import reading_form, without_stop
from indexer.types import Document, Passage

# A stranger this near says nearly the same, and the entry's other texts are this much further off.
# On our own corpus these name 10 of 4,251 wordings, few enough to look at each. 0.7 and 0.2 name 96.
NEAR = 0.8
GAP = 0.3
_ROWS = 512  # wordings compared at once; bounds the memory


@dataclass(frozen=True, slots=True)
class _Text:
    passage: int
    words: str
    is_wording: bool

    @property
    def read(self) -> str:
        """As the build embeds it."""
        return without_stop(self.words) if self.is_wording else self.words


def check_drift(
    documents: Sequence[Document], passages: Sequence[Passage], vectors: dict[str, Vectors]
) -> Iterator[Finding]:
    """Compare each wording with all other texts, itself left out; the worst first in each file.

    A neighbour that shares a topic with the entry is no stranger: either may answer. `vectors`
    are the unit vectors of `drift_texts(passages)`.
    """
    texts = _texts(passages)
    if not texts:
        return
    places = {(d.document_id, q): (d, s) for d in documents for s in d.sections for q in s.questions}
    matrix = np.stack([vectors[t.read] for t in texts])
    for row, own, other, gap in _strays(texts, matrix, _strangers(passages)):
        text, near = texts[row], texts[other]
        document, section = places[passages[text.passage].document_id, text.words]
        rival = passages[near.passage]
        entry = rival.heading[-1] if rival.heading else rival.title
        yield Finding(
            document.path,
            wording_line(document, section, text.words),
            "far-wording",
            f'the wording "{text.words[:80]}" ({own:.2f} to its own entry, '
            f'"{(section.heading or (document.title,))[-1]}") is nearer by {gap:.2f} to "{near.words[:60]}" '
            f'of "{entry}" in {rival.document_id}',
            "Move it, say it in other words, or give its own entry a like one.",
        )


def drift_texts(passages: Sequence[Passage]) -> list[str]:
    """Return the texts whose vectors are needed, each once."""
    return list(dict.fromkeys(t.read for t in _texts(passages)))


def known_vectors(index: Path, model: str, texts: Sequence[str]) -> dict[str, Vectors]:
    """Return the vectors that the cache of an index has for `texts`; none where there is no cache."""
    path = index / store.CACHE
    if not path.exists():
        return {}
    keys = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    try:
        db = sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT hash, vector FROM vectors WHERE model = ?", (model,))
            return {keys[h]: np.frombuffer(blob, dtype=np.float32) for h, blob in rows if h in keys}
        finally:
            db.close()
    except sqlite3.Error as error:
        raise GuideError(f"The vector cache at {path} is damaged ({error}). Remove that file.") from error


def all_vectors(index: Path, encoder: Encoder, texts: Sequence[str]) -> dict[str, Vectors]:
    """Return a vector for each text: from the cache where it has one, else from the encoder."""
    known = known_vectors(index, encoder.name, texts)
    missing = [text for text in texts if text not in known]
    known.update(zip(missing, encoder.encode(missing), strict=True) if missing else ())
    return known


def _texts(passages: Sequence[Passage]) -> list[_Text]:
    texts = []
    for number, passage in enumerate(passages):
        texts.append(_Text(number, reading_form(passage.text), False))
        texts += [_Text(number, q, True) for q in passage.questions]
    return texts


def _strangers(passages: Sequence[Passage]) -> npt.NDArray[np.bool_]:
    """Return which passages share no topic, shape (n, n); boundaries are strangers to all others."""
    topics = [set(p.topics) or {p.document_id} for p in passages]
    return np.array([[not (a & b) for b in topics] for a in topics], dtype=bool)


def _strays(
    texts: Sequence[_Text], matrix: Vectors, strangers: npt.NDArray[np.bool_]
) -> Iterator[tuple[int, float, int, float]]:
    """Yield (row of the wording, best of its own, row of the nearest stranger, gap), worst first."""
    owner = np.array([t.passage for t in texts])
    rows = np.array([n for n, t in enumerate(texts) if t.is_wording], dtype=np.int64)
    found: list[tuple[int, float, int, float]] = []
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        cosines = matrix[part] @ matrix.T
        cosines[np.arange(len(part)), part] = -1.0  # itself
        is_own = owner[part][:, None] == owner[None, :]
        own = np.where(is_own, cosines, -1.0).max(axis=1)
        away = np.where(strangers[owner[part]][:, owner], cosines, -1.0)
        nearest = away.argmax(axis=1)
        best = away[np.arange(len(part)), nearest]
        stray = (best >= NEAR) & (best - own >= GAP)
        found += [
            (int(part[n]), float(own[n]), int(nearest[n]), float(best[n] - own[n]))
            for n in np.flatnonzero(stray)
        ]
    yield from sorted(found, key=lambda stray: (-stray[3], stray[0]))
