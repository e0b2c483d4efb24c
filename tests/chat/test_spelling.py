"""Slips and text-speak are mended towards the corpus; what is written well stays as it is."""

from __future__ import annotations

import pytest

from chat.spelling import Speller

SPELLER = Speller(
    ["You may keep checking her stories.", "Unfollowing is quieter than blocking, and nobody is told."],
    ["how do i stop checking his instagram", "should we be friends", "realy miss him"],
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shud i stop chcking his photos", "should i stop checking his photos"),
        ("keep blockin her", "keep blocking her"),
        ("CHEKCING her storeis", "checking her stories"),
        ("r we freinds", "are we friends"),
        ("u told nobdy", "you told nobody"),
    ],
)
def test_slips_are_mended_towards_the_words_of_the_corpus(typed: str, meant: str) -> None:
    assert SPELLER.mend(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Unfollowing him, is that Petty?",
        "Caravanning with Agnieszka",
        "12 days, 3 hours",
        "",
        "¿Cuánto tiempo?",
        "🙂🙂",
    ],
)
def test_what_has_no_slip_keeps_its_very_letters(text: str) -> None:
    assert SPELLER.mend(text) == text


def test_a_misspelt_wording_of_the_corpus_is_no_model_for_others() -> None:
    assert SPELLER.mend("realy") == "realy"  # "really" stands nowhere in this corpus


def test_a_corpus_without_words_mends_only_text_speak() -> None:
    assert Speller([]).mend("wat shud i chck") == "what should i chck"
