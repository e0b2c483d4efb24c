"""The pytest plugin, by running pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evals.conftest import write_cases

pytest_plugins = "pytester"
RIGHT = {"id": "r-1", "message": "How long should no contact last?", "documents": ["faq/time"]}
WRONG = {"id": "w-1", "message": "What if we work together?", "documents": ["articles/none"]}
LATER = {"id": "f-1", "message": "and what about that?", "kind": "no_antecedent"}


@pytest.fixture
def options(small_index: Path, tmp_path: Path) -> list[str]:
    folder = write_cases(tmp_path, {"mine": [RIGHT, WRONG, LATER]})
    return ["--guide-evals", "--guide-index", str(small_index), "--guide-cases", str(folder / "mine.jsonl")]


def test_each_case_is_an_item_and_a_wrong_one_says_why(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(test_other="def test_never():\n    raise AssertionError\n")
    result = pytester.runpytest_inprocess("-q", *options)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["w-1  WRONG: the first source is on *", "*wanted    articles/none*"])


def test_k_chooses_cases_by_kind_or_id(pytester: pytest.Pytester, options: list[str]) -> None:
    result = pytester.runpytest_inprocess("-k", "followup", *options)
    result.assert_outcomes(passed=1, deselected=2)
    result = pytester.runpytest_inprocess("-k", "r-1 or no_antecedent", *options)
    result.assert_outcomes(passed=2, deselected=1)


def test_without_the_option_pytest_is_as_it_was(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_test_of_ones_own_may_have_the_guide(pytester: pytest.Pytester, small_index: Path) -> None:
    pytester.makepyfile(
        "def test_it(guide):\n    assert guide.reply('How long should no contact last?').kind == 'answer'\n"
    )
    result = pytester.runpytest_inprocess("--guide-index", str(small_index))
    result.assert_outcomes(passed=1)
