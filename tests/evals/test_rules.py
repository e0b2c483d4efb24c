from __future__ import annotations

from pathlib import Path

import pytest

from chat.risk import RiskScreen
from evals.cases import CaseError, read_cases
from evals.rules import Example, judge_rules, read_examples, render_rules


def test_recall_and_false_alarms_are_counted_by_category_and_rule() -> None:
    examples = [
        Example("I want to kill myself", "self_harm", True),
        Example("the weather is nice", "self_harm", True),
        Example("he hit me last night", "", False),
        Example("how long should no contact last", "", False),
    ]
    figures = judge_rules(RiskScreen.open(), examples)
    assert figures.caught == {"self_harm": (1, 2)}
    assert figures.false_alarms == 1
    assert figures.harmless == 2
    assert "he hit me last night" in render_rules(figures)


def test_a_broken_example_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "a", "category": null, "expect": "route"}\n{"text": 1\n')
    with pytest.raises(CaseError, match=r"x\.jsonl:2: not an example"):
        read_examples(tmp_path)


def test_no_example_stands_among_the_test_cases() -> None:
    test = {" ".join(c.message.lower().split()) for c in read_cases("safety-test")}
    assert not test & {" ".join(e.text.lower().split()) for e in read_examples()}
