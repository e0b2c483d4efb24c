"""The PDFs of corpus/notes: made from Markdown, up to date, and never a second time in the index."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.documents import read_document, read_documents
from tests.conftest import ROOT
from tests.make_note_pdf import PDF_ONLY, note_pdfs, read_note, write_pdf

CORPUS = ROOT / "corpus"
PDFS = note_pdfs()
SMALL = 64_000  # bytes; two embedded fonts take about 40,000 of them


def test_at_least_six_notes_can_be_had_as_a_pdf() -> None:
    assert len(PDFS) >= 6


@pytest.mark.parametrize("pdf", PDFS, ids=lambda path: path.stem)
def test_a_pdf_says_what_its_markdown_says_now(pdf: Path, tmp_path: Path) -> None:
    made = tmp_path / pdf.name
    write_pdf(read_note(PDFS[pdf].read_text(encoding="utf-8")), made)
    name = pdf.relative_to(CORPUS).as_posix()
    assert read_document(pdf, name) == read_document(made, name), "run python tests/make_note_pdf.py"


@pytest.mark.parametrize("pdf", sorted(PDFS.keys() - PDF_ONLY.keys()), ids=lambda path: path.stem)
def test_a_printed_copy_carries_the_front_matter_and_the_headings_of_its_note(pdf: Path) -> None:
    copy = read_document(pdf, f"notes/{pdf.name}")
    note = read_document(PDFS[pdf], f"notes/{PDFS[pdf].name}")
    for field in ("document_id", "title", "topics", "references", "reviewed", "mark"):
        assert getattr(copy, field) == getattr(note, field)
    assert [s.heading for s in copy.sections if s.heading] == [s.heading for s in note.sections]
    assert note.summary in copy.text


def test_the_same_note_gives_the_same_small_file(tmp_path: Path) -> None:
    note = read_note((CORPUS / "notes/ohara-2020.md").read_text(encoding="utf-8"))
    write_pdf(note, tmp_path / "one.pdf")
    write_pdf(note, tmp_path / "two.pdf")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    write_pdf(replace(note, summary="Another summary."), tmp_path / "two.pdf")
    assert (tmp_path / "one.pdf").read_bytes() != (tmp_path / "two.pdf").read_bytes()
    assert max(pdf.stat().st_size for pdf in PDFS) < SMALL


def test_no_note_is_in_the_index_twice() -> None:
    notes = [d for d in read_documents(CORPUS).documents if d.kind == "note"]
    assert [d.mark for d in notes] == list(dict.fromkeys(d.mark for d in notes))
    read_as_pdf = {CORPUS / d.path for d in notes if d.path.endswith(".pdf")}
    assert read_as_pdf == set(PDF_ONLY)
