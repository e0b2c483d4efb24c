"""Whole sentences and their exact positions, and the reading form of a stretch of Markdown."""

from __future__ import annotations

import re

import sentencex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from indexer.types import Span

_INLINE = MarkdownIt("commonmark")
_MARKUP = re.compile(r"[*_\[\]`<>&\\~]")
_QUOTE_PREFIX = re.compile(r"\n[ \t]*>[ \t]?")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w")


def split_sentences(text: str, start: int, end: int, *, is_item: bool = False) -> list[Span]:
    """Return the sentences of `text[start:end]` as spans of `text`, in reading order.

    Line breaks inside the stretch count as spaces. White space around a sentence belongs to
    no span, and a stretch without a letter or digit gives none. Segmentation: sentencex, English.
    """
    stretch = _QUOTE_PREFIX.sub(_blank, text[start:end])
    stretch = _SPACE.sub(_blank, stretch)
    spans = []
    position = 0
    for piece in sentencex.segment("en", stretch):
        found = stretch.find(piece, position)
        if found < 0:  # the splitter changed a character: keep the rest as one sentence
            piece, found = stretch[position:], position
        position = found + len(piece)
        body = piece.strip()
        if _WORD.search(body):
            first = start + found + len(piece) - len(piece.lstrip())
            spans.append(Span(first, first + len(body), is_item))
        if position >= len(stretch):
            break
    return spans


def without_stop(text: str) -> str:
    """Return `text` without full stops at its end.

    Few people type the last one, and it moves what the encoder makes of a short sentence.
    """
    return text.rstrip(". \t\n") or text


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def reading_form(markdown: str) -> str:
    """Return the words of a stretch of Markdown as a reader sees them, on one line."""
    text = _QUOTE_PREFIX.sub("\n", markdown)
    if _MARKUP.search(text):
        text = _visible(_INLINE.parseInline(text))
    return _SPACE.sub(" ", text).strip()


def _visible(tokens: list[Token]) -> str:
    parts = []
    for token in tokens:
        for child in token.children or []:
            if child.type in ("softbreak", "hardbreak"):
                parts.append(" ")
            elif child.type in ("text", "code_inline"):
                parts.append(child.content)
    return "".join(parts)


def count_words(text: str) -> int:
    """Return the number of words, a word being a run of characters between white space."""
    return len(text.split())
