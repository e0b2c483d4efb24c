"""The screen bears odd messages, and what would not bear them is found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chat.risk import ERROR, RiskScreen
from chat.types import RiskAssessment, Turn
from evals.__main__ import main
from evals.cases import CaseSource
from evals.fuzz import fuzz_screen
from indexer.encoder import SentenceEncoder
from tests.chat.screen import RULES

CASES = CaseSource(split="dev").cases("safety")


def test_the_rules_bear_thousands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--rules-only", "--count", "2000"]) == 0
    assert capsys.readouterr().out == "2000 messages: 0 failures, 0 levels lowered\n"


def test_both_nets_together_bear_some(encoder: SentenceEncoder) -> None:
    assert fuzz_screen(RiskScreen.open(encoder), CASES, 60) == []


class Distracted(RiskScreen):
    """Sees nothing in a message of several lines, and fails where there were turns before."""

    def assess(self, message: str, history: Sequence[Turn] = (), read: object = None) -> RiskAssessment:
        if history:
            return ERROR
        return RiskAssessment("none") if "\n" in message else super().assess(message)


def test_a_screen_that_fails_or_is_distracted_is_found_out() -> None:
    faults = fuzz_screen(Distracted(RULES), CASES, 200)
    assert {fault.kind for fault in faults} == {"error", "lower"}
    lowered = next(fault for fault in faults if fault.kind == "lower")
    assert "\n" in lowered.message and lowered.alone in ("concern", "crisis") and lowered.found == "none"


def test_the_same_seed_makes_the_same_messages() -> None:
    assert fuzz_screen(Distracted(RULES), CASES, 60) == fuzz_screen(Distracted(RULES), CASES, 60)
    assert fuzz_screen(Distracted(RULES), CASES, 60) != fuzz_screen(Distracted(RULES), CASES, 60, seed=1)


def test_less_than_one_message_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fuzz", "--count", "0"])
    assert "--count: must be a whole number from 1, got '0'" in capsys.readouterr().err
