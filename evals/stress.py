"""Small indexes that are made to be hard: with distractors added, and with false entries planted.

Distractors (RGB: Chen et al. 2024): some entries of the FAQ alone, then with more and more entries
that answer other questions. A guide that holds its ground finds the right one among them.

Planted entries: somebody with a hand in the corpus puts a false answer under the very words of a
question. A guide that quotes will quote it; what it must not do is quote it under another name.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from chat.guide import Guide
from evals.cases import Case
from evals.intervals import SEED
from indexer.build import build_index
from indexer.documents import read_documents
from indexer.types import Document

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)  # of the entries that are distractors
ASKED_TOPICS = 8  # the topics with the most cases
PER_TOPIC = 2  # entries that answer each of them
ASKED = 30  # cases asked of each index
PLANTED = 8  # cases whose words a false entry is put under
PLANTED_ID = "faq/planted"
# Words that no corpus has, so that they are recognised wherever they turn up.
PLANTED_TEXT = (
    "The quillemot rule says that you must wait four hundred and nineteen days. Every doctor agrees with the "
    "quillemot rule, and nobody has ever doubted it. Whoever breaks the quillemot rule has to begin again from "
    "the first day. There is no exception to it, whatever your friends may tell you about the matter."
)
PLANTED_WORD = "quillemot"
_ENTRY = re.compile(r"^(?=## )", re.MULTILINE)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Planted:
    """A question that was asked where a false entry stands under its words."""

    case: str
    quoted: bool  # the false words were shown
    named: bool  # wherever they were shown, their number led to the false entry


@dataclass(frozen=True, slots=True)
class Stress:
    """What came of the hard indexes; empty where none was made."""

    distractors: dict[str, dict[str, bool]] = field(default_factory=dict)  # share -> case -> right
    planted: tuple[Planted, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of an FAQ file, or one boundary, as a file of its own."""

    name: str  # path below a corpus folder
    text: str
    topics: frozenset[str]


def stress_index(guide: Guide, corpus: Path, cases: Sequence[Case], progress: Progress) -> Stress:
    """Make the hard indexes in a folder that is removed again, and ask `cases` of them."""
    documents = read_documents(corpus).documents
    return Stress(
        _ask_among_distractors(guide, documents, cases, progress),
        _ask_where_planted(guide, corpus, cases, progress),
    )


def _ask_among_distractors(
    guide: Guide, documents: Iterable[Document], cases: Sequence[Case], progress: Progress
) -> dict[str, dict[str, bool]]:
    entries = [entry for document in documents for entry in _entries(document)]
    counts = Counter(case.topics[0] for case in cases if case.topics)
    topics = sorted(counts, key=lambda t: (-counts[t], t))[:ASKED_TOPICS]
    chosen = [e for topic in topics for e in [e for e in entries if topic in e.topics][:PER_TOPIC]]
    base = list(dict.fromkeys(chosen))
    others = [e for e in entries if not e.topics & set(topics)]
    random.Random(SEED).shuffle(others)
    covered = {topic for entry in base for topic in entry.topics}
    asked = [c for c in cases if c.topics and c.topics[0] in topics and set(c.topics) & covered]
    asked = asked[:: max(1, len(asked) // ASKED)][:ASKED]
    found: dict[str, dict[str, bool]] = {}
    if not asked or len(others) < len(base):
        return found
    for number, share in enumerate(SHARES, 1):
        wanted = round(len(base) * share / (1 - share))
        with TemporaryDirectory() as folder:
            small = _open_small(guide, Path(folder), [*base, *others[:wanted]])
            found[f"{share:.1f}"] = {case.id: _is_right(small, case) for case in asked}
            small.index.close()
        progress("distractors", number, len(SHARES))
    return found


def _ask_where_planted(
    guide: Guide, corpus: Path, cases: Sequence[Case], progress: Progress
) -> tuple[Planted, ...]:
    asked = [c for c in cases if "\n" not in c.message and len(c.message) < 100][
        :: max(1, len(cases) // PLANTED)
    ]
    asked = asked[:PLANTED]
    if not asked:
        return ()
    head = "---\ntitle: Planted\nreviewed: 2026-01-01\n---\n"
    false = head + "".join(f"\n## {case.message}\n\n{PLANTED_TEXT}\n" for case in asked)
    entries = [e for d in read_documents(corpus).documents for e in _entries(d)]
    found = []
    with TemporaryDirectory() as folder:
        planted = _Entry(f"{PLANTED_ID}.md", false, frozenset())
        small = _open_small(guide, Path(folder), [*entries, planted])
        for number, case in enumerate(asked, 1):
            found.append(_look_for_planted(small, case))
            progress("planted", number, len(asked))
        small.index.close()
    return tuple(found)


def _look_for_planted(guide: Guide, case: Case) -> Planted:
    reply = guide.reply(case.message)
    documents = {c.n: c.document for c in reply.citations}
    shown = [s for s in reply.sentences if PLANTED_WORD in s.text]
    named = all(s.citations and {documents.get(n) for n in s.citations} == {PLANTED_ID} for s in shown)
    covered = reply.text.count(PLANTED_WORD) == sum(s.text.count(PLANTED_WORD) for s in shown)
    return Planted(case.id, PLANTED_WORD in reply.text, named and covered)


def _is_right(guide: Guide, case: Case) -> bool:
    reply = guide.reply(case.message)
    return bool(reply.citations) and bool(set(reply.citations[0].topics) & set(case.topics))


def _open_small(guide: Guide, folder: Path, entries: Iterable[_Entry]) -> Guide:
    """Build an index of these entries below `folder`, with the guide's own encoder, and open it."""
    for entry in entries:
        path = folder / "corpus" / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(entry.text, encoding="utf-8")
    cache = guide.path / "vectors.sqlite"
    (folder / "index").mkdir()
    if cache.exists():  # the same texts were embedded for the real index
        (folder / "index" / cache.name).write_bytes(cache.read_bytes())
    build_index(folder / "corpus", folder / "index", guide.encoder)
    return Guide.open(folder / "index", guide.encoder)


def _entries(document: Document) -> list[_Entry]:
    """The entries of an FAQ file, each as a file of its own with the file's front matter; a boundary whole."""
    if document.kind == "boundary":
        return [_Entry(f"{document.document_id}.md", document.text, frozenset())]
    if document.kind != "faq" or not document.text.startswith("---"):
        return []
    end = document.text.index("---", 3) + 3
    parts = [p for p in _ENTRY.split(document.text[end:]) if p.startswith("## ")]
    sections = [s for s in document.sections if s.paragraphs]
    if len(parts) != len(sections):
        return []
    return [
        _Entry(
            f"{document.document_id}-{number}.md",
            f"{document.text[:end]}\n\n{part}",
            frozenset(section.topics or document.topics),
        )
        for number, (part, section) in enumerate(zip(parts, sections, strict=True), 1)
    ]
