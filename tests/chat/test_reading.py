"""Reading pages of the real corpus: nothing is left out, nothing is markup, and the cited words are marked."""

from __future__ import annotations

import html
import re

import pytest

from chat.guide import Guide
from chat.reading import read_spans, render_document, render_library, stretches
from chat.render import address_of
from indexer.sentences import reading_form


def page_of(guide: Guide, document_id: str, mark: str = "") -> str:
    index = guide.index
    return render_document(
        index.document(document_id), stretches(index, document_id), index.references, read_spans(mark)
    )


def words_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_every_document_has_a_page_that_shows_every_sentence_of_it(guide: Guide) -> None:
    index = guide.index
    shown = {name: words_of(page_of(guide, name)) for name in index.document_ids()}
    for passage in index.passages:
        for sentence in passage.sentences:
            said = " ".join(reading_form(passage.quote(sentence)).split())
            assert said in shown[passage.document_id], passage.passage_id


def test_the_contents_lead_to_headings_that_are_there_and_no_id_stands_twice(guide: Guide) -> None:
    for name in guide.index.document_ids():
        page = page_of(guide, name)
        ids = re.findall(r'id="([^"]+)"', page)
        assert len(ids) == len(set(ids)), name
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids), name


def test_a_citation_leads_to_its_own_words_marked(guide: Guide) -> None:
    reply = guide.reply("how long should no contact last?")
    for citation in reply.citations:
        address = address_of(citation)
        mark = address.split("mark=")[1].split("#")[0]
        page = page_of(guide, citation.document, mark)
        assert page.count('<mark id="cited"') == 1
        marked = [words_of(found) for found in re.findall(r"<mark[^>]*>(.*?)</mark>", page)]
        said = [s.text for s in reply.sentences if citation.n in s.citations]
        assert [" ".join(text.split()) for text in said] == marked


@pytest.mark.parametrize(
    "mark", ["", "x", "1-", "5-3,", "-", "1-2" * 9, "99999999-99999999", "1;DROP", "a" * 9999]
)
def test_marks_that_make_no_sense_mark_nothing(guide: Guide, mark: str) -> None:
    assert "<mark" not in page_of(guide, "articles/how-long", mark)


def test_a_pdf_names_its_pages(guide: Guide) -> None:
    page = words_of(page_of(guide, "notes/sbarra-contact-and-fading"))
    assert "Page 1 of the PDF" in page and "Page 3 of the PDF" in page


def test_references_stand_in_full_with_links_to_their_doi_and_their_limits(guide: Guide) -> None:
    page = page_of(guide, "articles/riding-out-the-urge")
    reference = guide.index.references["bowen-marlatt-2009"]
    assert f'href="https://doi.org/{reference.doi}"' in page
    assert html.escape(reference.limits) in page
    assert 'href="#ref-bowen-marlatt-2009"' in page
    assert page.count('id="ref-bowen-marlatt-2009"') == 1


def test_the_library_lists_every_document_once_under_its_kind(guide: Guide) -> None:
    page = render_library(guide.index)
    for name in guide.index.document_ids():
        assert page.count(f'<h3><a href="/read/{name}">') == 1
    assert page.index("Articles") < page.index("Questions and answers") < page.index("Research notes")


def test_questions_of_a_section_can_be_asked(guide: Guide) -> None:
    page = page_of(guide, "articles/how-long")
    asked = re.findall(r'href="/\?q=([^"]+)"', page)
    assert asked and all(" " not in question for question in asked)
