"""What an editor should look at: faults in the corpus that a build would not stop for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from indexer.build import HELPLINES, REFERENCES, check_safety_texts
from indexer.documents import MARKDOWN_SUFFIXES, decode, read_documents, read_references
from indexer.errors import DocumentError, GuideError
from indexer.referrals import read_helplines, stale_helplines
from indexer.types import Document, Reference, Section

TOPICS = "topics.yaml"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: where, why, and what to do about it. `line` is 1-based, 0 where there is none."""

    path: str
    line: int
    why: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.why}. {self.advice}"


def check_corpus(folder: Path, today: date) -> list[Finding]:
    """Return the findings for the corpus at `folder`, by file and line."""
    corpus = read_documents(folder)
    findings = [Finding(p.path, p.line, p.why, "Until then the file is left out.") for p in corpus.problems]
    findings += _safety_texts(folder, today)
    try:
        references = read_references(folder / REFERENCES)
        topics = _read_topics(folder / TOPICS)
    except DocumentError as problem:
        return [*findings, Finding(problem.path, problem.line, problem.why, "Mend it and check again.")]
    for document in corpus.documents:
        findings += _document(document, topics, references)
    findings += _questions(corpus.documents)
    return sorted(findings, key=lambda f: (f.path, f.line, f.why))


def _document(
    document: Document, topics: frozenset[str], references: dict[str, Reference]
) -> Iterator[Finding]:
    if document.path.lower().endswith(MARKDOWN_SUFFIXES):
        if document.text.lstrip("\ufeff")[:4] != "---\n":
            yield Finding(
                document.path, 1, "no front matter", "Begin the file with title, summary and reviewed."
            )
        if not document.reviewed:
            yield Finding(document.path, 1, "no review date", "Add `reviewed: YYYY-MM-DD`.")
        if not document.summary:
            yield Finding(document.path, 1, "no summary", "Add `summary:` with one sentence.")
    needs_topics = bool(topics) and document.kind != "boundary"
    if needs_topics and not document.topics and any(not s.topics for s in document.sections):
        yield Finding(document.path, 1, "no topics", "Add `topics: [...]`; corpus/topics.yaml lists them.")
    for topic in document.topics:
        yield from _topic(document, topic, 1, topics)
    for key in document.references:
        yield from _reference(document, key, 1, references)
    for section in document.sections:
        line = _line(document, section)
        for topic in section.topics:
            yield from _topic(document, topic, line, topics)
        for key in section.references:
            yield from _reference(document, key, line, references)


def _topic(document: Document, topic: str, line: int, topics: frozenset[str]) -> Iterator[Finding]:
    if topics and topic not in topics:
        yield Finding(document.path, line, f"unknown topic `{topic}`", "Use one of corpus/topics.yaml.")


def _reference(
    document: Document, key: str, line: int, references: dict[str, Reference]
) -> Iterator[Finding]:
    if key not in references:
        yield Finding(document.path, line, f"no reference `{key}`", "Add it to corpus/references.yaml.")


def _questions(documents: tuple[Document, ...]) -> Iterator[Finding]:
    """A wording that stands under two entries pulls both answers to the same question."""
    first: dict[str, tuple[Document, Section]] = {}
    for document in documents:
        for section in document.sections:
            for question in section.questions:
                key = " ".join(question.lower().split())
                known = first.setdefault(key, (document, section))
                if known != (document, section):
                    where = f"{known[0].path}:{_line(*known)}"
                    yield Finding(
                        document.path,
                        _line(document, section),
                        f"the wording {question[:60]!r} stands at {where} too",
                        "Keep it under the entry that answers it.",
                    )


def _safety_texts(folder: Path, today: date) -> Iterator[Finding]:
    try:
        check_safety_texts(folder)
    except GuideError as problem:
        yield Finding(HELPLINES, 0, str(problem), "Mend it and check again.")
        return
    if (folder / HELPLINES).exists():
        for line in stale_helplines(read_helplines(folder / HELPLINES), today):
            yield Finding(
                HELPLINES,
                0,
                f"{line.country} {line.service} was last checked on {line.checked}",
                "Check it on its own site and put the date in.",
            )


def _read_topics(path: Path) -> frozenset[str]:
    """Return the known topic ids; none when there is no topics.yaml, and then none is checked."""
    if not path.exists():
        return frozenset()
    try:
        data = yaml.safe_load(decode(path.name, path.read_bytes())) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise DocumentError(path.name, "bad YAML", mark.line + 1 if mark else 0) from error
    return frozenset(str(topic) for topic in data)


def _line(document: Document, section: Section) -> int:
    """The line of the file on which a section's first sentence stands; 0 in a PDF."""
    if not document.path.lower().endswith(MARKDOWN_SUFFIXES):
        return 0
    return document.text.count("\n", 0, section.paragraphs[0][0].start) + 1
