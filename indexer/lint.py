"""What an editor should look at: faults in the corpus that a build would not stop for.

One module for each kind of check (`lint_text`, `lint_shape`, `lint_links`, `lint_twins`,
`lint_drift`, `lint_claims`); this one runs them all and sets the accepted findings aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from indexer.build import HELPLINES, REFERENCES, REFERRALS, check_safety_texts
from indexer.documents import decode, read_documents, read_references
from indexer.encoder import Encoder
from indexer.errors import DocumentError, GuideError
from indexer.lint_accepted import ACCEPTED, read_accepted, sort_out
from indexer.lint_claims import CLAIMS, Claim, check_claims, read_claims
from indexer.lint_drift import all_vectors, check_drift, drift_texts, known_vectors
from indexer.lint_finding import Finding, is_markdown, read_yaml, section_line
from indexer.lint_fix import check_tidy
from indexer.lint_links import check_links
from indexer.lint_shape import (
    REVIEW_DAYS,
    ReadingLevel,
    check_lengths,
    check_reading,
    check_review,
    reading_level,
)
from indexer.lint_text import check_corrections, check_files, check_lines, check_sources, check_wording
from indexer.lint_twins import check_same_wordings, check_twins
from indexer.passages import split_passages
from indexer.referrals import read_helplines, read_referrals, stale_helplines
from indexer.types import Document, Passage, Reference

TOPICS = "topics.yaml"
FAR_WORDING = "far-wording"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check saw: findings by file and line, those that are accepted, and what it left out."""

    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    notes: tuple[str, ...]
    reading: ReadingLevel | None


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists that texts are held against; each is empty where its file is missing."""

    topics: frozenset[str]
    references: dict[str, Reference]
    claims: list[Claim]


def check_corpus(
    folder: Path, today: date, index: Path, encoder: Encoder, *, deep: bool = False
) -> CheckReport:
    """Check the corpus at `folder`.

    Wordings are compared with the vectors that the last build left in `index`. Where some are
    missing, the comparison is left out and a note says so; with `deep` the encoder supplies them.
    """
    corpus = read_documents(folder)
    passages = [p for document in corpus.documents for p in split_passages(document)]
    findings = [
        Finding(p.path, p.line, "unreadable", p.why, "Until it is mended the file is left out.")
        for p in corpus.problems
    ]
    try:
        lists = _Lists(
            _read_topics(folder / TOPICS), read_references(folder / REFERENCES), read_claims(folder / CLAIMS)
        )
        accepted = read_accepted(folder / ACCEPTED)
        findings += _texts(folder, corpus.documents, passages, lists, today)
    except DocumentError as problem:
        broken = Finding(problem.path, problem.line, "unreadable", problem.why, "Mend it and check again.")
        return CheckReport((*findings, broken), (), ("The other checks wait for that.",), None)
    far, notes = _far_wordings(corpus.documents, passages, index, encoder, deep)
    skipped = frozenset([FAR_WORDING] if notes else [])
    standing, let_be = sort_out([*findings, *far], accepted, skipped)
    return CheckReport(_sorted(standing), _sorted(let_be), notes, reading_level(corpus.documents))


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (f.path, f.line, f.check, f.why)))


def _texts(
    folder: Path, documents: Sequence[Document], passages: Sequence[Passage], lists: _Lists, today: date
) -> Iterator[Finding]:
    """Every check that needs no vectors."""
    for document in documents:
        yield from _front_matter(document)
        yield from _ids(document, lists)
        yield from check_review(document, today)
        yield from check_wording(document)
        yield from check_corrections(document)
        yield from check_sources(document)
        yield from check_lengths(document)
        if not is_markdown(document.path):
            yield from check_lines(document.path, document.text)
    yield from check_reading(documents)
    yield from check_same_wordings(documents)
    yield from check_twins(documents, passages)
    yield from check_files(folder)
    yield from check_links(folder)
    yield from check_tidy(folder)
    yield from check_claims(lists.claims, documents, lists.references)
    yield from _unused_references(folder, documents, lists)
    yield from _safety_texts(folder, today)


def _far_wordings(
    documents: Sequence[Document], passages: Sequence[Passage], index: Path, encoder: Encoder, deep: bool
) -> tuple[list[Finding], tuple[str, ...]]:
    texts = drift_texts(passages)
    vectors = all_vectors(index, encoder, texts) if deep else known_vectors(index, encoder.name, texts)
    missing = sum(text not in vectors for text in texts)
    if missing:
        note = (
            f"{missing} of {len(texts)} texts have no vector yet, so wordings were not compared. "
            "Run guide-index build first, or guide-index check --deep."
        )
        return [], (note,)
    return list(check_drift(documents, passages, vectors)), ()


def _front_matter(document: Document) -> Iterator[Finding]:
    if not is_markdown(document.path):
        return
    if document.text.lstrip("\ufeff")[:4] != "---\n":
        advice = "Begin the file with title, summary and reviewed."
        yield Finding(document.path, 1, "front-matter", "no front matter", advice)
    if not document.summary:
        yield Finding(document.path, 1, "front-matter", "no summary", "Add `summary:` with one sentence.")


def _ids(document: Document, lists: _Lists) -> Iterator[Finding]:
    """Topics and references: known ones, and at least one topic for each section."""
    places = [(1, document.topics, document.references)]
    places += [(section_line(document, s), s.topics, s.references) for s in document.sections]
    has_none = not document.topics and any(not s.topics for s in document.sections)
    if lists.topics and document.kind != "boundary" and has_none:
        advice = "Add `topics: [...]`; topics.yaml lists them."
        yield Finding(document.path, 1, "topic", "no topics", advice)
    for line, topics, references in places:
        for topic in topics:
            if lists.topics and topic not in lists.topics:
                advice = "Use one of topics.yaml."
                yield Finding(document.path, line, "topic", f"unknown topic `{topic}`", advice)
        for key in references:
            if key not in lists.references:
                advice = "Add it to references.yaml."
                yield Finding(document.path, line, "reference", f"no reference `{key}`", advice)


def _unused_references(folder: Path, documents: Sequence[Document], lists: _Lists) -> Iterator[Finding]:
    used = {key for d in documents for key in d.references}
    used |= {key for d in documents for s in d.sections for key in s.references}
    unused = [key for key in lists.references if key not in used]
    if unused:
        lines = decode(REFERENCES, (folder / REFERENCES).read_bytes()).split("\n")
        starts = {line.split(":")[0].strip("\"'"): n for n, line in enumerate(lines, 1) if line[:1].strip()}
        for key in unused:
            why = f"no text names `{key}`"
            yield Finding(REFERENCES, starts.get(key, 0), "unused", why, "Use it or take it out.")


def _safety_texts(folder: Path, today: date) -> Iterator[Finding]:
    try:
        check_safety_texts(folder)
    except GuideError as problem:
        yield Finding(HELPLINES, 0, "unreadable", str(problem).rstrip("."), "Mend it and check again.")
        return
    if (folder / HELPLINES).exists():
        text = decode(HELPLINES, (folder / HELPLINES).read_bytes())
        for line in stale_helplines(read_helplines(folder / HELPLINES), today):
            at = text.find(line.service, max(0, text.find(f"code: {line.country}")))
            why = f"{line.country} {line.service} was last checked on {line.checked}"
            advice = "Check it on its own site and put in the day."
            number = text.count("\n", 0, at) + 1 if at >= 0 else 0
            yield Finding(HELPLINES, number, "helpline", why, advice)
    yield from _referral_reviews(folder, today)


def _referral_reviews(folder: Path, today: date) -> Iterator[Finding]:
    if (folder / REFERRALS).is_dir():
        for category, referral in read_referrals(folder / REFERRALS).items():
            age = (today - date.fromisoformat(referral.reviewed)).days
            if not 0 <= age <= REVIEW_DAYS:
                why = f"reviewed on {referral.reviewed}, which is not within the last year"
                path = f"{REFERRALS}/{category}.md"
                yield Finding(path, 1, "review", why, "Have it read by a trained reviewer.")


def _read_topics(path: Path) -> frozenset[str]:
    """Return the known topic ids; none when there is no topics.yaml, and then none is checked."""
    return frozenset(str(topic) for topic in read_yaml(path) or {})
