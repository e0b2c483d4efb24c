"""Links between the files of the corpus: the file is there, and so is the heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from indexer.documents import decode
from indexer.lint_finding import Finding, is_markdown, markdown_files

_MARKDOWN = MarkdownIt("commonmark")
_NOT_SLUG = re.compile(r"[^\w\- ]")


def check_links(folder: Path) -> Iterator[Finding]:
    """Relative links of every Markdown file, also of README.md. Web addresses are not opened."""
    for name, text in markdown_files(folder):
        for line, address in _links(text):
            if fault := _fault(folder / name, address):
                yield Finding(name, line, "link", f"the link to {address} {fault}", "Mend the link.")


def _links(text: str) -> Iterator[tuple[int, str]]:
    for token in _MARKDOWN.parse(text):
        for child in token.children or []:
            if child.type in ("link_open", "image"):
                address = str(child.attrGet("href") or child.attrGet("src") or "")
                yield (token.map[0] + 1 if token.map else 0), address


def _fault(path: Path, address: str) -> str | None:
    """Return what is wrong with a link from the file `path`, or None."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = path.parent / unquote(parts.path) if parts.path else path
    if not target.exists():
        return "leads to no file"
    if parts.fragment and is_markdown(target.name):
        text = decode(target.name, target.read_bytes())
        if unquote(parts.fragment) not in set(_anchors(_MARKDOWN.parse(text))):
            return "leads to no heading of that file"
    return None


def _anchors(tokens: list[Token]) -> Iterator[str]:
    """Yield the anchor of each heading as code hosts write it: lower case, hyphens for spaces."""
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            words = tokens[position + 1].content
            yield _NOT_SLUG.sub("", words.strip().lower()).replace(" ", "-")
