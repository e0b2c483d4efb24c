from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from indexer.markdown import read_markdown
from indexer.passages import MAX_WORDS, MIN_WORDS, split_passages
from indexer.types import Document, Passage

WORDS = "quiet phone letter friend morning window"


def document(text: str, kind: str = "article") -> Document:
    return read_markdown("articles/x.md", kind, text)  # type: ignore[arg-type]


def sentence(words: int, start: str = "Here") -> str:
    return " ".join([start, *(WORDS.split() * 40)[: words - 1]]) + "."


def size(passage: Passage) -> int:
    return sum(len(passage.quote(s).split()) for s in passage.sentences)


def test_a_section_of_ordinary_length_is_one_passage() -> None:
    text = f"## One\n\n{sentence(60)}\n\n{sentence(50)}\n\n## Two\n\n{sentence(90)}\n"
    assert [size(p) for p in split_passages(document(text))] == [110, 90]


def test_a_long_section_is_cut_between_paragraphs() -> None:
    text = "## One\n\n" + "\n\n".join(sentence(70) for _ in range(5))
    sizes = [size(p) for p in split_passages(document(text))]
    assert sum(sizes) == 350
    assert all(MIN_WORDS <= n <= MAX_WORDS for n in sizes)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = "## One\n\n" + " ".join(sentence(50) for _ in range(6))
    passages = split_passages(document(text))
    assert len(passages) > 1
    assert all(p.text.endswith(".") and p.text.startswith("Here") for p in passages)


def test_a_single_endless_sentence_stays_whole() -> None:
    (passage,) = split_passages(document(f"## One\n\n{sentence(230)}\n"))
    assert size(passage) == 230


def test_short_sections_of_an_article_are_joined() -> None:
    text = f"## One\n\n{sentence(15)}\n\n## Two\n\n{sentence(20)}\n\n## Three\n\n{sentence(100)}\n"
    assert [size(p) for p in split_passages(document(text))] == [135]


def test_short_sections_of_different_topics_are_not_joined() -> None:
    text = f"## One\n\n<!-- topics: work -->\n\n{sentence(15)}\n\n## Two\n\n<!-- topics: friends -->\n\n{sentence(20)}\n"
    assert [p.topics for p in split_passages(document(text))] == [("work",), ("friends",)]


def test_entries_of_an_faq_are_never_joined() -> None:
    text = f"## One?\n\n{sentence(10)}\n\n## Two?\n\n{sentence(12)}\n"
    assert [p.questions for p in split_passages(document(text, "faq"))] == [("One?",), ("Two?",)]


def test_an_edit_moves_only_the_id_of_the_passage_that_it_touched() -> None:
    text = f"## One\n\n{sentence(60)}\n\n## Two\n\n{sentence(60)}\n"
    before = [p.passage_id for p in split_passages(document(text))]
    after = [p.passage_id for p in split_passages(document(text.replace("Here quiet", "There quiet", 1)))]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_two_passages_with_the_same_words_have_different_ids() -> None:
    text = f"## One\n\n{sentence(60)}\n\n## One\n\n{sentence(60)}\n"
    ids = [p.passage_id for p in split_passages(document(text))]
    assert len(set(ids)) == 2


def test_topics_and_references_come_from_the_section_and_else_from_the_document() -> None:
    text = (
        "---\ntopics: [basics]\nreferences: [lue]\n---\n\n"
        f"## One\n\n<!-- topics: work -->\n\n{sentence(60)}\n\n## Two\n\n{sentence(60)}\n"
    )
    first, second = split_passages(document(text))
    assert (first.topics, first.references) == (("work",), ("lue",))
    assert (second.topics, second.references) == (("basics",), ("lue",))


paragraphs = st.lists(st.integers(3, 260), min_size=1, max_size=6)


@given(st.lists(paragraphs, min_size=1, max_size=6), st.sampled_from(["article", "faq", "note"]))
def test_passages_quote_their_document_and_leave_nothing_out(sections: list[list[int]], kind: str) -> None:
    text = "\n\n".join(
        f"## Part {n}\n\n"
        + "\n\n".join(f"{sentence(size // 2 + 1)} {sentence(size // 2 + 1)}" for size in sizes)
        for n, sizes in enumerate(sections)
    )
    parsed = document(text, kind)
    passages = split_passages(parsed)
    assert all(parsed.text[p.start : p.end] == p.text for p in passages)
    assert all(parsed.text[s.start : s.end] == p.quote(s) for p in passages for s in p.sentences)
    spans = [s for p in passages for s in p.sentences]
    assert spans == [s for section in parsed.sections for paragraph in section.paragraphs for s in paragraph]
    body = re.sub(r"## Part \d+", "", text)
    assert "".join("".join(p.quote(s) for s in p.sentences) for p in passages).split() or not body.strip()
