"""The language of the risk rules: what each construct matches, and what is said of a broken phrase."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.phrases import END, MASK, Phrase, PhraseError, Reader

READER = Reader(
    macros={
        "them": ["him", "her", "my [old] {partner}", "them both"],
        "partner": ["ex", "wife"],
        "circle": ["{square}"],
        "square": ["{circle}"],
        "open": ["(him | her"],
        "shut": ["him )"],
    },
    verbs={"hit": ["hits", "hitting"]},
)


def matches(phrase: str, sentence: str) -> list[str]:
    """The stretches of the sentence that the phrase matches."""
    words = sentence.split()
    found = READER.read(phrase).find([*words, END], range(len(words)))
    return [" ".join(words[start:end]) for start, end in found]


@pytest.mark.parametrize(
    ("phrase", "sentence", "found"),
    [
        ("kill", "they kill and kill", ["kill", "kill"]),
        ("kill", "a skill and killed", []),
        ("kill him", "to kill him", ["kill him"]),
        ("kill him", "to kill and him", []),
        ("~kill him", "he kills him", ["kills him"]),
        ("~kill him", "killing him", ["killing him"]),
        ("~carry it", "she carried it and carries it", ["carried it", "carries it"]),
        ("~punch her", "he punches her", ["punches her"]),
        ("~love her", "loving her and loved her", ["loving her", "loved her"]),
        ("~hit me", "he hits me", ["hits me"]),
        ("~hit me", "he hitted me", []),
        ("(kill | hurt badly) him", "kill him or hurt badly him", ["kill him", "hurt badly him"]),
        ("(kill | hurt badly) him", "hurt him", []),
        ("want [to] die", "want to die", ["want to die"]),
        ("want [to] die", "want die", ["want die"]),
        ("want [to | so badly to] die", "want so badly to die", ["want so badly to die"]),
        ("hurt {them}", "hurt my old wife", ["hurt my old wife"]),
        ("hurt {them}", "hurt them both", ["hurt them both"]),
        ("hurt {them}", "hurt the cat", []),
        ("hit * hard", "hit me hard", ["hit me hard"]),
        ("hit * hard", "hit hard", []),
        ("hit .. hard", "hit hard", ["hit hard"]),
        ("hit .. hard", "hit one two three hard", ["hit one two three hard"]),
        ("hit .. hard", "hit one two three four hard", []),
        ("hit ... hard", "hit 1 2 3 4 5 6 7 hard", ["hit 1 2 3 4 5 6 7 hard"]),
        ("hit ... hard", "hit 1 2 3 4 5 6 7 8 hard", []),
        ("hit .. me", "hit me and me", ["hit me"]),
        ("[~want to] [be] dead", "want to be dead", ["want to be dead"]),
        ("(die | die alone)", "die alone", ["die alone"]),
        ("my wife 's gun", "my wife 's gun", ["my wife 's gun"]),
    ],
)
def test_a_phrase_matches(phrase: str, sentence: str, found: list[str]) -> None:
    assert matches(phrase, sentence) == found


@pytest.mark.parametrize("phrase", ["hit * me", "hit .. me", "hit ... me"])
def test_no_gap_crosses_a_masked_word(phrase: str) -> None:
    assert matches(phrase, f"hit {MASK} me") == []
    assert matches(phrase, "hit on me") == ["hit on me"]


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("(kill | hurt", "'(kill | hurt': a ')' is missing"),
        ("want [to die", "'want [to die': a ']' is missing"),
        ("kill ) him", "'kill ) him': unexpected ')'"),
        ("(kill ] him", "'(kill ] him': unexpected ']'"),
        ("kill | hurt", "'kill | hurt': unexpected '|'"),
        ("hurt {nobody}", "'hurt {nobody}': there is no macro {nobody}"),
        ("hurt {circle}", "'{square}': the macro {circle} uses itself"),
        ("hurt {open}", "'{open}': a ')' is missing"),
        ("hurt {shut}", "the macro {shut}: unexpected ')'"),
        ("Kill him", "'Kill him': words are written in lower case"),
        ("kill, him", "'kill, him': ',' means nothing here"),
        ("kill ~ him", "'kill ~ him': '~' means nothing here"),
        ("..", "'..' has no word that must be there"),
        ("[kill]", "'[kill]' has no word that must be there"),
        ("(kill | *)", "'(kill | *)' has no word that must be there"),
        ("", "'' has no word that must be there"),
    ],
)
def test_a_broken_phrase_says_what_is_wrong(phrase: str, says: str) -> None:
    with pytest.raises(PhraseError) as error:
        READER.read(phrase)
    assert str(error.value) == says


def test_a_file_may_have_macros_of_its_own() -> None:
    own = READER.with_macros({"partner": ["husband"]})
    words = ["hurt", "my", "husband", END]
    assert list(own.read("hurt {them}").find(words, [0])) == [(0, 3)]
    assert list(READER.read("hurt {them}").find(words, [0])) == []


def test_a_phrase_tells_which_words_it_needs_and_how_far_in() -> None:
    phrase = READER.read("[please] (hit | hurt) .. {partner}")
    needed = [(sorted(n.words), n.fewest_before, n.most_before) for n in phrase.needed]
    assert needed == [
        (["hit", "hurt"], 0, 1),
        (["ex", "wife"], 1, 5),
        (["hit", "hurt", "please"], 0, 0),
    ]


PIECES = ["hit", "him", "~kill", "(hit | kill him)", "[him]", "*", "..", "...", "{them}", "[to | .. her]"]
SAID = st.lists(st.sampled_from(["hit", "him", "her", "kill", "my", "ex", "to", MASK]), max_size=12)


def _readable(pieces: list[str]) -> Phrase | None:
    try:
        return READER.read(" ".join(pieces))
    except PhraseError:
        return None


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), SAID)
def test_what_a_phrase_needs_stands_where_it_says(pieces: list[str], said: list[str]) -> None:
    phrase = _readable(pieces)
    for start, end in phrase.find([*said, END], range(len(said))) if phrase else ():
        assert MASK not in said[start:end]
        for needed in phrase.needed if phrase else ():
            near = said[start + needed.fewest_before : start + needed.most_before + 1]
            assert not needed.words.isdisjoint(near)


def test_many_gaps_over_many_words_take_no_time() -> None:
    phrase = READER.read("hit ... ... [..] ... [* ...] (.. | ...) him")
    started = time.process_time()
    assert list(phrase.find([*["hit"] * 60, END], range(60))) == []
    assert time.process_time() - started < 0.3
