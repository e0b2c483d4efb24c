"""Make the PDFs of corpus/notes anew: `python tests/make_note_pdf.py`.

A note whose Markdown stands in corpus/notes is printed beside it, for readers who want to keep it:
once there is a PDF of that name, it is kept up to date. `python tests/make_note_pdf.py NOTE.md NOTE.pdf`
makes a first one, or any other.

The same Markdown gives the same bytes (reportlab's invariant mode), so a rebuilt
PDF that did not change is not a change in the corpus.
"""

from __future__ import annotations

import argparse
import html
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import reportlab
import yaml
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph

ROOT = Path(__file__).parent.parent
NOTES = ROOT / "corpus" / "notes"
# The one note that is a PDF and nothing else, so that the guide goes on showing that it can read them.
PDF_ONLY = {NOTES / "sbarra-contact-and-fading.pdf": ROOT / "tests" / "data" / "note-sbarra.md"}

# Bitstream Vera comes with reportlab and may be embedded freely; an embedded
# font keeps its character map, so that readers get the words and not glyph numbers.
FONTS = Path(reportlab.__file__).parent / "fonts"
PLAIN, BOLD = "Vera", "VeraBd"

TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=17, leading=22, spaceAfter=4 * mm, keepWithNext=1)
SUMMARY = ParagraphStyle("summary", fontName=PLAIN, fontSize=11, leading=17.5, spaceAfter=4 * mm)
HEADING = ParagraphStyle(
    "heading",
    fontName=BOLD,
    fontSize=13.5,
    leading=19,
    spaceBefore=6 * mm,
    spaceAfter=2.5 * mm,
    keepWithNext=1,
)
BODY = ParagraphStyle("body", fontName=PLAIN, fontSize=11, leading=17.5, spaceAfter=3 * mm)


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its front matter, and its paragraphs under each heading, in reading order."""

    title: str
    summary: str
    keywords: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def read_note(text: str) -> Note:
    """Read a note with front matter and `## headings`; one line is one paragraph."""
    opening, front, body = text.split("---\n", 2)
    if opening.strip():
        raise ValueError("a note starts with its front matter, between two lines of ---")
    fields: dict[str, Any] = yaml.safe_load(front)
    sections = []
    for part in body.split("\n## ")[1:]:
        heading, *lines = part.strip().split("\n")
        sections.append((heading, tuple(line for line in lines if line.strip())))
    return Note(fields["title"], fields["summary"], keywords(fields), tuple(sections))


def keywords(fields: dict[str, Any]) -> str:
    """The rest of the front matter in one line, as the mark lines of an article have it.

    Lists are joined by commas: "id: RN-04; topics: recovery, closure; reviewed: 2026-11-23".
    """
    kept = {key: value for key, value in fields.items() if key not in ("title", "summary")}
    return "; ".join(
        f"{key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in kept.items()
    )


class NotePages(BaseDocTemplate):
    """Pages with a running footer; every heading becomes a bookmark."""

    def __init__(self, path: Path, note: Note) -> None:
        super().__init__(
            str(path),
            pagesize=A4,
            leftMargin=30 * mm,
            rightMargin=30 * mm,
            topMargin=28 * mm,
            bottomMargin=32 * mm,
            title=note.title,
            author="The no-contact guide",
            subject=note.summary,
            keywords=note.keywords,
            lang="en-GB",
            invariant=1,
        )
        frame = Frame(self.leftMargin, self.bottomMargin, self.width, self.height, id="text")
        self.addPageTemplates(PageTemplate(frames=[frame], onPageEnd=partial(draw_footer, title=note.title)))

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802, reportlab's name for it
        """Bookmark a heading on the page where it landed."""
        if not isinstance(flowable, Paragraph) or flowable.style not in (TITLE, HEADING):
            return
        key = f"heading-{self.seq.next('heading')}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(flowable.getPlainText(), key, level=0 if flowable.style is TITLE else 1)


def draw_footer(canvas: Any, pages: NotePages, *, title: str) -> None:
    canvas.saveState()
    canvas.setFont(PLAIN, 8)
    canvas.drawString(pages.leftMargin, 18 * mm, title)
    canvas.drawRightString(A4[0] - pages.rightMargin, 18 * mm, f"Page {pages.page}")
    canvas.restoreState()


def write_pdf(note: Note, path: Path) -> None:
    """Write `note` as an A4 PDF, with its title and the other front matter as metadata."""
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / f"{name}.ttf")))
    story: list[Flowable] = [paragraph(note.title, TITLE), paragraph(note.summary, SUMMARY)]
    for heading, lines in note.sections:
        story.append(paragraph(heading, HEADING))
        story += [paragraph(line, BODY) for line in lines]
    NotePages(path, note).build(story)


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(html.escape(text, quote=False), style)


def note_pdfs() -> dict[Path, Path]:
    """Every PDF of corpus/notes, and the Markdown that it is made from."""
    return {pdf: PDF_ONLY.get(pdf, pdf.with_suffix(".md")) for pdf in sorted(NOTES.glob("*.pdf"))}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make note PDFs from Markdown notes.")
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="NOTE.md NOTE.pdf: a note with front matter, and where to write it (default: all of corpus/notes)",
    )
    files = parser.parse_args().files
    if len(files) not in (0, 2):
        parser.error("name a note and a PDF, or nothing")
    for pdf, source in ({files[1]: files[0]} if files else note_pdfs()).items():
        write_pdf(read_note(source.read_text(encoding="utf-8")), pdf)


if __name__ == "__main__":
    main()
