"""The words in which the indexer speaks: documents, their sections and passages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["article", "faq", "note", "boundary"]
KINDS: dict[str, Kind] = {
    "articles": "article",
    "faq": "faq",
    "notes": "note",
    "boundaries": "boundary",
}


@dataclass(frozen=True, slots=True)
class Span:
    """One whole sentence of a document: `document_text[start:end]`, characters from 0."""

    start: int
    end: int
    is_item: bool = False  # stands in a list, so it is shown as a list item

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span needs 0 <= start < end, got start={self.start} end={self.end}")


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading, before the next heading of any rank."""

    heading: tuple[str, ...]  # from the outermost heading inwards; empty before the first heading
    paragraphs: tuple[tuple[Span, ...], ...]  # sentences, paragraph by paragraph, in reading order
    topics: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()  # what people ask that this section answers
    mark: str = ""  # the editor's own id of the section, such as F01
    pages: tuple[int, ...] = ()  # 1-based, one for each paragraph; empty where there are no pages


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the corpus.

    For Markdown `text` is the file's own text, so that positions in a passage are
    positions in the file; for a PDF it is the text that was read out of it.
    """

    document_id: str  # path below the corpus folder, without the suffix
    kind: Kind
    path: str  # path below the corpus folder, with the suffix
    title: str
    summary: str
    text: str
    sections: tuple[Section, ...]
    topics: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    reviewed: str = ""  # ISO date of the last review; empty when none is given
    safety: str = "none"  # none, care or high
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one document: `document_text[start:end] == text` always holds."""

    passage_id: str  # document id, heading and content hash: an edit moves only what it touched
    document_id: str
    kind: Kind
    title: str  # of the document
    heading: tuple[str, ...]
    text: str
    start: int  # characters, from 0
    end: int
    sentences: tuple[Span, ...]  # positions in the document, in reading order
    page: int | None = None  # 1-based, as a PDF viewer shows it; None where there are no pages
    topics: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()

    def quote(self, span: Span) -> str:
        """The words of `span`, exactly as they stand in the document."""
        return self.text[span.start - self.start : span.end - self.start]


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of corpus/references.yaml: who says it, and on what grounds."""

    key: str
    kind: str  # study, review, service, author or practice
    authors: str
    year: str
    title: str
    journal: str = ""
    doi: str = ""
    sample: str = ""  # in words, such as "58 students"; empty where there is none
    limits: str = ""

    @property
    def label(self) -> str:
        """The kind of evidence in a few words, for a reader: "study, 58 students"."""
        names = {
            "study": "study",
            "review": "review of studies",
            "service": "advice of support services",
            "author": "an author's view",
            "practice": "practice",
        }
        name = names.get(self.kind, self.kind)
        return f"{name}, {self.sample}" if self.sample else name


@dataclass(frozen=True, slots=True)
class Helpline:
    """One line of one country. Never shown without its country and its hours."""

    country: str  # ISO 3166-1 alpha-2, or "INT"
    country_name: str
    service: str
    purpose: str  # suicide, domestic_violence, stalking, child, or emergency
    phone: str | None
    text: str | None  # how to reach it by text message, in words
    web: str | None
    hours: str
    source: str
    checked: str  # ISO date
