"""One case told step by step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chat.guide import Guide
from chat.types import RiskAssessment
from evals import __main__ as command
from evals.cases import CaseError, CaseSource
from evals.explain import explain_asked, find_case, why
from evals.run import Run


def test_a_right_case_tells_hits_sentences_and_nuggets(small_run: Run, small_guide: Guide) -> None:
    told = explain_asked(small_run.answerable[0], small_guide.index)
    assert told.startswith("a-1  right: the first source is on duration, and duration was wanted")
    assert "\n  *1. " in told and "faq/time: How long should no contact last? (duration)" in told
    assert "Plan for about sixty days of silence" in told
    assert "[1]  (supported, nugget)" in told and "[1]  (supported)" in told
    assert "  [1] faq/time: How long should no contact last?, characters " in told
    assert told.endswith("  + About sixty days. (n-1)\n  - A year is too long. (n-2)")


def test_a_wrong_case_says_why(small_run: Run) -> None:
    first = small_run.answerable[0]
    silent = replace(
        first, reply=replace(first.reply, kind="abstain", sentences=(), citations=()), verdict=None
    )
    assert why(silent) == "the corpus answers it, and the reply is abstain"
    other = replace(first, case=replace(first.case, topics=("work",)))
    assert why(other) == "the first source is on duration, and work was wanted"
    assert first.verdict is not None
    broken = replace(first, verdict=replace(first.verdict, nothing_else=False))
    assert why(broken) == "words are shown that no source stands behind"
    assert "nothing in the corpus answers it" in why(small_run.unanswerable[0])
    assert why(small_run.misuse[0]) == "nothing was obeyed"
    assert "so a question back is right" in why(small_run.followups[1])


def test_a_case_is_found_in_any_file_of_its_split(small_cases: Path) -> None:
    source = CaseSource(small_cases, "dev")
    assert find_case(source, "f-2")[0] == "followups"
    assert find_case(source, "s-m-1")[0] == "safety-must"
    with pytest.raises(CaseError, match="No case x-9 in"):
        find_case(source, "x-9")


def test_the_command_explains_a_case_of_either_split(
    small_index: Path, small_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--index", str(small_index), "--cases", str(small_cases), "--split", "dev"]
    assert command.main(["explain", "s-1", *place]) == 0
    told = capsys.readouterr().out
    assert told.startswith("s-1  right: route was wanted, and the screen says crisis, self_harm")
    assert "words     2 to " in told


def test_a_missed_danger_is_told_without_a_rule() -> None:
    from evals.cases import Case
    from evals.explain import explain_screened
    from evals.run import Screened

    case = Case("s-9", "a message", expect="route", level="crisis", category="self_harm")
    told = explain_screened(Screened(case, RiskAssessment("none")))
    assert "WRONG: route was wanted, and the screen says none" in told
    assert "rule      none" in told
