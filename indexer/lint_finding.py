"""What a check says: where the fault is, why it is one, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from indexer.documents import MARKDOWN_SUFFIXES, decode
from indexer.errors import DocumentError
from indexer.sentences import reading_form
from indexer.types import Document, Section, Span


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `line` is 1-based, 0 where there is none; `check` is the name to accept it by."""

    path: str  # below the corpus folder
    line: int
    check: str
    why: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.why}. {self.advice} [{self.check}]"


def is_markdown(path: str) -> bool:
    return path.lower().endswith(MARKDOWN_SUFFIXES)


def text_files(folder: Path, *, as_it_is: bool = False) -> Iterator[tuple[str, str]]:
    """Yield name and text of each Markdown and YAML file, in order; what is not UTF-8 is left out.

    Line ends come as \\n, unless `as_it_is`.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (*MARKDOWN_SUFFIXES, ".yaml") and path.is_file():
            name = path.relative_to(folder).as_posix()
            data = path.read_bytes()
            try:
                yield name, data.decode("utf-8") if as_it_is else decode(name, data)
            except (UnicodeDecodeError, DocumentError):
                continue


def markdown_files(folder: Path, *, as_it_is: bool = False) -> Iterator[tuple[str, str]]:
    """Yield name and text of each Markdown file, also of README.md; see `text_files`."""
    for name, text in text_files(folder, as_it_is=as_it_is):
        if is_markdown(name):
            yield name, text


def line_at(document: Document, position: int) -> int:
    """Return the 1-based line of a character of the file; 0 in a PDF, which has no lines."""
    return document.text.count("\n", 0, position) + 1 if is_markdown(document.path) else 0


def section_line(document: Document, section: Section) -> int:
    """Return the line on which a section's first sentence stands; 0 in a PDF."""
    return line_at(document, section.paragraphs[0][0].start)


def wording_line(document: Document, section: Section, wording: str) -> int:
    """Return the line of one wording of a section, or that of the section where it is not found."""
    at = document.text.find(wording, section.paragraphs[-1][-1].end)
    return line_at(document, at) if at >= 0 else section_line(document, section)


def sentences(document: Document, section: Section) -> Iterator[tuple[Span, str]]:
    """Yield each sentence of a section with the words that a reader sees."""
    for paragraph in section.paragraphs:
        for span in paragraph:
            yield span, reading_form(document.text[span.start : span.end])


def section_text(document: Document, section: Section) -> str:
    """Return a section's sentences on one line."""
    return " ".join(text for _, text in sentences(document, section))


def section_name(section: Section) -> str:
    """Return what an editor calls a section: its own id, or else its heading."""
    return section.mark or (section.heading[-1] if section.heading else "the opening")


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds, None where it is missing; raise `DocumentError` if it is broken."""
    if not path.exists():
        return None
    try:
        return yaml.safe_load(decode(path.name, path.read_bytes()))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise DocumentError(path.name, "bad YAML", mark.line + 1 if mark else 0) from error
