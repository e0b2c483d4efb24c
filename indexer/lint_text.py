"""Checks on words: claims that are too strong, corrections that must stand, numbers that may not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from indexer.lint_finding import (
    Finding,
    line_at,
    section_line,
    section_name,
    section_text,
    sentences,
    text_files,
)
from indexer.lint_words import CORRECTIONS, FORBIDDEN, NEVER, Correction, Forbidden
from indexer.types import Document

# What sounds like a study: a share, a year, a counted group, or the word itself.
_STUDY = re.compile(
    r"\d ?%|\d ?per ?cent\b|\bstud(y|ies)\b(?! (group|service|skills))|\b(19|20)\d\d\b|\bresearchers?\b"
    r"|\b\d[\d,]* (\w+ ){0,3}(people|adults|students|women|men|couples|teenagers|parents|families)\b",
    re.IGNORECASE,
)
# A sentence that says what nobody has studied needs no source.
_ABSENCE = re.compile(
    r"\b(no|nobody|nothing|none|not|nor|never|little|hardly|without|neither)\b.*\b(stud\w+|research\w*|tested)\b"
    r"|\b(stud\w+|research\w*)\b.*\b(not|nothing|no|cannot|little|none|nobody)\b",
    re.IGNORECASE,
)
_SOURCE_LINKS = re.compile(r"doi:\S+|https?://\S+|\b\d{4}-\d\d-\d\d\b|\b10\.\d{4,}/\S+")
_PHONE = re.compile(r"(?<![\w.,/-])\+?\(?\d(?:[ ().-]?\d){6,}(?!\w)")
_SHORT_CODE = re.compile(
    r"\b(call|ring|dial|phone|text|number)\w*\b[^.?!]{0,30}?(?<![\d,])(911|988|999|112|000|116 ?123|13 ?11 ?14)(?![\d,])",
    re.IGNORECASE,
)
_HELPLINES = "helplines.yaml"


def check_wording(document: Document) -> Iterator[Finding]:
    """Absolute words in titles, summaries, headings and sentences. A question may use them."""
    for line, text in _shown_lines(document):
        if text.endswith("?"):
            continue
        for rule in FORBIDDEN:
            for word in _forbidden_words(rule, text):
                why = f'"{word}" in "{_short(text, word)}": {rule.why}'
                yield Finding(document.path, line, "wording", why, rule.advice)


def _shown_lines(document: Document) -> Iterator[tuple[int, str]]:
    yield 1, document.title
    yield 1, document.summary
    for section in document.sections:
        line = section_line(document, section)
        yield from ((line, heading) for heading in section.heading[-1:])
        for span, text in sentences(document, section):
            yield line_at(document, span.start), text


def _forbidden_words(rule: Forbidden, text: str) -> Iterator[str]:
    """Yield the matches of a rule that no allowed context covers."""
    covered = [m.span() for allowed in rule.allowed for m in allowed.context.finditer(text)]
    for match in rule.pattern.finditer(text):
        if not any(start <= match.start() and match.end() <= end for start, end in covered):
            yield match.group()


def check_corrections(document: Document) -> Iterator[Finding]:
    """What is often told wrongly and was put right here stays put right.

    A note is taken as one piece, since its short sections are indexed together.
    """
    pieces = [[s] for s in document.sections] if document.kind != "note" else [list(document.sections)]
    for sections in pieces:
        text = " ".join(section_text(document, s) for s in sections)
        cited = {key for s in sections for key in s.references}
        for rule in CORRECTIONS:
            if _breaks(rule, text, cited):
                line = section_line(document, sections[0])
                yield Finding(document.path, line, "correction", rule.name, rule.advice)


def _breaks(rule: Correction, text: str, cited: set[str]) -> bool:
    if rule.beside and rule.beside[0] in cited:
        return not set(rule.beside) <= cited
    if rule.must_not and rule.must_not.search(text):
        return True
    applies = rule.cites in cited or bool(rule.when and rule.when.search(text))
    return bool(applies and rule.must and not rule.must.search(text))


def check_sources(document: Document) -> Iterator[Finding]:
    """A section that sounds like a study and names no reference."""
    for section in document.sections:
        if section.references or document.references:
            continue
        for span, text in sentences(document, section):
            match = _STUDY.search(text)
            if match and not _ABSENCE.search(text):
                why = f'{section_name(section)} says "{_short(text, match.group())}" and names no reference'
                line = line_at(document, span.start)
                advice = "Add `references:` to its mark line, or say it without the study."
                yield Finding(document.path, line, "unsourced", why, advice)
                break


def check_files(folder: Path) -> Iterator[Finding]:
    """Telephone numbers outside helplines.yaml, and what may stand nowhere, in every text file."""
    for name, text in text_files(folder):
        yield from check_lines(name, text)


def check_lines(name: str, text: str) -> Iterator[Finding]:
    """The same for one file's text, or for the text that was read out of a PDF."""
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, why in NEVER:
            if match := pattern.search(line):
                yield Finding(name, number, "never", f'"{match.group()[:60]}": {why}', "Take it out.")
        if name != _HELPLINES and (match := _phone(line)):
            why = f'"{match.group()[:40]}" looks like a number to dial'
            yield Finding(name, number, "phone", why, "Telephone numbers stand in helplines.yaml only.")


def _phone(line: str) -> re.Match[str] | None:
    plain = _SOURCE_LINKS.sub(" ", line)
    return _PHONE.search(plain) or _SHORT_CODE.search(plain)


def _short(text: str, word: str) -> str:
    """Return the words around `word`, to find the place by."""
    at = text.lower().find(word.lower())
    start, end = max(0, at - 30), at + len(word) + 30
    return ("..." if start else "") + text[start:end].strip() + ("..." if end < len(text) else "")
