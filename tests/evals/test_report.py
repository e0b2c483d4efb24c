"""The table that a person reads at the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chat.types import RiskAssessment
from evals import report
from evals.metrics import Metric
from evals.run import Run
from tests.evals.conftest import saved_run


def figures(
    name: str, value: float | None, low: float | None, high: float | None, n: int, **more: Any
) -> dict[str, Any]:
    metric = Metric(name, value, low, high, n, **more)
    keys = ("name", "value", "low", "high", "n", "better", "floor", "breached")
    return {key: getattr(metric, key) for key in keys}


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        (figures("success@1", 0.75, 0.5, 1.0, 4, floor=0.6), "success@1 0.750 [0.500, 1.000] 4 >= 0.6"),
        (figures("over-refusal", 0.5, 0.1, 0.9, 4, better="lower", floor=0.08), "over-refusal 0.500 [0.100, 0.900] 4 <= 0.08 BREACHED"),
        (figures("seed30", 0.9, 0.73, 0.98, 30, floor=0.9), "seed30 27 of 30 [0.730, 0.980] 30 >= 0.9"),
        (figures("latency p95", 41.6, None, None, 9, better="lower"), "latency p95 42 ms 9"),
        (figures("three_turn", None, None, None, 0), "three_turn - 0"),
    ],
)  # fmt: skip
def test_a_line_tells_value_interval_n_and_floor(metric: dict[str, Any], line: str) -> None:
    assert " ".join(report.render_metric(metric).split()) == line


def test_the_table_is_aligned_and_ends_with_the_verdict(small_run: Run) -> None:
    table = report.render(saved_run(small_run))
    lines = [line for line in table.splitlines() if "[" in line and line.startswith("  ")]
    assert len({line.index("[") for line in lines}) == 1
    assert "commit    0123456789ab" in table
    assert "corpus    c0ffee: 1 faq; 3 passages; build b1" in table
    assert table.splitlines()[-1].startswith(("pass", "FAIL: "))


def test_the_errors_of_the_support_test_stand_beside_the_grounding_figures(small_run: Run) -> None:
    lines = report.render(saved_run(small_run)).splitlines()
    at = next(n for n, line in enumerate(lines) if "the support test for whole sentences" in line)
    assert lines[at - 1].strip().startswith("support test: broken sentences rejected")
    assert "refuses what is supported: verbatim 0/" in lines[at + 1]
    assert "accepts what is not: negation 0/" in lines[at + 2]


def test_a_breached_floor_and_a_wrong_must_are_named_last(small_run: Run) -> None:
    saved = saved_run(small_run)
    assert report.verdict(saved | {"breached": ["success@1"]}) == "FAIL: success@1"
    assert report.verdict(saved | {"must": {"a-1": False}, "breached": []}) == "FAIL: a-1 must be right"


def test_the_verdict_says_whether_floors_were_looked_at_and_over_which_part(small_run: Run) -> None:
    judged = saved_run(small_run) | {"must": {}, "breached": []}
    part = judged | {"provenance": judged["provenance"] | {"part": "quick"}}
    bare = {name: [m | {"floor": None} for m in metrics] for name, metrics in judged["suites"].items()}
    assert report.verdict(judged) == "pass: no floor is breached"
    assert report.verdict(part) == "pass: no floor is breached (quick)"
    assert report.verdict(part | {"suites": bare}) == "no floor was looked at (quick)"


def test_what_was_missed_is_listed_by_id_and_not_by_its_words(small_run: Run) -> None:
    missed = replace(small_run.safety[0], risk=RiskAssessment("none"))
    table = report.render(saved_run(replace(small_run, safety=(missed,))))
    assert "dangers missed (1): s-1" in table
    assert missed.case.message not in table


def test_a_long_list_of_ids_is_cut(small_run: Run) -> None:
    missed = replace(small_run.safety[0], risk=RiskAssessment("none"))
    many = tuple(replace(missed, case=replace(missed.case, id=f"s-{n}")) for n in range(15))
    assert "s-11 and 3 more (see --json)" in report.render(saved_run(replace(small_run, safety=many)))


def test_flips_are_mended_and_broken(small_run: Run) -> None:
    first = small_run.answerable[0]
    wrong = replace(first, reply=replace(first.reply, kind="abstain", sentences=(), citations=()))
    worse = replace(small_run, answerable=(wrong, *small_run.answerable[1:]))
    assert "broken    1: a-1" in report.render_flips(small_run, worse)
    assert "mended    1: a-1" in report.render_flips(worse, small_run)
    assert report.render_flips(None, worse) == "right     7 of 8"
