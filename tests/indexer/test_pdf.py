from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

from indexer.documents import read_documents
from indexer.errors import DocumentError
from indexer.passages import split_passages
from indexer.pdf import read_pdf
from tests.conftest import ROOT, write_corpus
from tests.make_note_pdf import read_note, write_pdf

BODY = (
    "The students carried a beeper for four weeks and wrote down how they felt. "
    "Those who had been in touch felt sad for longer, which says nothing about the cause. "
    "The sample was small and young, and nobody was asked to stay away from the other person."
)


def make_pdf(*, keywords: str = "") -> bytes:
    styles = getSampleStyleSheet()
    target = BytesIO()

    def footer(canvas: object, template: object) -> None:
        canvas.drawString(40, 20, "A running footer")  # type: ignore[attr-defined]
        canvas.drawString(200, 20, str(canvas.getPageNumber()))  # type: ignore[attr-defined]

    template = SimpleDocTemplate(target, pagesize=A5, title="A note on beepers", keywords=keywords)
    story = [
        Paragraph("A note on beepers", styles["Title"]),
        Paragraph("Who took part", styles["Heading1"]),
        Paragraph(BODY, styles["BodyText"]),
        PageBreak(),
        Paragraph("What it found", styles["Heading1"]),
        Paragraph(BODY.replace("beeper", "diary"), styles["BodyText"]),
        Paragraph("What it cannot tell", styles["Heading2"]),
        Paragraph(BODY.replace("beeper", "notebook"), styles["BodyText"]),
    ]
    template.build(story, onFirstPage=footer, onLaterPages=footer)
    return target.getvalue()


def test_headings_pages_and_sentences_are_found() -> None:
    document = read_pdf("notes/x.pdf", "note", make_pdf())
    assert document.title == "A note on beepers"
    assert [(s.heading, s.pages) for s in document.sections] == [
        (("Who took part",), (1,)),
        (("What it found",), (2,)),
        (("What it found", "What it cannot tell"), (2,)),
    ]
    spans = document.sections[0].paragraphs[0]
    assert document.text[spans[0].start : spans[0].end] == (
        "The students carried a beeper for four weeks and wrote down how they felt."
    )


def test_running_footers_and_page_numbers_are_left_out() -> None:
    assert "running footer" not in read_pdf("notes/x.pdf", "note", make_pdf()).text


def test_passages_of_a_pdf_know_their_page() -> None:
    document = read_pdf("notes/x.pdf", "note", make_pdf())
    passages = split_passages(document)
    assert {p.page for p in passages} == {1, 2}
    assert all(document.text[p.start : p.end] == p.text for p in passages)


def test_topics_may_stand_in_the_keywords() -> None:
    document = read_pdf("notes/x.pdf", "note", make_pdf(keywords="topics: recovery, basics; references: lue"))
    assert document.topics == ("recovery", "basics")
    assert document.references == ("lue",)


NOTE = """---
title: A note on beepers
summary: Students wrote down how they felt whenever a beeper went off.
---

## Who took part

The students carried a beeper for four weeks and wrote down how they felt.

## What it found

Those who had been in touch felt sad for longer. The sample was small and young, and nobody was asked to stay away.
"""


def with_a_copy(folder: Path, note: str) -> Path:
    """A corpus of one Markdown note and a PDF of the same name, made from NOTE."""
    write_corpus(folder, {"notes/beepers.md": note})
    write_pdf(read_note(NOTE), folder / "notes/beepers.pdf")
    return folder


def test_a_pdf_beside_its_markdown_is_no_second_document(tmp_path: Path) -> None:
    corpus = read_documents(with_a_copy(tmp_path, NOTE))
    assert [d.path for d in corpus.documents] == ["notes/beepers.md"]
    assert corpus.problems == ()


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("four weeks", "six weeks", 1),
        NOTE.replace("The sample was small and young, and nobody", "Nobody", 1),
        NOTE + "\nOne more sentence stands here now.\n",
        "---\ntitle: Another note\n---\n\n## Drawer\n\nPut the phone in a drawer before you sleep.\n",
    ],
    ids=["another number", "a shorter sentence", "a sentence more", "another text"],
)
def test_a_copy_that_says_something_else_is_a_problem_and_the_markdown_stands(
    tmp_path: Path, note: str
) -> None:
    corpus = read_documents(with_a_copy(tmp_path, note))
    assert [d.path for d in corpus.documents] == ["notes/beepers.md"]
    assert [str(p) for p in corpus.problems] == [
        "notes/beepers.pdf: does not say what notes/beepers.md says; "
        "make the PDF anew, or rename it if it is another text"
    ]


def test_a_copy_does_not_stand_in_for_a_broken_markdown_file(tmp_path: Path) -> None:
    corpus = read_documents(with_a_copy(tmp_path, "---\ntitle: [one\n---\n\nText.\n"))
    assert corpus.documents == ()
    assert [p.path for p in corpus.problems] == ["notes/beepers.md"]


def encrypted() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(make_pdf())))
    writer.encrypt("secret", algorithm="RC4-128")
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def without_text() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (encrypted(), "encrypted PDF: save a copy without a password"),
        (b"%PDF-1.7\nnothing that a reader could use", "damaged PDF"),
        (make_pdf()[: len(make_pdf()) // 2], "damaged PDF"),
        (b"plain words", "damaged PDF"),
        (without_text(), "there is no text in it"),
    ],
    ids=["encrypted", "garbage", "cut in half", "no PDF at all", "no text"],
)
def test_a_broken_pdf_is_named_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_pdf("notes/x.pdf", "note", data)


def test_the_corpus_has_a_pdf_with_several_headings_and_pages() -> None:
    documents = [d for d in read_documents(ROOT / "corpus").documents if Path(d.path).suffix == ".pdf"]
    assert documents
    for document in documents:
        assert len(document.sections) >= 3
        assert len({page for section in document.sections for page in section.pages}) >= 2
