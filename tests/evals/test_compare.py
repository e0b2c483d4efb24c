"""Two runs side by side: what counts as worse, what flips, and what must not be compared."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from evals.compare import NotComparable, compare, differences, flips, render_comparison

CASES = [f"a-{n}" for n in range(60)]


def run_with(values: dict[str, list[float]], better: str = "higher", **origin: Any) -> dict[str, Any]:
    """A saved run with one suite, whose figures are made of these values of CASES."""
    provenance = {"split": "test", "part": "", "corpus": "c1", "model": "m", "model_hash": "h",
                  "cases": {"answerable-test": "1", "plain": "2"}, "machine": {"cores": 2}}  # fmt: skip
    metrics = [
        {"name": name, "value": sum(v) / len(v), "low": 0.0, "high": 1.0, "n": len(v), "better": better, "floor": None, "statistic": "ratio", "breached": False}
        for name, v in values.items()
    ]  # fmt: skip
    return {
        "provenance": provenance | origin,
        "suites": {"retrieval": metrics},
        "scores": {name: dict(zip(CASES, v, strict=True)) for name, v in values.items()},
        "clusters": {},
        "must": {"a-0": True},
        "right": {"answerable": {case: bool(v) for case, v in zip(CASES, next(iter(values.values())), strict=True)}},
        "times": {"metrics": [{"name": "latency p50", "value": 20.0}]},
    }  # fmt: skip


GOOD, BAD, SLIGHTLY = [1.0] * 45 + [0.0] * 15, [1.0] * 25 + [0.0] * 35, [1.0] * 44 + [0.0] * 16


def test_a_clear_fall_is_worse_and_a_clear_rise_better() -> None:
    down = compare(run_with({"x": GOOD}), run_with({"x": BAD}))
    up = compare(run_with({"x": BAD}), run_with({"x": GOOD}))
    assert [c.name for c in down.worse] == ["x"] and down.regressed
    assert [c.name for c in up.better] == ["x"] and not up.regressed


def test_the_direction_is_the_metrics_own() -> None:
    found = compare(run_with({"x": BAD}, "lower"), run_with({"x": GOOD}, "lower"))
    assert [c.name for c in found.worse] == ["x"]
    assert compare(run_with({"x": GOOD}, "lower"), run_with({"x": BAD}, "lower")).better


def test_a_change_within_chance_is_no_change() -> None:
    found = compare(run_with({"x": GOOD}), run_with({"x": SLIGHTLY}))
    assert found.changes[0].verdict == "no change"
    assert found.changes[0].difference == pytest.approx(-1 / 60)
    assert not found.regressed


def test_a_run_against_itself_changes_nothing() -> None:
    run = run_with({"x": GOOD})
    found = compare(run, run)
    assert (found.worse, found.better, found.flips, found.slower) == ((), (), (), 1.0)


def test_flips_are_fixed_or_broken() -> None:
    found = flips(run_with({"x": GOOD}), run_with({"x": SLIGHTLY}))
    assert [(f.part, f.case, f.fixed) for f in found] == [("answerable", "a-44", False)]
    assert flips(run_with({"x": SLIGHTLY}), run_with({"x": GOOD}))[0].fixed


def test_a_wrong_reply_to_a_case_that_must_be_right_is_a_regression_by_itself() -> None:
    new = run_with({"x": GOOD}) | {"must": {"a-0": False}}
    found = compare(run_with({"x": GOOD}), new)
    assert found.regressed and found.must == ("a-0",)
    assert "wrong, and must be right: a-0" in render_comparison(found)


def test_replies_that_take_far_longer_on_the_same_machine_are_a_regression() -> None:
    slow = run_with({"x": GOOD}) | {"times": {"metrics": [{"name": "latency p50", "value": 100.0}]}}
    assert compare(run_with({"x": GOOD}), slow).regressed
    elsewhere = copy.deepcopy(slow)
    elsewhere["provenance"]["machine"] = {"cores": 64}
    assert compare(run_with({"x": GOOD}), elsewhere).slower is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"corpus": "c2"}, "corpus c1 and c2"),
        ({"model": "other"}, "model m and other"),
        ({"cases": {"answerable-test": "9", "plain": "2"}}, r"cases \(answerable-test\)"),
        ({"split": "dev"}, "split test and dev"),
    ],
)
def test_runs_of_different_things_are_not_compared_and_the_difference_is_named(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotComparable, match=said):
        compare(run_with({"x": GOOD}), run_with({"x": GOOD}, **changed))


def test_the_refusal_says_how_to_compare_all_the_same() -> None:
    base, new = run_with({"x": GOOD}), run_with({"x": BAD}, corpus="c2")
    with pytest.raises(NotComparable, match=r"--across corpus$"):
        compare(base, new)
    found = compare(base, new, across=("corpus",))
    assert found.worse
    assert "across    corpus c1 and c2" in render_comparison(found)


def test_another_commit_or_machine_is_no_hindrance() -> None:
    assert differences(run_with({"x": GOOD}), run_with({"x": GOOD}, commit="abc", machine={})) == {}


def test_only_cases_that_both_runs_asked_are_compared() -> None:
    new = run_with({"x": BAD})
    new["scores"]["x"] = {case: value for case, value in new["scores"]["x"].items() if case in CASES[:10]}
    found = compare(run_with({"x": GOOD}), new)
    assert found.changes[0].n == 10
    assert found.changes[0].difference == 0.0


def test_a_line_tells_old_new_difference_interval_and_n() -> None:
    text = render_comparison(compare(run_with({"x": GOOD}), run_with({"x": BAD})))
    assert text.startswith("worse     x: 0.750 -> 0.417, -0.333 [-0.4")
    assert "over 60" in text
    assert "broken    20: a-25" in text
