"""Replies as the window shows them: HTML in one line, in which every word from a text or a person is escaped.

The page hands it to a Markdown view. A block of HTML without a line break passes through that
view unread, so nothing that somebody wrote can turn into markup, an image or a script.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote, urlencode

from markdown_it import MarkdownIt

from chat.answer import render_text
from chat.fixed_texts import ASIDE
from chat.referral import render_helplines, render_helplines_markdown
from chat.types import Citation, Reply
from indexer.referrals import INTERNATIONAL
from indexer.sentences import reading_form
from indexer.types import Helpline, Passage, Reference

KIND_NAMES = {
    "article": "Article",
    "faq": "Question and answer",
    "note": "Research note",
    "boundary": "What the guide does not cover",
}
NO_SOURCES = "The last reply quoted nothing, so there is nothing to show here."
BEFORE_SOURCES = "When an answer quotes the library, each passage stands here with the quoted words marked."
CHOOSE_COUNTRY = "<p>Choose your country under Helplines, and its numbers will stand here.</p>"
COPY_BUTTON = '<p class="tools"><button class="copy-answer">Copy this answer</button></p>'
MOST_SPANS = 40  # marked sentences that an address can carry
_JOINED = "&#8288;"  # no line may begin with a citation number
_BLANK_LINE = re.compile(r"\n\s*\n")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True, slots=True)
class _Piece:
    """One sentence, as HTML, on its way into paragraphs and lists."""

    content: str
    is_item: bool
    opens: bool  # begins a paragraph or a list item


def render_question(text: str) -> str:
    """Return what a person wrote: its lines as they are, and nothing in it is markup."""
    return f"<p>{'<br>'.join(_words(line) for line in text.strip().splitlines())}</p>"


def render_reply(reply: Reply, turn: int = 1) -> str:
    """Return a reply with linked citation numbers and, below it, each source once.

    `turn` counts the replies of a conversation from 1. It stands in the links, so that [1] of
    an earlier answer goes on leading to the source of that answer.
    """
    before, answer, after = _split_text(reply)
    parts = [
        _render_referral(reply, before) if reply.kind == "referral" else _paragraphs(before),
        _render_answer(reply, turn) if answer else "",
        f'<div class="support">{_paragraphs(after)}</div>' if after.strip() else "",
        _render_source_list(reply.citations, turn) + COPY_BUTTON if reply.citations else "",
    ]
    return f'<div id="reply-{turn}" class="reply {reply.kind}">{"".join(parts)}</div>'


def render_record(reply: Reply) -> str:
    """Return a reply as text with its sources, for whoever copies it."""
    sources = [f"[{c.n}] {_place(c)} ({'; '.join(c.evidence)})" for c in reply.citations]
    return "\n".join([reply.text, *(["", "Sources:", *sources] if sources else [])])


def replace_helplines(page: str, old: Sequence[Helpline], new: Sequence[Helpline]) -> str:
    """Return the HTML of a referral with other helplines; without `old` in it, it stays as it was."""
    page = page.replace(_referral_lines(old), _referral_lines(new))
    return page.replace(_emergency_now(old), _emergency_now(new))


def address_of(citation: Citation) -> str:
    """The reading page of a cited document, at the cited words and with them marked."""
    spans = citation.spans or ((citation.start, citation.end),)
    marks = ",".join(f"{start}-{end}" for start, end in spans[:MOST_SPANS])
    return f"/read/{quote(citation.document)}?{urlencode({'mark': marks}, safe=',')}#cited"


def render_sources(
    reply: Reply, passages: Mapping[str, Passage], references: Mapping[str, Reference], turn: int = 1
) -> str:
    """Return the cited passages, the cited words marked, with what each rests on.

    A passage that is not in `passages` is shown by its quote alone. A reply without citations
    gives an empty text.
    """
    return "".join(
        _render_source(citation, passages.get(citation.passage_id), references, turn)
        for citation in reply.citations
    )


def render_panel(sources: Sequence[str]) -> str:
    """Return the panel of a conversation from the sources of its replies, oldest first.

    Those of the last reply are open; the earlier ones are folded away, so that their links still work.
    """
    if not sources:
        return f'<p class="hint before">{BEFORE_SOURCES}</p>'
    earlier = "".join(sources[:-1])
    folded = f"<details><summary>Sources of earlier answers</summary>{earlier}</details>" if earlier else ""
    return (sources[-1] or f'<p class="hint">{NO_SOURCES}</p>') + folded


def render_helpline_list(lines: Sequence[Helpline]) -> str:
    """Return helplines as a list whose numbers can be dialled, in the order given."""
    listed: str = _MARKDOWN.render(render_helplines_markdown(lines))
    return f'<div class="helplines">{_one_line(listed)}</div>'


def render_standing_helplines(lines: Sequence[Helpline]) -> str:
    """Return the first three helplines, and the others folded away below them."""
    shown, folded = lines[:3], lines[3:]
    more = (
        f"<details><summary>More helplines</summary>{render_helpline_list(folded)}</details>"
        if folded
        else ""
    )
    return render_helpline_list(shown) + more


def plain_passage(passage: Passage, spans: Sequence[tuple[int, int]] = ()) -> str:
    """Return a passage in paragraphs and lists, with the sentences that meet `spans` marked.

    `spans` are positions in the document, as in a citation.
    """
    pieces = []
    before: int | None = None
    for sentence in passage.sentences:
        words = _words(reading_form(passage.quote(sentence)))
        if any(start < sentence.end and sentence.start < end for start, end in spans):
            words = f"<mark>{words}</mark>"
        between = (
            "" if before is None else passage.text[before - passage.start : sentence.start - passage.start]
        )
        opens = before is None or bool(
            re.search("\n", between) if sentence.is_item else _BLANK_LINE.search(between)
        )
        pieces.append(_Piece(words, sentence.is_item, opens))
        before = sentence.end
    return _blocks(pieces)


def _split_text(reply: Reply) -> tuple[str, str, str]:
    """The text before the quoted sentences, the sentences, and what follows them."""
    if not reply.sentences:
        before = reply.text.removesuffix(reply.support_line)
        return before, "", reply.support_line
    before, answer, after = reply.text.partition(render_text(reply.sentences))
    return before, answer or "missing", after


def _render_answer(reply: Reply, turn: int) -> str:
    by_number = {citation.n: citation for citation in reply.citations}
    pieces = []
    for sentence in reply.sentences:
        marks = "".join(_mark(by_number[n], turn) for n in sentence.citations if n in by_number)
        if sentence.opens_aside:
            pieces.append(_Piece(_words(ASIDE), False, True))
        pieces.append(_Piece(_words(sentence.text) + marks, sentence.is_item, sentence.starts_paragraph))
    return _blocks(pieces)


def _mark(citation: Citation, turn: int) -> str:
    title = html.escape(f"Source {citation.n}: {_place(citation)}")
    return f'{_JOINED}<sup><a href="#source-{turn}-{citation.n}" title="{title}">[{citation.n}]</a></sup>'


def _render_source_list(citations: Sequence[Citation], turn: int) -> str:
    items = "".join(
        f'<li><a href="#source-{turn}-{c.n}" title="Show the words of source {c.n}">[{c.n}]</a> '
        f'{_words(_place(c))} <span class="evidence">({_words("; ".join(c.evidence))})</span></li>'
        for c in citations
    )
    return f'<div class="cited"><p><strong>Sources</strong></p><ul>{items}</ul></div>'


def _render_source(
    citation: Citation, passage: Passage | None, references: Mapping[str, Reference], turn: int
) -> str:
    quoted = (
        plain_passage(passage, citation.spans or ((citation.start, citation.end),))
        if passage
        else f"<p><mark>{_words(reading_form(citation.quote))}</mark></p>"
    )
    entries = [references[key] for key in (passage.references if passage else ()) if key in references]
    listed = "".join(f"<li>{render_reference(entry)}</li>" for entry in entries)
    page = f", page {citation.page}" if citation.page else ""
    heading = f'<p class="heading">{_words(citation.heading)}</p>' if citation.heading else ""
    return (
        f'<section id="source-{turn}-{citation.n}" class="source">'
        f'<p class="kind">[{citation.n}] {_words(KIND_NAMES.get(citation.kind, citation.kind))}{page}</p>'
        f"<h3>{_words(citation.title)}</h3>{heading}"
        f"<blockquote>{quoted}</blockquote>"
        f'<p class="evidence">Rests on: {_words("; ".join(citation.evidence))}</p>'
        f"{f'<ul>{listed}</ul>' if listed else ''}"
        f'<p class="onward"><a href="{html.escape(address_of(citation))}">{_whole(citation)}</a></p>'
        f'<p class="back"><a href="#reply-{turn}">Back to the answer</a></p></section>'
    )


def _whole(citation: Citation) -> str:
    names = {"article": "Read the whole article", "note": "Read the whole note"}
    return names.get(citation.kind, "Read it with all that stands around it")


def render_reference(entry: Reference) -> str:
    """Authors (year). Title. Journal. DOI, the last as a link that nothing follows until it is clicked."""
    said = f"{entry.authors} ({entry.year})." if entry.year else f"{entry.authors}."
    parts = [
        part if part.endswith((".", "?", "!")) else f"{part}."
        for part in (entry.title, entry.journal)
        if part
    ]
    words = _words(" ".join([said, *parts]))
    if not _DOI.fullmatch(entry.doi):
        return words
    address = html.escape("https://doi.org/" + quote(entry.doi, safe="/:;()._-"))
    return f'{words} <a href="{address}" target="_blank" rel="noopener noreferrer">doi.org/{_words(entry.doi)}</a>'


def _render_referral(reply: Reply, text: str) -> str:
    """The calm text, then the helplines, emergency number first, set apart from everything else.

    In a crisis the emergency number also stands above the text, where a phone shows it at once.
    """
    lines = render_helplines(reply.helplines)
    words, found, rest = text.partition(lines) if lines else (text, "", "")
    listed = _referral_lines(reply.helplines) if found else ""
    now = _emergency_now(reply.helplines) if reply.risk.level == "crisis" else ""
    return f'<div class="care">{now}{_paragraphs(words)}{listed}</div>{_paragraphs(rest)}'


def _referral_lines(lines: Sequence[Helpline]) -> str:
    everywhere = all(line.country == INTERNATIONAL for line in lines)
    return render_helpline_list(lines) + (CHOOSE_COUNTRY if everywhere else "")


def _emergency_now(lines: Sequence[Helpline]) -> str:
    return f'<div class="now">{render_helpline_list(lines[:1])}</div>'


def _place(citation: Citation) -> str:
    """Title, heading and page in one line, a heading that only says the title again left out."""
    parts = [citation.title]
    if citation.heading and citation.heading != citation.title:
        parts.append(citation.heading)
    if citation.page:
        parts.append(f"page {citation.page}")
    return ", ".join(parts)


def _paragraphs(text: str) -> str:
    """Plain text as paragraphs, and lines that begin with a dash as a list."""
    pieces = []
    for block in _BLANK_LINE.split(text.strip()):
        opens = True
        for line in block.splitlines():
            is_item = line.lstrip().startswith("- ")
            words = line.lstrip().removeprefix("- ") if is_item else line
            if words.strip():
                pieces.append(_Piece(_words(words), is_item, opens or is_item))
            opens = False
    return _blocks(pieces)


def _blocks(pieces: Iterable[_Piece]) -> str:
    """Join sentences into paragraphs, and runs of list items into lists."""
    blocks: list[tuple[bool, str]] = []
    for piece in pieces:
        if blocks and not piece.opens and blocks[-1][0] == piece.is_item:
            blocks[-1] = (piece.is_item, f"{blocks[-1][1]} {piece.content}")
        else:
            blocks.append((piece.is_item, piece.content))
    out = []
    for is_item, run in groupby(blocks, key=lambda block: block[0]):
        tag = "li" if is_item else "p"
        inner = "".join(f"<{tag}>{content}</{tag}>" for _, content in run)
        out.append(f"<ul>{inner}</ul>" if is_item else inner)
    return "".join(out)


def _words(text: str) -> str:
    """Escape a text for HTML and put it on one line."""
    return html.escape(_one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())
