"""PDF files, read with pypdf: headings by font size, paragraphs, the page of each section."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from indexer.errors import DocumentError
from indexer.sentences import split_sentences
from indexer.types import Document, Kind, Section

HEADING_SCALE = 1.12  # a line this much larger than the body is a heading
HEADING_WORDS = 14  # and it is short
_PAGE_NUMBER = re.compile(r"(?:page\s*)?\d{1,4}(?:\s*(?:of|/)\s*\d{1,4})?", re.IGNORECASE)
_BULLET = re.compile(r"^[•‣▪◦\-–*]\s+")


@dataclass
class _Line:
    text: str
    size: float  # points
    y: float  # points from the bottom of the page
    page: int  # 1-based


@dataclass
class _Block:
    """A heading or a paragraph, with the page on which it starts."""

    text: str
    page: int
    rank: int = 0  # 0 for a paragraph, 1 for the largest heading, and so on
    is_item: bool = False


@dataclass
class _Draft:
    heading: tuple[str, ...]
    blocks: list[_Block] = field(default_factory=list)


def read_pdf(path: str, kind: Kind, data: bytes) -> Document:
    """Return the document that stands in a PDF.

    Raises `DocumentError` for a file that is encrypted, damaged, or has no text in it.
    """
    reader = _open(path, data)
    try:
        lines = [line for number, page in enumerate(reader.pages, 1) for line in _lines(page, number)]
        title = _metadata_title(reader)
    except Exception as error:  # pypdf raises many kinds on damaged content streams
        raise DocumentError(path, f"damaged PDF: {error}") from error
    blocks = _blocks(_without_running_lines(lines))
    if not any(b.rank == 0 for b in blocks):
        raise DocumentError(path, "there is no text in it (scanned pages need text recognition first)")
    if not title and blocks[0].rank == 1:
        title = blocks[0].text
    document_id = path.rsplit(".", 1)[0]
    title = title or document_id.rsplit("/", 1)[-1].replace("-", " ").capitalize()
    text, sections = _assemble(blocks, title)
    return Document(
        document_id=document_id,
        kind=kind,
        path=path,
        title=title,
        summary="",
        text=text,
        sections=sections,
        **_metadata(reader),
    )


def _open(path: str, data: bytes) -> PdfReader:
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(path, "encrypted PDF: save a copy without a password")
        _ = len(reader.pages)
    except DocumentError:
        raise
    except (PyPdfError, ValueError, KeyError, OSError, RecursionError, AttributeError, TypeError) as error:
        raise DocumentError(path, f"damaged PDF: {error}") from error
    except ImportError as error:  # AES without the cryptography package
        raise DocumentError(path, "encrypted PDF: save a copy without a password") from error
    return reader


def _metadata_title(reader: PdfReader) -> str:
    title = reader.metadata.title if reader.metadata else None
    return " ".join(title.split()) if title and title.lower() not in ("untitled", "(anonymous)") else ""


def _metadata(reader: PdfReader) -> dict[str, Any]:
    """Topics and references may stand in the PDF's keywords: `topics: a, b; references: c`."""
    keywords = str(reader.metadata.get("/Keywords") or "") if reader.metadata else ""
    found: dict[str, Any] = {}
    for part in keywords.split(";"):
        key, _, value = part.partition(":")
        words = tuple(w.strip() for w in value.split(",") if w.strip())
        if key.strip() in ("topics", "references"):
            found[key.strip()] = words
        elif key.strip() in ("id", "reviewed") and words:
            found["mark" if key.strip() == "id" else "reviewed"] = words[0]
    return found


def _lines(page: Any, number: int) -> list[_Line]:
    """Gather the page's text fragments into lines, in the order in which they are drawn."""
    lines: list[_Line] = []

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        points = size * (abs(tm[3] * cm[3]) or abs(tm[0] * cm[0]) or 1.0)
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]  # text space to page space
        for index, piece in enumerate(text.split("\n")):
            starts_new = index > 0 or not lines or (abs(lines[-1].y - y) > points * 0.4 and piece.strip())
            if starts_new:
                lines.append(_Line(piece, points, y, number))
            else:
                lines[-1].text += piece
                if piece.strip():
                    lines[-1].size = max(lines[-1].size, points)

    page.extract_text(visitor_text=visit)
    kept = []
    for line in lines:
        line.text = " ".join(line.text.split())
        if line.text:
            kept.append(line)
    return kept


def _without_running_lines(lines: list[_Line]) -> list[_Line]:
    """Leave out page numbers, and headers and footers that stand on most of the pages."""
    pages: dict[int, list[_Line]] = {}
    for line in lines:
        pages.setdefault(line.page, []).append(line)
    edges = {id(x) for page in pages.values() for x in _edge_lines(page)}
    seen = Counter(shape for page in pages.values() for shape in {_shape(x) for x in _edge_lines(page)})
    running = {shape for shape, count in seen.items() if count >= max(2, 0.6 * len(pages))}
    return [
        x for x in lines if id(x) not in edges or not (_PAGE_NUMBER.fullmatch(x.text) or _shape(x) in running)
    ]


def _edge_lines(page: list[_Line]) -> list[_Line]:
    """The two highest and the two lowest lines of a page, and what stands level with them."""
    heights = sorted({round(x.y) for x in page})
    edges = {*heights[:2], *heights[-2:]}
    return [x for x in page if round(x.y) in edges]


def _shape(line: _Line) -> str:
    return re.sub(r"\d+", "#", line.text)


def _blocks(lines: list[_Line]) -> list[_Block]:
    """Join lines into headings and paragraphs; a paragraph may run on over a page break."""
    if not lines:
        return []
    body = statistics.median(x.size for x in lines for _ in range(len(x.text)))
    sizes = sorted({round(x.size, 1) for x in lines if _is_heading(x, body)}, reverse=True)
    leading = _leading(lines)
    blocks: list[_Block] = []
    previous: _Line | None = None
    for line in lines:
        rank = sizes.index(round(line.size, 1)) + 1 if _is_heading(line, body) else 0
        is_item = rank == 0 and bool(_BULLET.match(line.text))
        text = _BULLET.sub("", line.text) if is_item else line.text
        if previous and blocks and _continues(blocks[-1], previous, line, rank, is_item, leading):
            blocks[-1].text = _join(blocks[-1].text, text)
        else:
            blocks.append(_Block(text, line.page, rank, is_item))
        previous = line
    return blocks


def _is_heading(line: _Line, body: float) -> bool:
    return line.size >= body * HEADING_SCALE and len(line.text.split()) <= HEADING_WORDS


def _leading(lines: list[_Line]) -> float:
    """The usual distance between two lines, in points."""
    steps = [a.y - b.y for a, b in pairwise(lines) if a.page == b.page and a.y > b.y]
    return statistics.median(steps) if steps else 0.0


def _continues(block: _Block, previous: _Line, line: _Line, rank: int, is_item: bool, leading: float) -> bool:
    if rank != block.rank or is_item:
        return False
    if line.page != previous.page:
        return rank == 0 and not previous.text.endswith((".", "!", "?", ":"))
    usual = line.size if rank else leading  # a wrapped heading is set by its own size
    return abs(previous.y - line.y) <= usual * 1.35


def _join(left: str, right: str) -> str:
    if re.search(r"[a-z]-$", left) and right[:1].islower():
        return left[:-1] + right
    return f"{left} {right}"


def _assemble(blocks: list[_Block], title: str) -> tuple[str, tuple[Section, ...]]:
    """Lay the blocks out as one text, and say where each section's sentences stand in it."""
    pieces: list[str] = []
    length = 0
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    draft = _Draft(())
    starts: dict[int, int] = {}
    for block in blocks:
        starts[id(block)] = length
        pieces.append(block.text)
        length += len(block.text) + 2
    text = "\n\n".join(pieces)

    def finish() -> None:
        paragraphs, pages = [], []
        for block in draft.blocks:
            at = starts[id(block)]
            spans = split_sentences(text, at, at + len(block.text), is_item=block.is_item)
            if spans:
                paragraphs.append(tuple(spans))
                pages.append(block.page)
        if paragraphs:
            questions = tuple(h for h in draft.heading[-1:] if h.endswith("?"))
            sections.append(
                Section(draft.heading, tuple(paragraphs), questions=questions, pages=tuple(pages))
            )

    for block in blocks:
        if block.rank:
            finish()
            path = [(r, t) for r, t in path if r < block.rank] + [(block.rank, block.text)]
            draft = _Draft(tuple(t for _, t in path if t != title))
        else:
            draft.blocks.append(block)
    finish()
    return text, tuple(sections)
