"""Reading pages: the list of all documents, and each document with its contents, questions and references."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote, urlencode

from chat.render import KIND_NAMES, MOST_SPANS, plain_passage, render_reference
from indexer.index import Index
from indexer.types import Document, Passage, Reference

GROUPS = (
    ("article", "Articles", "The longer texts: what to do, what is known, and how well."),
    ("faq", "Questions and answers", "Short answers to one question each."),
    ("note", "Research notes", "What a study or a book found, and what it cannot tell."),
    ("boundary", "What the guide does not cover", "Where it stops, and who can help instead."),
)
SHOWN_QUESTIONS = 3  # of the wordings in which a section was asked
LONGEST_QUESTION = 90  # characters; the longer ones are examples for the search and read badly as links
_SPAN = re.compile(r"\d{1,7}-\d{1,7}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """All that stands under one heading of a document, and the anchor that leads to it."""

    anchor: str
    heading: tuple[str, ...]
    passages: tuple[Passage, ...]


def read_spans(marks: str) -> tuple[tuple[int, int], ...]:
    """The spans in an address such as "120-245,300-350"; anything else in it is passed over."""
    found = []
    for part in marks.split(",")[:MOST_SPANS]:
        if _SPAN.fullmatch(part):
            start, end = map(int, part.split("-"))
            found.append((start, end))
    return tuple(found)


def stretches(index: Index, document_id: str) -> tuple[Stretch, ...]:
    """The document's passages in reading order, heading by heading."""
    passages = sorted((p for p in index.passages if p.document_id == document_id), key=lambda p: p.start)
    used: dict[str, int] = {}
    out = []
    for heading, group in groupby(passages, key=lambda p: p.heading):
        name = _anchor(heading[-1] if heading else "beginning")
        used[name] = used.get(name, 0) + 1
        anchor = name if used[name] == 1 else f"{name}-{used[name]}"
        out.append(Stretch(anchor, heading, tuple(group)))
    return tuple(out)


def render_library(index: Index) -> str:
    """The list of everything that can be read, with a box that narrows it down in the browser."""
    documents = [index.document(document_id) for document_id in index.document_ids()]
    groups = "".join(
        _render_group(index, title, told, [d for d in documents if d.kind == kind])
        for kind, title, told in GROUPS
    )
    return (
        "<h1>Everything the guide can say</h1>"
        '<p class="lead">The conversation quotes these texts and nothing else. Read them as they are.</p>'
        '<p class="narrow" hidden><label for="narrow">Find in titles and questions</label>'
        '<input id="narrow" type="search" autocomplete="off" spellcheck="false" '
        'placeholder="children, closure, sixty days">'
        '<span class="hint">What you type here stays on this page.</span></p>'
        f'<p id="narrowed" class="hint" role="status"></p>{groups}'
    )


def render_document(
    document: Document,
    parts: Sequence[Stretch],
    references: dict[str, Reference],
    spans: Sequence[tuple[int, int]] = (),
    has_pdf: bool = False,
) -> str:
    """One document; the sentences that meet `spans` are marked, and the first of them is `#cited`."""
    keys = list(dict.fromkeys(key for part in parts for p in part.passages for key in p.references))
    listed = [references[key] for key in keys if key in references]
    headed = [part for part in parts if part.heading]
    body = "".join(_render_stretch(document, part, references, spans) for part in parts)
    if spans:
        body = body.replace("<mark>", '<mark id="cited" tabindex="-1">', 1)
    return (
        '<p class="crumb"><a href="/read">Everything the guide can say</a></p>'
        f'<article class="reading"><p class="kind">{KIND_NAMES[document.kind]}</p>'
        f"<h1>{html.escape(document.title)}</h1>"
        f"{_summary(document, 'lead')}{_reviewed(document)}{_printed(document) if has_pdf else ''}"
        f"{_render_contents(headed)}"
        f"{body}{_render_references(listed)}</article>"
    )


def _render_contents(parts: Sequence[Stretch]) -> str:
    if len(parts) < 2:
        return ""
    items = "".join(
        f'<li><a href="#{part.anchor}">{html.escape(part.heading[-1])}</a></li>' for part in parts
    )
    return f'<nav class="contents" aria-label="Contents"><h2>Contents</h2><ol>{items}</ol></nav>'


def _summary(document: Document, style: str = "") -> str:
    if not document.summary:
        return ""
    return (
        f'<p class="{style}">{html.escape(document.summary)}</p>'
        if style
        else f"<p>{html.escape(document.summary)}</p>"
    )


def _render_group(index: Index, title: str, told: str, documents: Sequence[Document]) -> str:
    if not documents:
        return ""
    items = "".join(_render_entry(index, document) for document in documents)
    return f'<section class="shelf"><h2>{title}</h2><p class="hint">{told}</p><ul class="entries">{items}</ul></section>'


def _render_entry(index: Index, document: Document) -> str:
    address = f"/read/{quote(document.document_id)}"
    inside = "".join(
        f'<li><a href="{address}#{part.anchor}">{html.escape(part.heading[-1])}</a></li>'
        for part in stretches(index, document.document_id)
        if part.heading
    )
    folded = (
        f'<details><summary>Inside<span class="unseen"> {html.escape(document.title)}</span></summary>'
        f"<ul>{inside}</ul></details>"
        if inside and document.kind in ("article", "faq")
        else ""
    )
    return f'<li class="entry"><h3><a href="{address}">{html.escape(document.title)}</a></h3>{_summary(document)}{folded}</li>'


def _render_stretch(
    document: Document,
    part: Stretch,
    references: dict[str, Reference],
    spans: Sequence[tuple[int, int]],
) -> str:
    heading = (
        f'<h2 id="{part.anchor}"><a class="anchor" href="#{part.anchor}">{html.escape(part.heading[-1])}</a></h2>'
        if part.heading
        else ""
    )
    pages = sorted({p.page for p in part.passages if p.page})
    where = f'<p class="hint">Page {", ".join(map(str, pages))} of the PDF</p>' if pages else ""
    text = "".join(plain_passage(p, spans) for p in part.passages)
    own = [key for p in part.passages for key in p.references if key in references]
    rests = _render_evidence(own, references) if tuple(own) != document.references else ""
    asked = [
        q for p in part.passages for q in p.questions if len(q) <= LONGEST_QUESTION and q not in part.heading
    ]
    return f"<section>{heading}{where}{text}{rests}{_render_asked(asked[:SHOWN_QUESTIONS])}</section>"


def _render_evidence(keys: Sequence[str], references: dict[str, Reference]) -> str:
    marks = "; ".join(
        f'<a href="#ref-{html.escape(key)}">{html.escape(_short(references[key]))}</a> '
        f"({html.escape(references[key].label)})"
        for key in dict.fromkeys(keys)
    )
    return f'<p class="evidence">Rests on: {marks}</p>' if marks else ""


def _render_asked(questions: Sequence[str]) -> str:
    if not questions:
        return ""
    items = "".join(
        f'<li><a href="/?{urlencode({"q": question})}">{html.escape(question)}</a></li>'
        for question in questions
    )
    return f'<div class="asked"><p class="hint">People ask this as</p><ul>{items}</ul></div>'


def _render_references(listed: Sequence[Reference]) -> str:
    items = "".join(
        f'<li id="ref-{html.escape(entry.key)}" tabindex="-1">{render_reference(entry)} '
        f'<span class="evidence">{html.escape(entry.label)}'
        f"{f'. {html.escape(entry.limits)}' if entry.limits else ''}</span></li>"
        for entry in listed
    )
    return (
        f'<section class="references"><h2 id="references">What this rests on</h2><ol>{items}</ol></section>'
        if items
        else ""
    )


def _short(entry: Reference) -> str:
    """Who and when, as a text would say it: "Bowen 2009"."""
    surname = re.split(r"[,&]| and ", entry.authors)[0].strip() or entry.title
    return f"{surname} {entry.year}".strip()


def _reviewed(document: Document) -> str:
    return (
        f'<p class="hint">Last looked over on {html.escape(document.reviewed)}</p>'
        if document.reviewed
        else ""
    )


def _printed(document: Document) -> str:
    """A link to the file, in a tab of its own: in the window the conversation stays where it is."""
    address = f"/read/{quote(document.document_id)}.pdf"
    return (
        f'<p class="printed"><a href="{address}" target="_blank" type="application/pdf">Read it as PDF</a> '
        '<span class="hint">in a tab of its own</span></p>'
    )


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") or "section"
