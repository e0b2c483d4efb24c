"""Passages: the stretches of a document that are retrieved and cited.

A document is cut at its headings first, then between paragraphs, then between sentences, and
never inside a sentence. Sections that are too short to stand alone are joined with the next.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from indexer.sentences import count_words, reading_form
from indexer.types import Document, Passage, Section, Span

MIN_WORDS = 40
MAX_WORDS = 180
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass
class _Draft:
    """Paragraphs on their way to becoming one passage."""

    sections: list[Section]
    paragraphs: list[tuple[Span, ...]]
    page: int | None
    words: int


def split_passages(document: Document) -> tuple[Passage, ...]:
    """Return the passages of `document`, in reading order.

    Every sentence of the document stands in exactly one passage. A passage has 40 to 180
    words where the text allows it: a single longer sentence stays whole, a short section of
    an FAQ or a boundary is never joined with its neighbour.
    """
    drafts = [draft for section in document.sections for draft in _drafts(document, section)]
    if document.kind in ("article", "note"):
        drafts = _join_short(drafts)
    taken: set[str] = set()
    return tuple(_passage(document, draft, taken) for draft in drafts)


def _drafts(document: Document, section: Section) -> list[_Draft]:
    """Cut one section between paragraphs, and a long paragraph between sentences."""
    units: list[tuple[tuple[Span, ...], int | None, int]] = []
    for index, paragraph in enumerate(section.paragraphs):
        page = section.pages[index] if section.pages else None
        pieces = _cut_paragraph(document.text, paragraph)
        units += [(piece, page, _words(document.text, piece)) for piece in pieces]
    total = sum(words for _, _, words in units)
    parts = max(1, -(-total // MAX_WORDS))
    target = total / parts
    drafts: list[_Draft] = []
    for piece, page, words in units:
        last = drafts[-1] if drafts else None
        fits = last and last.words + words <= MAX_WORDS
        if last and fits and last.words + words / 2 <= target:
            last.paragraphs.append(piece)
            last.words += words
        else:
            drafts.append(_Draft([section], [piece], page, words))
    if len(drafts) > 1 and drafts[-1].words < MIN_WORDS:
        short = drafts[-1]
        if drafts[-2].words + short.words <= MAX_WORDS:
            drafts[-2].paragraphs += short.paragraphs
            drafts[-2].words += short.words
            drafts.pop()
    return drafts


def _cut_paragraph(text: str, paragraph: tuple[Span, ...]) -> list[tuple[Span, ...]]:
    if _words(text, paragraph) <= MAX_WORDS:
        return [paragraph]
    pieces: list[tuple[Span, ...]] = []
    current: list[Span] = []
    words = 0
    for span in paragraph:
        length = count_words(text[span.start : span.end])
        if current and words + length > MAX_WORDS:
            pieces.append(tuple(current))
            current, words = [], 0
        current.append(span)
        words += length
    pieces.append(tuple(current))
    return pieces


def _join_short(drafts: list[_Draft]) -> list[_Draft]:
    joined: list[_Draft] = []
    for draft in drafts:
        last = joined[-1] if joined else None
        short = last and (last.words < MIN_WORDS or draft.words < MIN_WORDS)
        if last and short and last.words + draft.words <= MAX_WORDS and _same_subject(last, draft):
            last.paragraphs += draft.paragraphs
            last.sections += draft.sections
            last.words += draft.words
        else:
            joined.append(draft)
    return joined


def _same_subject(left: _Draft, right: _Draft) -> bool:
    return left.sections[-1].topics == right.sections[0].topics


def _passage(document: Document, draft: _Draft, taken: set[str]) -> Passage:
    spans = tuple(span for paragraph in draft.paragraphs for span in paragraph)
    start, end = spans[0].start, spans[-1].end
    text = document.text[start:end]
    sections = draft.sections
    heading = sections[0].heading
    return Passage(
        passage_id=_passage_id(document.document_id, heading, text, taken),
        document_id=document.document_id,
        kind=document.kind,
        title=document.title,
        heading=heading,
        text=text,
        start=start,
        end=end,
        sentences=spans,
        page=draft.page,
        topics=_union(s.topics or document.topics for s in sections),
        references=_union(s.references or document.references for s in sections),
        questions=_union(s.questions for s in sections),
    )


def _passage_id(document_id: str, heading: tuple[str, ...], text: str, taken: set[str]) -> str:
    slug = _NOT_SLUG.sub("-", heading[-1].lower()).strip("-")[:48] if heading else "top"
    digest = hashlib.sha256(reading_form(text).encode()).hexdigest()[:8]
    stem = f"{document_id}#{slug}-{digest}"
    passage_id, copy = stem, 2
    while passage_id in taken:
        passage_id, copy = f"{stem}-{copy}", copy + 1
    taken.add(passage_id)
    return passage_id


def _union(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for group in groups for word in group))


def _words(text: str, spans: tuple[Span, ...]) -> int:
    return sum(count_words(text[s.start : s.end]) for s in spans)
