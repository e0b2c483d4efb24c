"""JUnit XML for build servers."""

from __future__ import annotations

from xml.etree import ElementTree

from evals.junit import render_junit
from evals.run import Run
from tests.evals.conftest import saved_run


def suites(xml: str) -> dict[str, ElementTree.Element]:
    return {suite.get("name", ""): suite for suite in ElementTree.fromstring(xml.split("?>", 1)[1])}


def test_every_case_is_a_test_case(small_run: Run) -> None:
    found = suites(render_junit(saved_run(small_run)))
    assert [n.get("name") for n in found["answerable"]] == ["a-1", "a-2", "a-3"]
    assert found["answerable"].get("failures") == "0"
    assert all(len(list(node)) == 0 for node in found["answerable"])


def test_a_wrong_case_is_a_failure_unless_the_baseline_has_it_wrong_as_well(small_run: Run) -> None:
    saved = saved_run(small_run)
    saved["right"]["answerable"]["a-2"] = False
    failed = suites(render_junit(saved))["answerable"]
    assert failed.get("failures") == "1"
    failure = failed[1].find("failure")
    assert failure is not None and failure.text == "See why with: guide-evals explain a-2"
    known = suites(render_junit(saved, {"a-2": False}))["answerable"]
    assert (known.get("failures"), known.get("skipped")) == ("0", "1")


def test_a_case_that_must_be_right_is_a_failure_all_the_same(small_run: Run) -> None:
    saved = saved_run(small_run)
    saved["right"]["answerable"]["a-1"] = saved["must"]["a-1"] = False
    assert suites(render_junit(saved, {"a-1": False}))["answerable"].get("failures") == "1"


def test_a_breached_floor_is_a_failure(small_run: Run) -> None:
    saved = saved_run(small_run)
    saved["breached"] = ["success@1"]
    floors = suites(render_junit(saved))["floors"]
    assert floors.get("failures") == "1"
    assert [n.get("name") for n in floors if n.find("failure") is not None] == ["success@1"]
