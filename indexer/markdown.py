"""Markdown files: front matter, sections, marks and the questions that people also ask.

Positions are positions in the file itself, so that a quotation can be found there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from indexer.errors import DocumentError
from indexer.sentences import reading_form, split_sentences
from indexer.types import Document, Kind, Section, Span

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\n(.*?)(?:^|\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_MARK = re.compile(r"(id|topics|references)\s*:(.*)", re.DOTALL)
_ALSO_ASKED = "also asked:"
_READ_ON = "read on:"


@dataclass
class FrontMatter:
    """The YAML block that opens a file. Every key is optional."""

    title: str = ""
    summary: str = ""
    topics: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    reviewed: str = ""
    safety: str = "none"
    id: str = ""
    body_start: int = 0  # character at which the text after the block begins


@dataclass
class _SectionDraft:
    heading: tuple[str, ...]
    paragraphs: list[tuple[Span, ...]] = field(default_factory=list)
    topics: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    questions: list[str] = field(default_factory=list)
    mark: str = ""


def read_front_matter(path: str, text: str) -> FrontMatter:
    """Return the front matter of `text`; raise `DocumentError` with the line of a YAML fault."""
    match = _FRONT_MATTER.match(text)
    if not match:
        if text.lstrip("\ufeff").startswith("---\n"):
            raise DocumentError(path, "the front matter is opened with --- but never closed", 1)
        return FrontMatter(body_start=1 if text.startswith("\ufeff") else 0)
    try:
        data = yaml.safe_load(match.group(1))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise DocumentError(path, f"bad YAML in the front matter: {problem}", line) from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise DocumentError(path, "the front matter must be a list of `key: value` lines", 2)
    return FrontMatter(
        title=_text(path, data, "title"),
        summary=_text(path, data, "summary"),
        topics=_words(path, data, "topics"),
        references=_words(path, data, "references"),
        reviewed=_text(path, data, "reviewed"),
        safety=_text(path, data, "safety") or "none",
        id=_text(path, data, "id"),
        body_start=match.end(),
    )


def read_markdown(path: str, kind: Kind, text: str) -> Document:
    """Return the document that stands in `text`; raise `DocumentError` when nothing does."""
    front = read_front_matter(path, text)
    body = text[front.body_start :]
    reader = _Reader(text, front.body_start, kind)
    sections = reader.sections(_MARKDOWN.parse(body))
    if not any(s.paragraphs for s in sections):
        raise DocumentError(path, "there is no text in it")
    document_id = path.rsplit(".", 1)[0]
    title = front.title or reader.first_heading or _title_from(document_id)
    return Document(
        document_id=document_id,
        kind=kind,
        path=path,
        title=title,
        summary=front.summary,
        text=text,
        sections=tuple(_finished(s, title) for s in sections if s.paragraphs),
        topics=front.topics,
        references=front.references,
        reviewed=front.reviewed,
        safety=front.safety,
        mark=front.id,
    )


class _Reader:
    """Walks over the blocks of one file and gathers its sections."""

    def __init__(self, text: str, body_start: int, kind: Kind) -> None:
        self.text = text
        self.kind = kind
        self.first_heading = ""
        self._line_starts = [body_start]
        for match in re.finditer("\n", text[body_start:]):
            self._line_starts.append(body_start + match.end())
        self._line_starts.append(len(text))

    def sections(self, tokens: list[Token]) -> list[_SectionDraft]:
        path: list[tuple[int, str]] = []
        drafts = [_SectionDraft(())]
        asked = False  # inside the list that follows "Also asked:"
        list_depth = 0
        in_row = False
        position = 0
        while position < len(tokens):
            token = tokens[position]
            draft = drafts[-1]
            if token.type in ("list_item_open", "list_item_close"):
                list_depth += token.nesting
            elif token.type == "tr_close":
                in_row = False
            elif token.type == "heading_open":
                rank, title = int(token.tag[1]), reading_form(tokens[position + 1].content)
                asked = False
                if rank == 1 and not self.first_heading:
                    self.first_heading = title
                path = [(r, t) for r, t in path if r < rank] + [(rank, title)]
                drafts.append(_SectionDraft(tuple(t for _, t in path)))
                if self.kind == "faq" or title.endswith("?"):
                    drafts[-1].questions.append(title)
                position += 2  # the heading's words are no paragraph
            elif token.type == "html_block":
                _apply_marks(draft, token.content)
            elif token.type in ("fence", "code_block", "tr_open"):
                in_row = token.type == "tr_open"
                draft.paragraphs.extend(self._lines_of(token))
            elif token.type == "inline" and token.map and not in_row:
                words = token.content.strip().lower()
                if words == _ALSO_ASKED:
                    asked = True
                elif asked and list_depth:
                    draft.questions.append(reading_form(token.content))
                elif not words.startswith(_READ_ON):
                    asked = False
                    draft.paragraphs.extend(self._paragraph(token, list_depth > 0))
            position += 1
        return drafts

    def _paragraph(self, token: Token, is_item: bool) -> Iterator[tuple[Span, ...]]:
        start, end = self._stretch(token)
        first_line = token.content.split("\n", 1)[0]
        at = self.text.find(first_line, start, end)
        spans = split_sentences(self.text, at if at >= 0 else start, end, is_item=is_item)
        if spans:
            yield tuple(spans)

    def _lines_of(self, token: Token) -> Iterator[tuple[Span, ...]]:
        """A table row or a block of code: each line is one quotable unit."""
        start, end = self._stretch(token)
        for match in re.finditer(r"[^\n]*\w[^\n]*", self.text[start:end]):
            if not match.group().lstrip().startswith(("```", "~~~")):
                yield (Span(start + match.start(), start + match.end(), is_item=True),)

    def _stretch(self, token: Token) -> tuple[int, int]:
        assert token.map is not None  # block tokens of markdown-it always carry their lines
        first, last = token.map
        last = min(last, len(self._line_starts) - 1)
        return self._line_starts[first], max(self._line_starts[last], self._line_starts[first])


def _apply_marks(draft: _SectionDraft, html: str) -> None:
    """Read `<!-- id: F01; topics: a, b; references: c -->`; any other comment is left alone."""
    comment = re.fullmatch(r"\s*<!--(.*?)-->\s*", html, re.DOTALL)
    if not comment:
        return
    pairs = [_MARK.fullmatch(part.strip()) for part in comment.group(1).split(";") if part.strip()]
    for pair in pairs:
        if pair is None:
            continue
        key, value = pair.group(1), pair.group(2).strip()
        words = tuple(w.strip() for w in value.strip("[]").split(",") if w.strip())
        if key == "id":
            draft.mark = value
        elif key == "topics":
            draft.topics = words
        else:
            draft.references = words


def _finished(draft: _SectionDraft, title: str) -> Section:
    heading = tuple(h for h in draft.heading if h != title)
    return Section(
        heading=heading,
        paragraphs=tuple(draft.paragraphs),
        topics=draft.topics,
        references=draft.references,
        questions=tuple(dict.fromkeys(q for q in draft.questions if q)),
        mark=draft.mark,
    )


def _text(path: str, data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    raise DocumentError(path, f"`{key}` in the front matter must be a line of text", 2)


def _words(path: str, data: dict[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        value = [w for w in re.split(r"[,\s]+", value) if w]
    if not isinstance(value, list) or not all(isinstance(w, (str, int)) for w in value):
        raise DocumentError(path, f"`{key}` in the front matter must be a list such as [one, two]", 2)
    return tuple(str(w).strip() for w in value)


def _title_from(document_id: str) -> str:
    name = document_id.rsplit("/", 1)[-1].replace("-", " ").replace("_", " ").strip()
    return name[:1].upper() + name[1:]
