from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.documents import decode
from indexer.errors import DocumentError
from indexer.markdown import read_front_matter, read_markdown
from indexer.sentences import reading_form, split_sentences

PAGE = """---
title: How long?
summary: It depends.
topics: [duration]
references: [lue]
reviewed: 2026-11-23
---

## Where sixty days comes from

<!-- id: X1; topics: duration, motive; references: lue, preetz-2022 -->

Sixty days is a rule of thumb. Nobody has tested it.

- Pick a length.
- Write it down.

Read on: [Closure](../articles/closure.md)

Also asked:

- is it two months
- why 60?

## What then?

Look again.
"""


def quotes(text: str, kind: str = "article") -> list[list[str]]:
    document = read_markdown("articles/x.md", kind, text)  # type: ignore[arg-type]
    return [
        [document.text[s.start : s.end] for paragraph in section.paragraphs for s in paragraph]
        for section in document.sections
    ]


def test_front_matter_is_read_and_a_date_becomes_iso_text() -> None:
    document = read_markdown("articles/how-long.md", "article", PAGE)
    assert (document.document_id, document.title, document.summary) == (
        "articles/how-long",
        "How long?",
        "It depends.",
    )
    assert document.topics == ("duration",)
    assert document.reviewed == "2026-11-23"


def test_sections_hold_whole_sentences_and_neither_links_nor_wordings() -> None:
    assert quotes(PAGE) == [
        ["Sixty days is a rule of thumb.", "Nobody has tested it.", "Pick a length.", "Write it down."],
        ["Look again."],
    ]


def test_marks_and_wordings_belong_to_their_section() -> None:
    first, second = read_markdown("articles/x.md", "article", PAGE).sections
    assert first.mark == "X1"
    assert first.topics == ("duration", "motive")
    assert first.references == ("lue", "preetz-2022")
    assert first.questions == ("is it two months", "why 60?")
    assert second.questions == ("What then?",)  # a heading that asks is a question of its own


def test_a_heading_of_an_faq_is_a_question_without_a_question_mark() -> None:
    document = read_markdown("faq/x.md", "faq", "## They wrote to me\n\nYou owe no reply.\n")
    assert document.sections[0].questions == ("They wrote to me",)


def test_positions_count_from_the_start_of_the_file() -> None:
    document = read_markdown("articles/x.md", "article", PAGE)
    span = document.sections[0].paragraphs[0][0]
    assert PAGE[span.start : span.end] == "Sixty days is a rule of thumb."


def test_list_items_are_known_as_such() -> None:
    document = read_markdown("articles/x.md", "article", PAGE)
    flags = [s.is_item for paragraph in document.sections[0].paragraphs for s in paragraph]
    assert flags == [False, False, True, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "One line.\nStill the same paragraph. A third.\n",
            [["One line.", "Still the same paragraph.", "A third."]],
        ),
        ("> Quoted words.\n> More of them.\n", [["Quoted words.", "More of them."]]),
        (
            "1. First step.\n2. Second step.\n   It goes on.\n",
            [["First step.", "Second step.", "It goes on."]],
        ),
        ("| a | b |\n|---|---|\n| one | two |\n", [["| a | b |", "| one | two |"]]),
        ("<!-- only a remark -->\n\nText.\n", [["Text."]]),
        ("No front matter at all.", [["No front matter at all."]]),
        ("\ufeffWith a byte order mark.", [["With a byte order mark."]]),
    ],
)
def test_blocks_of_every_kind_give_sentences(text: str, expected: list[list[str]]) -> None:
    assert [[q.replace("\n> ", " ") for q in section] for section in quotes(text)] == expected


def test_a_title_comes_from_the_first_heading_where_no_front_matter_names_one() -> None:
    document = read_markdown("articles/x.md", "article", "# The title\n\nText.\n\n## Part\n\nMore.\n")
    assert document.title == "The title"
    assert [s.heading for s in document.sections] == [(), ("Part",)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("---\ntitle: [one\n---\n\nText.", "x.md:2: bad YAML in the front matter"),
        ("---\ntitle: a\nText without an end.", "never closed"),
        ("---\n- a\n- b\n---\n\nText.", "`key: value`"),
        ("---\ntopics: {a: 1}\n---\n\nText.", "`topics` in the front matter must be a list"),
        ("---\ntitle: Only this\n---\n\n", "there is no text in it"),
        ("# Heading only\n", "there is no text in it"),
    ],
)
def test_a_broken_file_is_named_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(DocumentError) as error:
        read_markdown("articles/x.md", "article", text)
    assert "articles/x.md" in str(error.value)
    assert why in str(error.value)


def test_text_in_another_encoding_is_named_with_its_line() -> None:
    with pytest.raises(DocumentError, match=r"x\.md:2: not UTF-8 \(byte 0xe9\); save it as UTF-8"):
        decode("x.md", b"one\ncaf\xe9")


def test_windows_line_ends_are_read_as_plain_ones() -> None:
    assert decode("x.md", b"a\r\nb\rc") == "a\nb\nc"


def test_a_file_without_front_matter_has_empty_front_matter() -> None:
    assert read_front_matter("x.md", "Text.").body_start == 0


@given(st.text(alphabet="aB .!?\n-#*>`|[]()<>:&\u2019\u201c1", max_size=300))
def test_any_markdown_gives_spans_that_quote_it(text: str) -> None:
    try:
        document = read_markdown("articles/x.md", "article", text)
    except DocumentError:
        return
    spans = [s for section in document.sections for paragraph in section.paragraphs for s in paragraph]
    assert spans
    assert all(document.text[s.start : s.end].strip() == document.text[s.start : s.end] for s in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@given(st.text(max_size=400))
def test_sentences_lose_no_letter(text: str) -> None:
    spans = split_sentences(text, 0, len(text))
    kept = "".join(text[s.start : s.end] for s in spans)
    letters = [c for c in text if c.isalnum()]
    assert [c for c in kept if c.isalnum()] == letters


def test_abbreviations_do_not_end_a_sentence() -> None:
    text = "Fisher et al. scanned 15 people, e.g. in 2010. Dr. Kim disagrees."
    assert [text[s.start : s.end] for s in split_sentences(text, 0, len(text))] == [
        "Fisher et al. scanned 15 people, e.g. in 2010.",
        "Dr. Kim disagrees.",
    ]


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("**bold** and _soft_", "bold and soft"),
        ("[words](https://example.org) here", "words here"),
        ("![picture](https://example.org/x.png)", ""),
        ("two\nlines", "two lines"),
        ("a <b>tag</b>", "a tag"),
    ],
)
def test_the_reading_form_has_no_markup(markdown: str, plain: str) -> None:
    assert reading_form(markdown) == plain
