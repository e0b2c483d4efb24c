from __future__ import annotations

import pytest

from chat.conversation import read_message, smalltalk_of
from chat.types import Turn


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("hi", "greeting"),
        ("Hello there!", "greeting"),
        ("heyyy", "greeting"),
        ("hey how are you?", "greeting"),
        ("thanks so much", "thanks"),
        ("ok thank you!!", "thanks"),
        ("good night", "goodbye"),
        ("are you a real person?", "who"),
        ("Who are you?", "who"),
        ("what can you do", "help"),
        ("ok", "acknowledge"),
        ("", "empty"),
        ("???", "empty"),
        ("😭😭", "empty"),
        ("hi, how long should no contact last?", None),
        ("thanks but what if he writes", None),
        ("no contact", None),
    ],
)
def test_small_talk_is_told_from_questions(message: str, kind: str | None) -> None:
    assert smalltalk_of(message) == kind


QUESTION = Turn("user", "Should I answer when my ex writes to me about the dog?")


@pytest.mark.parametrize(
    "message", ["and if we work together?", "why?", "does that count too", "what about calls?"]
)
def test_a_message_that_points_back_carries_the_earlier_question(message: str) -> None:
    reading = read_message(message, [QUESTION])
    assert reading.leans
    assert reading.carried == QUESTION.content


@pytest.mark.parametrize(
    "message",
    [
        "How long should no contact last after a breakup?",
        "My ex sent me a birthday message. Do I have to reply to it?",
        "Is heartbreak really like coming off a drug, and is there a study of it?",
    ],
)
def test_a_question_of_its_own_carries_nothing(message: str) -> None:
    assert read_message(message, [QUESTION]).carried == ""


@pytest.mark.parametrize("message", ["and then?", "why?", "really?", "what about that", "even then?"])
def test_pointing_at_nothing_is_hollow(message: str) -> None:
    reading = read_message(message, [])
    assert reading.hollow
    assert reading.carried == ""


@pytest.mark.parametrize("message", ["closure", "how long?", "friends", "rebounds?"])
def test_a_single_subject_is_a_question(message: str) -> None:
    assert not read_message(message, []).hollow


def test_small_talk_and_answers_are_not_carried_over() -> None:
    history = [QUESTION, Turn("assistant", "You owe no reply. [1]"), Turn("user", "thanks")]
    assert read_message("why?", history).carried == QUESTION.content


def test_two_brief_turns_are_carried_together() -> None:
    history = [Turn("user", "He blocked me."), Turn("user", "Now he unblocked me.")]
    assert read_message("why?", history).carried == "He blocked me. Now he unblocked me."


def test_a_long_earlier_message_is_carried_by_its_last_words() -> None:
    carried = read_message("why?", [Turn("user", "word " * 500 + "end")]).carried
    assert carried.endswith("end")
    assert len(carried.split()) == 60
