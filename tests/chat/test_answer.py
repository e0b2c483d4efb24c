from __future__ import annotations

import pytest

from chat.answer import compose_answer, quote_passage, render_text
from chat.fixed_texts import ASIDE
from indexer.encoder import Vectors
from indexer.markdown import read_markdown
from indexer.passages import split_passages
from indexer.types import Passage, Reference
from tests.conftest import WordEncoder

REFERENCES = {"lue": Reference("lue", "author", "Lue N", "2013", "The No Contact Rule")}
PHONE = "Put the phone in the kitchen drawer tonight. Ask a friend to hold it. Nobody has tested this."
LETTER = "- Write the letter on paper.\n- Keep the letter in a box.\n\nRead it again after a month."


def passages(
    text: str, topics: str = "instead", name: str = "articles/x.md", kind: str = "article"
) -> list[Passage]:
    source = f"---\ntitle: Evenings\ntopics: [{topics}]\nreferences: [lue]\n---\n\n{text}\n"
    return list(split_passages(read_markdown(name, kind, source)))  # type: ignore[arg-type]


def compose(words: WordEncoder, *ranked: tuple[Passage, float], **limits: int):  # type: ignore[no-untyped-def]
    def sentence_vectors(passage: Passage) -> Vectors:
        return words.encode([passage.quote(s) for s in passage.sentences])

    return compose_answer(ranked, words.encode(["phone drawer"]), sentence_vectors, REFERENCES, **limits)


def test_every_sentence_stands_word_for_word_in_the_quote_that_it_cites(words: WordEncoder) -> None:
    first, second = (
        passages(f"## Phone\n\n{PHONE}")[0],
        passages(f"## Letter\n\n{LETTER}", name="notes/y.md")[0],
    )
    answer = compose(words, (first, 0.9), (second, 0.8))
    quotes = {c.n: c.quote for c in answer.citations}
    assert len(quotes) == 2
    assert all(s.citations and s.text in quotes[s.citations[0]] for s in answer.sentences)


def test_sources_are_numbered_from_one_in_order_of_first_use(words: WordEncoder) -> None:
    first, second = (
        passages(f"## Phone\n\n{PHONE}")[0],
        passages(f"## Letter\n\n{LETTER}", name="notes/y.md")[0],
    )
    answer = compose(words, (first, 0.9), (second, 0.8))
    assert [c.n for c in answer.citations] == [1, 2]
    assert [c.document for c in answer.citations] == ["articles/x", "notes/y"]
    shown = [s.citations[0] for s in answer.sentences]
    assert shown == sorted(shown)


def test_a_passage_of_another_topic_or_far_below_is_not_quoted(words: WordEncoder) -> None:
    lead = passages(f"## Phone\n\n{PHONE}")[0]
    other_topic = passages(f"## Letter\n\n{LETTER}", topics="work", name="articles/y.md")[0]
    far = passages(f"## Letter\n\n{LETTER}", name="articles/z.md")[0]
    answer = compose(words, (lead, 0.9), (other_topic, 0.6), (far, 0.2))
    assert [c.document for c in answer.citations] == ["articles/x"]


def test_another_subject_that_fits_nearly_as_well_comes_last_and_says_so(words: WordEncoder) -> None:
    lead = passages(f"## Phone\n\n{PHONE}")[0]
    work = passages(f"## Letter\n\n{LETTER}", topics="work", name="articles/y.md")[0]
    law = passages(f"## Letter\n\n{LETTER}", topics="law", name="boundaries/z.md", kind="boundary")[0]
    same = passages("## Evening\n\nCook something that takes an hour.", name="articles/z.md")[0]
    answer = compose(words, (lead, 0.9), (law, 0.89), (work, 0.8), (same, 0.7))
    assert [c.document for c in answer.citations] == ["articles/x", "articles/z", "articles/y"]
    assert [s.opens_aside for s in answer.sentences] == [False] * 4 + [True, False, False]
    before, after = render_text(answer.sentences).split(f"\n\n{ASIDE}\n")
    assert "hour. [2]" in before and "letter on paper. [3]" in after
    assert len(compose(words, (lead, 0.9), (work, 0.8), most_passages=1).citations) == 1


def test_what_was_said_is_not_said_again(words: WordEncoder) -> None:
    lead, copy = passages(f"## Phone\n\n{PHONE}")[0], passages(f"## Phone\n\n{PHONE}", name="notes/y.md")[0]
    answer = compose(words, (lead, 0.9), (copy, 0.89))
    assert len(answer.citations) == 1


def test_a_long_passage_is_cut_to_its_opening_and_what_is_nearest(words: WordEncoder) -> None:
    filler = " ".join(f"Sentence number {n} speaks of gardens and rivers." for n in range(12))
    text = f"## Phone\n\nOpen with the answer. {filler} Put the phone in the drawer."
    lead = passages(text)[0]
    answer = compose(words, (lead, 0.9), most_words=40)
    texts = [s.text for s in answer.sentences]
    assert texts[0] == "Open with the answer."
    assert "Put the phone in the drawer." in texts
    assert sum(len(t.split()) for t in texts) <= 40


def test_a_sentence_that_points_back_is_not_shown_without_what_it_points_at(words: WordEncoder) -> None:
    filler = " ".join(f"Sentence number {n} speaks of gardens and rivers." for n in range(12))
    lead = passages(f"## Phone\n\nOpen with the answer. {filler} This drawer keeps the phone.")[0]
    answer = compose(words, (lead, 0.9), most_words=30)
    assert "This drawer keeps the phone." not in [s.text for s in answer.sentences]


def test_nothing_ranked_gives_an_empty_answer(words: WordEncoder) -> None:
    assert compose(words).sentences == ()
    assert render_text(()) == ""


def test_paragraphs_and_list_items_keep_their_form() -> None:
    answer = quote_passage(passages(f"## Letter\n\n{LETTER}")[0], REFERENCES)
    assert render_text(answer.sentences) == (
        "- Write the letter on paper. [1]\n- Keep the letter in a box. [1]\n\nRead it again after a month. [1]"
    )


def test_a_citation_says_what_kind_of_evidence_it_is() -> None:
    answer = quote_passage(passages(f"## Phone\n\n{PHONE}")[0], REFERENCES)
    assert answer.citations[0].evidence == ("an author's view",)


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_the_quote_stands_at_its_place_in_the_document(kept: int, words: WordEncoder) -> None:
    source = f"---\ntitle: Evenings\n---\n\n## Phone\n\n{PHONE}\n"
    document = read_markdown("articles/x.md", "article", source)
    (passage,) = split_passages(document)
    answer = compose(words, (passage, 0.9), most_words=9 * kept)
    for citation in answer.citations:
        assert document.text[citation.start : citation.end] == citation.quote
        assert all(document.text[a:b] in citation.quote for a, b in citation.spans)
