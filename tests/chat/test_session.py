"""A conversation as the window holds it."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from chat.guide import Guide
from chat.http import MAX_WINDOW_BODY
from chat.session import (
    MOST_EXCHANGES,
    REMEMBERED_TURNS,
    STARTERS,
    Exchange,
    continue_conversation,
    guess_country,
    messages_of,
    pack,
    standing_helplines,
    starters,
    turns_of,
    unpack,
    with_country,
)
from chat.types import Citation, Reply, Turn
from tests.chat.fake_guide import TEXT, FakeGuide

WRONG: list[dict[str, object]] = [
    {"text": 3},
    {"turn": "1"},
    {"suggestions": [1]},
    {"suggestions": None},
    {"more": "x"},
]


def exchange(question: str, turn: int = 1) -> Exchange:
    return Exchange.from_reply(question, Reply("answer", "b"), "", turn, "")


def test_the_guide_gets_the_turns_as_plain_text(guide: Guide) -> None:
    fake = FakeGuide()
    conversation, _ = continue_conversation(fake, (), "how long?", "GB")  # type: ignore[arg-type]
    continue_conversation(fake, conversation, "and then?", "")  # type: ignore[arg-type]
    assert fake.asked == [
        ("how long?", (), "GB"),
        ("and then?", (Turn("user", "how long?"), Turn("assistant", "Sixty days.")), None),
    ]


def test_a_very_long_conversation_goes_along_with_its_last_turns() -> None:
    exchanges = tuple(exchange(str(n)) for n in range(REMEMBERED_TURNS))
    turns = turns_of(exchanges)
    assert len(turns) == REMEMBERED_TURNS
    assert turns[-2] == Turn("user", str(REMEMBERED_TURNS - 1))


def test_sources_stay_as_they_were_when_the_index_changes() -> None:
    fake = FakeGuide()
    citation = Citation(1, "p1", "faq/a", "faq", "Questions", "How long?", (), TEXT, 0, len(TEXT), None)
    fake.reply_with = Reply("answer", TEXT, citations=(citation,))
    (kept,), _ = continue_conversation(fake, (), "how long?", "")  # type: ignore[arg-type]
    assert f"<mark>{TEXT}</mark>" in kept.sources
    assert 'id="source-1-1"' in kept.sources


def test_messages_alternate_and_links_count_the_replies() -> None:
    conversation = (exchange("a"), exchange("c", turn=2))
    messages = messages_of(conversation)
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2
    assert 'id="reply-2"' in messages[3]["content"]


def test_another_country_changes_the_helplines_of_a_referral_and_nothing_else(guide: Guide) -> None:
    first, _ = continue_conversation(guide, (), "how long should no contact last?", "GB")
    conversation, _ = continue_conversation(guide, first, "I want to kill myself", "GB")
    changed = with_country(guide, conversation, "US")
    american, _ = continue_conversation(guide, first, "I want to kill myself", "US")
    assert changed == american
    assert changed[0] == conversation[0]
    assert "tel:988" in changed[1].html and "tel:116123" in conversation[1].html
    assert with_country(guide, changed, "GB") == conversation


def test_a_page_hands_back_the_conversation_that_it_was_given(guide: Guide) -> None:
    conversation, _ = continue_conversation(guide, (), "how long should no contact last?", "GB")
    conversation, _ = continue_conversation(guide, conversation, "I want to kill myself 😔", "GB")
    assert unpack(pack(conversation)) == conversation
    assert unpack(pack(())) == ()


@pytest.mark.parametrize(
    "held",
    ["", "x", "{}", "[1]", "[{}]", '[{"suggestions": []}]', "null", "7", "[" * 100_000, '{"a": [1]}']
    + [json.dumps([asdict(exchange) | wrong]) for exchange in [Exchange(1, *"abcde")] for wrong in WRONG],
)
def test_what_is_no_conversation_is_taken_as_an_empty_one(held: str) -> None:
    assert unpack(held) == ()


def test_the_longest_conversation_that_a_page_holds_fits_into_a_request(guide: Guide) -> None:
    conversation, _ = continue_conversation(guide, (), "how long should no contact last?", "GB")
    (held,) = conversation
    assert len(pack((held,) * MOST_EXCHANGES).encode()) < MAX_WINDOW_BODY / 1.2  # JSON within JSON


def test_a_page_cannot_hand_back_more_than_it_may_hold() -> None:
    many = tuple(exchange(str(n)) for n in range(MOST_EXCHANGES + 5))
    assert unpack(pack(many)) == many[5:]


def test_the_numbers_in_the_links_go_on_where_old_exchanges_were_dropped() -> None:
    held = tuple(exchange(str(n), turn=n) for n in range(6, 9))
    longer, _ = continue_conversation(FakeGuide(), held, "how long?", "")  # type: ignore[arg-type]
    assert longer[-1].turn == 9 and 'id="reply-9"' in longer[-1].html


@pytest.mark.parametrize(
    ("header", "country"),
    [
        ("en-GB,en;q=0.9", "GB"),
        ("en-us", "US"),
        ("de-CH;q=1", ""),
        ("en,en-GB;q=0.9", ""),
        ("zh-Hans-US", "US"),
        ("", ""),
        ("<x-GB", "GB"),
    ],
)
def test_the_country_is_guessed_from_the_first_language_only(header: str, country: str) -> None:
    assert guess_country(header, ["GB", "US"]) == country


def test_the_standing_helplines_begin_with_the_emergency_number_and_repeat_nothing(guide: Guide) -> None:
    lines = standing_helplines(guide, "GB")
    assert lines[0].purpose == "emergency" and lines[0].phone and "999" in lines[0].phone
    assert len(lines) == len(set(lines))
    assert {"suicide", "domestic_violence"} <= {line.purpose for line in lines}


def test_every_starter_stands_in_the_library_and_is_answered(guide: Guide) -> None:
    assert starters(guide) == STARTERS
    for question in STARTERS:
        assert guide.reply(question).kind == "answer", question


def test_another_corpus_has_starters_of_its_own() -> None:
    assert starters(FakeGuide()) == ("How long?",)  # type: ignore[arg-type]
