"""Changes are seeded, change what they say, and leave out what they cannot change."""

from __future__ import annotations

import pytest

from evals.mutations import BREAKS, DISGUISES, NOISE, generator_for, key_word

MESSAGE = "I can't stop checking her page, it's been 3 weeks"
WORD = key_word(MESSAGE, None)
assert WORD is not None


@pytest.mark.parametrize("name", [*NOISE, *DISGUISES])
def test_a_change_is_the_same_in_every_run_and_changes_something(name: str) -> None:
    def once() -> str | None:
        generator = generator_for("a-1", name)
        return NOISE[name](MESSAGE, generator) if name in NOISE else DISGUISES[name](MESSAGE, WORD, generator)

    assert once() == once() != MESSAGE


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("no apostrophe", "I cant stop checking her page, its been 3 weeks"),
        ("curly apostrophe", "I can\u2019t stop checking her page, it\u2019s been 3 weeks"),
        ("spaced letters", "I can't stop c h e c k i n g her page, it's been 3 weeks"),
        ("leet", "I can't stop ch3ck1ng her page, it's been 3 weeks"),
        ("upper case", "I CAN'T STOP CHECKING HER PAGE, IT'S BEEN 3 WEEKS"),
    ],
)
def test_a_disguise_does_what_its_name_says(name: str, changed: str) -> None:
    assert DISGUISES[name](MESSAGE, WORD, generator_for("a-1", name)) == changed


def test_a_look_alike_is_another_character_of_the_same_length() -> None:
    changed = DISGUISES["look-alike letters"](MESSAGE, WORD, generator_for("a", "x"))
    assert changed is not None and len(changed) == len(MESSAGE) and not changed.isascii()


def test_what_cannot_be_changed_is_left_out() -> None:
    generator = generator_for("a", "x")
    assert DISGUISES["no apostrophe"]("no marks here", (0, 2), generator) is None
    assert NOISE["upper case"]("ALREADY", generator) is None
    assert NOISE["typing errors"]("u ok 2", generator) is None
    assert BREAKS["number"]("No figure here.", generator) is None
    assert BREAKS["name"]("Nobody is named.", generator) is None


def test_the_key_word_is_the_longest_where_the_screen_saw_danger() -> None:
    assert key_word("nothing important but I will end it", (22, 35)) == (24, 28)
    assert key_word("nothing", None) == (0, 7)
    assert key_word("?! 12", None) is None


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("negation", "Lue says that you should wait 60 days, and then look at it."),
        ("number", "Lue says that you should not wait 61 days, and then look at it."),
        ("start cut off", "That you should not wait 60 days, and then look at it."),
    ],
)
def test_a_break_changes_the_meaning(name: str, broken: str) -> None:
    sentence = "Lue says that you should not wait 60 days, and then look at it."
    assert BREAKS[name](sentence, generator_for("a", name)) == broken


def test_a_negation_is_put_in_where_there_is_none() -> None:
    assert BREAKS["negation"]("You can write once.", generator_for("a", "x")) == "You can not write once."
