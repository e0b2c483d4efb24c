"""The rule files: each rule does what its own examples say, and a damaged file is named with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from chat.phrases import MASK
from chat.risk import RiskScreen
from chat.rulebook import RULES as FOLDER
from chat.rulebook import WINDOW, Rulebook, RulesBroken
from chat.types import LEVELS, Category
from indexer.errors import GuideError
from tests.chat.screen import RULES

MACROS = "fillers: really just\nverbs: {hit: hits hitting}\nmacros:\n  them: |\n    him\n    her\n"
SPELLING = """
expansions: {dont: do not}
hidden: [kill]
emoji: {"\U0001f52b": gun}
before_verb: {spellings: {ill: i will}, verbs: hit}
real: reddit
after_self: esteem
"""
CLUES = """
clues: {means: a rope, farewell: goodbye forever, low: feeling low}
combinations:
  - {id: low-farewell, clues: [low, farewell], category: self_harm, level: concern}
  - {id: means-farewell, clues: ["means | low", farewell, means], category: self_harm, level: crisis}
"""
SPEECH = "".join(
    f"\n'{kind}': {kind.replace('_', ' ')}"
    for kind in (
        "takes_back",
        "is_safe",
        "ordinary",
        "unsayable",
        "asks_if_safe",
        "asks_if_at_risk",
        "yes",
        "no",
    )
)
RULE = """
category: {category}
rules:
  - id: {category}
    level: crisis
    why: For the tests.
    say: |
      word for {category}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small set of rule files, one rule for each category."""
    (tmp_path / "macros.yaml").write_text(MACROS)
    (tmp_path / "spelling.yaml").write_text(SPELLING)
    (tmp_path / "idioms.yaml").write_text("idioms: |\n  ~hit the gym\n  a rope course")
    (tmp_path / "clues.yaml").write_text(CLUES)
    (tmp_path / "speech.yaml").write_text(SPEECH)
    for category in get_args(Category):
        rule = RULE.format(category=category).replace(f"word for {category}", f"word for {category[:4]}")
        (tmp_path / f"{category}.yaml").write_text(rule)
    (tmp_path / "partner_violence.yaml").write_text(
        """
category: partner_violence
macros: {weapon: a belt}
rules:
  - id: hits
    level: crisis
    why: A blow.
    say: |
      ~hit {them}
      ~hit me .. {weapon}
    unless: in the film
  - id: feels-unsafe
    level: concern
    why: Fear.
    denial: counts
    say: feel safe
"""
    )
    return tmp_path


def found(rules: Rulebook, message: str) -> list[str]:
    return sorted({f.rule.id for f in rules.findings(rules.sentences(rules.normaliser(message)))})


EXAMPLES = [(rule.id, example, True) for rule in RULES.rules for example in rule.yes]
COUNTER_EXAMPLES = [(rule.id, example, False) for rule in RULES.rules for example in rule.no]


@pytest.mark.parametrize(("rule", "example", "matches"), EXAMPLES + COUNTER_EXAMPLES)
def test_a_rule_matches_its_examples_and_not_its_counter_examples(
    rule: str, example: str, matches: bool
) -> None:
    assert (rule in found(RULES, example)) is matches, RULES.normaliser(example).text


def test_every_rule_has_examples_a_reason_and_a_level_and_every_category_has_rules() -> None:
    assert all(rule.yes and rule.why and rule.level in LEVELS[1:] for rule in RULES.rules)
    assert {rule.category for rule in RULES.rules} == set(get_args(Category))


def test_small_rules_find_what_they_say(folder: Path) -> None:
    rules = Rulebook(folder)
    assert found(rules, "he really hits her") == ["hits"]  # a filler stands between
    assert found(rules, "he hit me on Monday and Tuesday with a belt") == []
    assert found(rules, "he hit me with a belt") == ["hits"]
    assert found(rules, "he hit. her brother saw") == []  # two sentences
    assert found(rules, "he hits her in the film") == []
    assert found(rules, "he hits her. we saw it in the film") == ["hits"]


def test_a_denial_before_a_phrase_takes_it_back_unless_the_rule_says_that_it_counts(folder: Path) -> None:
    rules = Rulebook(folder)
    assert found(rules, "never hits her") == []
    assert found(rules, "he is not going to hit her") == []
    assert found(rules, "why not hit her") == ["hits"]
    assert found(rules, "he did not say sorry and hits her") == ["hits"]
    assert found(rules, "I dont feel safe") == ["feels-unsafe"]


def test_a_figure_of_speech_is_masked_and_nothing_reaches_across_it(folder: Path) -> None:
    rules = Rulebook(folder)
    (sentence,) = rules.sentences(rules.normaliser("hit me then hit the gym with a belt"))
    assert sentence.words[:-1] == ("hit", "me", "then", MASK, MASK, MASK, "with", "a", "belt")
    assert found(rules, "hit me then hit the gym with a belt") == []
    assert found(rules, "hitting the gym and hitting her") == ["hits"]


def test_clues_count_together_and_the_gravest_combination_wins(folder: Path) -> None:
    rules = Rulebook(folder)
    sentences = rules.sentences(rules.normaliser("feeling low, goodbye forever, a rope. not a rope course"))
    assert rules.clues(sentences) == {"low", "farewell", "means"}
    strongest = rules.combination({"low", "farewell", "means"})
    assert strongest is not None and strongest.id == "means-farewell"
    weaker = rules.combination({"low", "farewell"})
    assert weaker is not None and weaker.id == "low-farewell"
    assert rules.combination({"low", "means"}) is None


def test_a_sentence_without_end_is_searched_to_its_end(folder: Path) -> None:
    rules = Rulebook(folder)
    for before in range(0, 3 * WINDOW, 7):
        assert found(rules, "and " * before + "he hit me with a belt" + " and" * before) == ["hits"]


def test_a_finding_tells_where_it_stands(folder: Path) -> None:
    rules = Rulebook(folder)
    normal = rules.normaliser("So. He REALLY just hit, her!!")
    (finding,) = rules.findings(rules.sentences(normal))
    assert normal.text[finding.start : finding.end] == "hit her"
    assert normal.original_span(finding.start, finding.end) == (19, 27)


def _remove(path: Path) -> None:
    path.unlink()


def _write(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


def _replace(old: str, new: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(path.read_text().replace(old, new)) and None


@pytest.mark.parametrize(
    ("name", "damage", "why"),
    [
        ("macros.yaml", _remove, "No such file"),
        ("spelling.yaml", _remove, "No such file"),
        ("idioms.yaml", _remove, "No such file"),
        ("speech.yaml", _remove, "No such file"),
        ("self_harm.yaml", _remove, "no rules for self_harm"),
        ("self_harm.yaml", _write(""), "it does not hold a mapping"),
        ("self_harm.yaml", _write("category: [unclosed"), "expected ',' or ']'"),
        (
            "self_harm.yaml",
            _replace("category: self_harm", "categorie: self_harm"),
            "lacks or misuses 'category'",
        ),
        ("self_harm.yaml", _replace("category: self_harm", "category: sadness"), "no category 'sadness'"),
        ("self_harm.yaml", _replace("rules:", "rule:"), "lacks or misuses 'rules'"),
        ("self_harm.yaml", _replace("why:", "because:"), "unknown keys ['because']"),
        ("self_harm.yaml", _replace("    why: For the tests.\n", ""), "lacks or misuses 'why'"),
        ("self_harm.yaml", _replace("level: crisis", "level: dire"), "has no level 'dire'"),
        ("self_harm.yaml", _replace("id: self_harm", "id: distress"), "two rules are called 'distress'"),
        ("self_harm.yaml", _replace("word for", "word (for"), "'word (for self': a ')' is missing"),
        ("self_harm.yaml", _replace("word for", "word {for}"), "there is no macro {for}"),
        ("macros.yaml", _replace("macros:", "makros:"), "lacks or misuses 'macros'"),
        ("idioms.yaml", _replace("~hit the gym", "~hit the | gym"), "unexpected '|'"),
        ("clues.yaml", _replace("[low, farewell]", "[low, adieu]"), "no clue named ['adieu']"),
        (
            "clues.yaml",
            _replace("level: concern", "level: dire"),
            "'low-farewell' has no such category or level",
        ),
        ("clues.yaml", _replace("combinations:", "sums:"), "lacks or misuses 'combinations'"),
        ("speech.yaml", _replace("'is_safe'", "'is_save'"), "lacks or misuses 'is_safe'"),
        ("spelling.yaml", _replace("hidden: [kill]", ""), "lacks or misuses 'hidden'"),
        ("spelling.yaml", lambda path: path.write_bytes(b"\xff\xfe") and None, "decode"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(
    folder: Path, name: str, damage: Callable[[Path], None], why: str
) -> None:
    damage(folder / name)
    with pytest.raises(RulesBroken) as error:
        Rulebook(folder)
    message = str(error.value)
    assert isinstance(error.value, GuideError)
    assert why in message and (name in message or str(folder) in message)
    assert message.endswith("Mend the file; the guide does not run without it.")


def test_an_empty_folder_is_no_set_of_rules(tmp_path: Path) -> None:
    with pytest.raises(RulesBroken, match=r"macros\.yaml"):
        Rulebook(tmp_path)


def test_the_screen_does_not_open_with_a_rule_file_missing(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "rules")
    (tmp_path / "rules" / "child_risk.yaml").unlink()
    with pytest.raises(RulesBroken, match="no rules for child_risk"):
        RiskScreen(Rulebook(tmp_path / "rules"))
