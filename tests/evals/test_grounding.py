"""What the support test lets through, and what it must not."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from chat import fixed_texts
from chat.types import AnswerSentence, Citation, Reply
from evals.grounding import judge_reply, norm, stands, supports, whole_sentences
from evals.mutations import BREAKS

QUOTE = (
    "Lue argues for 60 days, and she does not call it a rule. In one study of 58 students, contact slowed the fading. "
    "Full no contact is not realistic when you have children together.\n\n- Write one line.\n- Then wait."
)
TEXT = f"## How long\n\n{QUOTE}\n\nRead on: more.\n"
START = TEXT.index(QUOTE)
CITATION = Citation(
    1, "p", "faq/x", "faq", "X", "How long", ("duration",), QUOTE, START, START + len(QUOTE), None
)
SENTENCES = (
    AnswerSentence("Lue argues for 60 days, and she does not call it a rule.", (1,)),
    AnswerSentence("Write one line.", (1,), is_item=True),
)
REPLY = Reply(
    "answer",
    "Lue argues for 60 days, and she does not call it a rule. [1]\n\n- Write one line. [1]",
    SENTENCES,
    (CITATION,),
)


def text_of(document: str) -> str:
    return {"faq/x": TEXT}[document]


def with_sentence(text: str, citations: tuple[int, ...] = (1,)) -> Reply:
    return replace(REPLY, sentences=(AnswerSentence(text, citations),))


def test_a_faithful_reply_is_grounded_in_every_way() -> None:
    verdict = judge_reply(REPLY, text_of)
    assert (verdict.recall, verdict.precision, verdict.coverage, verdict.validity) == (1, 1, 1, 1)
    assert verdict.grounded and verdict.nothing_else


def test_sentences_in_a_row_may_be_shown_as_one_but_four_may_not() -> None:
    sentences = whole_sentences(QUOTE)
    assert supports(" ".join(sentences[:3]), [QUOTE])
    assert not supports(" ".join(sentences[:4]), [QUOTE])
    assert not supports(f"{sentences[0]} {sentences[2]}", [QUOTE])


@pytest.mark.parametrize("name", BREAKS)
def test_an_edit_that_changes_the_meaning_is_not_supported(name: str) -> None:
    broken = [b for s in whole_sentences(QUOTE) if (b := BREAKS[name](s, Random(1))) is not None]
    if name == "name":
        broken.append(QUOTE.split(". ")[0].replace("Lue", "Kim") + ".")
    assert broken
    assert not any(supports(b, [QUOTE]) for b in broken)


def test_a_truncation_that_turns_the_sense_round_is_not_supported() -> None:
    assert not supports("No contact is not realistic.", [QUOTE])
    assert not supports("Full no contact is not realistic.", [QUOTE])
    for words in (
        "no contact is not realistic",
        "Full no contact is not realistic",
        "contact slowed the fading.",
    ):
        assert words in QUOTE
        assert not supports(words, [QUOTE])


def test_typography_may_differ() -> None:
    quote = "It\u2019s \u201cover\u201d \u2013 for now\u2026 Wait\u00a0a week."
    assert supports('It\'s "over" - for now... Wait a week.', [quote])


def test_letters_digits_and_capitals_may_not_differ() -> None:
    assert norm("10\u00b2") != norm("102")
    assert norm("US") != norm("us")
    assert norm("na\u0131ve") != norm("naive")


def test_markup_of_the_source_is_not_part_of_the_sentence() -> None:
    assert supports("Wait a week.", ["1. **Wait** a [week](x.md).\n2. Then look."])


def test_nothing_supports_a_blank_sentence_and_no_source_supports_any() -> None:
    assert not supports(" ", [QUOTE])
    assert not supports("Write one line.", [])


def test_a_wrong_number_is_neither_valid_nor_support() -> None:
    verdict = judge_reply(with_sentence("Write one line.", (2,)), text_of)
    assert (verdict.recall, verdict.precision, verdict.coverage, verdict.validity) == (0, 0, 0, 0)


def test_a_second_source_that_does_not_hold_the_sentence_lowers_precision() -> None:
    other = replace(
        CITATION, n=2, quote="Then wait.", start=TEXT.index("Then wait."), end=TEXT.index("Then wait.") + 10
    )
    reply = replace(with_sentence("Write one line.", (1, 2)), citations=(CITATION, other))
    verdict = judge_reply(reply, text_of)
    assert (verdict.recall, verdict.precision, verdict.validity) == (1, 0.5, 1)


def test_a_sentence_without_a_number_is_not_covered() -> None:
    verdict = judge_reply(with_sentence("Write one line.", ()), text_of)
    assert (verdict.recall, verdict.precision, verdict.coverage, verdict.validity) == (0, 0, 0, 0)


def test_a_quote_shifted_by_one_does_not_stand_where_it_says() -> None:
    assert stands(CITATION, TEXT)
    assert not stands(replace(CITATION, start=START + 1, end=CITATION.end + 1), TEXT)


@pytest.mark.parametrize(("start", "end"), [(1, 0), (0, -3), (4, 0)])
def test_a_quote_that_begins_or_ends_within_a_sentence_does_not_stand(start: int, end: int) -> None:
    first, last = START + start, CITATION.end + end
    assert not stands(replace(CITATION, quote=TEXT[first:last], start=first, end=last), TEXT)


def test_a_quote_may_begin_at_a_list_item_or_after_another_sentence() -> None:
    for words in ("Write one line.", "In one study of 58 students, contact slowed the fading."):
        at = TEXT.index(words)
        assert stands(replace(CITATION, quote=words, start=at, end=at + len(words)), TEXT)


def test_a_document_that_is_not_there_resolves_nothing() -> None:
    reply = replace(REPLY, citations=(replace(CITATION, document="faq/gone"),))
    assert judge_reply(reply, text_of).validity == 0


def test_an_answer_without_sentences_is_not_grounded() -> None:
    verdict = judge_reply(Reply("answer", "Just wait."), text_of)
    assert (verdict.grounded, verdict.recall, verdict.precision, verdict.nothing_else) == (False, 0, 0, False)


def test_words_that_no_source_stands_behind_are_seen() -> None:
    assert not judge_reply(replace(REPLY, text=f"{REPLY.text} It will pass."), text_of).nothing_else
    assert not judge_reply(replace(REPLY, text=REPLY.text.replace(" [1]", "", 1)), text_of).nothing_else


def test_fixed_words_of_care_are_counted_apart() -> None:
    assert judge_reply(
        replace(REPLY, text=f"{REPLY.text}\n\n{fixed_texts.SUPPORT_LINE}"), text_of
    ).nothing_else
