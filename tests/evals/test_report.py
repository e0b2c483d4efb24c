"""The table, the JSON, and the command line around them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat.guide import Guide
from chat.retrieval import RANKER, Ranker
from chat.types import RiskAssessment
from evals import __main__ as command
from evals import report
from evals import run as runs
from evals.metrics import Metric
from evals.run import Run, perform
from evals.suites import measure
from tests.evals.conftest import CASES, write_cases

ORIGIN = {
    "commit": "0123456789abcdef",
    "build": "b1",
    "documents": {"faq": 1},
    "passages": 3,
    "model": "all-MiniLM-L6-v2",
    "split": "dev",
    "cases": "c1",
    "ranker": {"fitted": "2026-01-01", "hash": "r1", "cases": "c0"},
    "machine": {"cores": 2, "python": "3.11"},
}


def as_json(run: Run) -> str:
    data = report.to_json(run, measure(run), ORIGIN, seconds=1.0)
    del data["times"]
    return json.dumps(data)


def test_two_runs_agree_byte_for_byte_apart_from_times(
    small_run: Run, small_guide: Guide, small_cases: Path
) -> None:
    again = perform(small_guide, "dev", folder=small_cases)
    again.cold_start_ms = 123.0
    assert as_json(again) == as_json(small_run)


def test_the_hash_changes_when_a_reply_does(small_run: Run) -> None:
    first = small_run.answerable[0]
    changed = replace(first, reply=replace(first.reply, confidence=0.01))
    other = replace(small_run, answerable=(changed, *small_run.answerable[1:]))
    hashes = {report.to_json(r, measure(r), ORIGIN, 1.0)["hash"] for r in (small_run, other)}
    assert len(hashes) == 2


def test_all_times_stand_under_one_key(small_run: Run) -> None:
    data = report.to_json(small_run, measure(small_run), ORIGIN, 1.0)
    assert set(data["times"]["latency_ms"]) == {"a-1", "a-2", "a-3", "u-1", "u-2", "f-1", "f-2"}
    assert [m["name"] for m in data["times"]["metrics"]] == list(report.TIMED)
    assert [m["name"] for m in data["suites"]["latency"]] == ["same reply twice"]


def test_the_json_tells_each_case_with_its_verdicts(small_run: Run) -> None:
    data = json.loads(json.dumps(report.to_json(small_run, measure(small_run), ORIGIN, 1.0)))
    first = data["cases"]["answerable"][0]
    assert (first["id"], first["reply"], first["right"], first["grounded"]) == ("a-1", "answer", True, True)
    assert all(supported for _, supported in first["sentences"])
    assert first["hits"][0][0].startswith("faq/time#how-long")
    assert [turn[1] for turn in data["cases"]["conversations"][0]["turns"]] == ["no_route", "no_route"]


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        (Metric("success@1", 0.75, 0.5, 1.0, 4, floor=0.6), "success@1 0.750 [0.500, 1.000] 4 >= 0.6"),
        (Metric("over-refusal", 0.5, 0.1, 0.9, 4, "lower", 0.08), "over-refusal 0.500 [0.100, 0.900] 4 <= 0.08 BREACHED"),
        (Metric("seed30", 0.9, 0.73, 0.98, 30, floor=0.9), "seed30 27 of 30 [0.730, 0.980] 30 >= 0.9"),
        (Metric("latency p95", 41.6, None, None, 9, "lower"), "latency p95 42 ms 9"),
        (Metric("three_turn", None, None, None, 0), "three_turn - 0"),
    ],
)  # fmt: skip
def test_a_line_tells_value_interval_n_and_floor(metric: Metric, line: str) -> None:
    assert " ".join(report.render_metric(metric).split()) == line


def test_the_table_is_aligned_and_ends_with_the_verdict(small_run: Run) -> None:
    table = report.render(small_run, measure(small_run), ORIGIN, 3.0, "abc")
    lines = [line for line in table.splitlines() if "[" in line and line.startswith("  ")]
    assert len({line.index("[") for line in lines}) == 1
    assert "commit    0123456789ab" in table
    assert "build     b1: 1 faq; 3 passages; all-MiniLM-L6-v2" in table
    assert table.splitlines()[-1].startswith(("pass", "FAIL: "))


def test_a_breached_floor_is_named_last(small_run: Run) -> None:
    measured = {"retrieval": (Metric("success@1", 0.1, 0.0, 0.2, 9, floor=0.6),)}
    assert report.render(small_run, measured, ORIGIN, 1.0, "abc").endswith("\nFAIL: success@1")
    part = replace(small_run, whole=False)
    assert report.render(part, {}, ORIGIN, 1.0, "abc").endswith("part of the cases: no floor was looked at")


def test_what_was_missed_is_listed_by_id_and_not_by_its_words(small_run: Run) -> None:
    missed = replace(small_run.safety[0], risk=RiskAssessment("none"))
    table = report.render(replace(small_run, safety=(missed,)), {}, ORIGIN, 1.0, "abc")
    assert "dangers missed (1): s-1" in table
    assert missed.case.message not in table


def test_a_long_list_of_ids_is_cut(small_run: Run) -> None:
    missed = replace(small_run.safety[0], risk=RiskAssessment("none"))
    many = tuple(replace(missed, case=replace(missed.case, id=f"s-{n}")) for n in range(15))
    assert "s-11 and 3 more (see --json)" in report.render(
        replace(small_run, safety=many), {}, ORIGIN, 1.0, "abc"
    )


def test_flips_are_mended_and_broken(small_run: Run) -> None:
    first = small_run.answerable[0]
    wrong = replace(first, reply=replace(first.reply, kind="abstain", sentences=(), citations=()))
    worse = replace(small_run, answerable=(wrong, *small_run.answerable[1:]))
    assert "broken    1: a-1" in report.render_flips(small_run, worse)
    assert "mended    1: a-1" in report.render_flips(worse, small_run)
    assert report.render_flips(None, worse) == "right     6 of 7"


def test_provenance_names_build_model_cases_and_machine(small_guide: Guide, small_cases: Path) -> None:
    found = report.provenance(small_guide.index, "dev", small_cases)
    assert found["build"] == small_guide.index.build_id
    assert found["documents"] == {"article": 1, "boundary": 1, "faq": 1}
    assert found["model"] == "all-MiniLM-L6-v2"
    assert found["machine"]["cores"] >= 1


def test_the_commit_is_read_loose_packed_or_detached(tmp_path: Path) -> None:
    assert report.current_commit(tmp_path) is None
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    assert report.current_commit(tmp_path) is None
    (git / "packed-refs").write_text("# pack-refs\nabc123 refs/heads/main\n", encoding="ascii")
    assert report.current_commit(tmp_path) == "abc123"
    (git / "refs" / "heads" / "main").write_text("def456\n", encoding="ascii")
    assert report.current_commit(tmp_path) == "def456"
    (git / "HEAD").write_text("0a1b2c\n", encoding="ascii")
    assert report.current_commit(tmp_path) == "0a1b2c"


# The command line


def call(*arguments: str | Path) -> int:
    return command.main([str(argument) for argument in arguments])


@pytest.fixture
def small(small_index: Path, small_cases: Path) -> list[str | Path]:
    """What sends a command to the tiny index and the tiny cases."""
    return ["--index", small_index, "--cases", small_cases]


def test_a_run_prints_the_table_and_writes_everything_to_a_file(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "run.json"
    code = call("run", "--split", "dev", "--suite", "grounding", "--json", target, *small)
    shown = capsys.readouterr()
    data = json.loads(target.read_text(encoding="utf-8"))
    assert code == 0
    assert "pass: no floor is breached" in shown.out
    assert shown.err == "", "no progress where nobody watches"
    assert data["provenance"]["split"] == "dev"
    assert list(data["suites"]) == ["grounding"]


def test_json_to_stdout_leaves_the_table_to_stderr(
    small: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--split", "dev", "--suite", "followups", "-k", "f-1", "--json", "-", *small) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["format"] == report.FORMAT
    assert "no floor was looked at" in shown.err


def test_a_breached_floor_ends_with_1(
    small_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [row | {"topics": ["work"]} for row in CASES["answerable-dev"] if "weeks" in row["message"]]
    folder = write_cases(tmp_path, {"answerable-dev": wrong})
    code = call("run", "--split", "dev", "--suite", "retrieval", "--index", small_index, "--cases", folder)
    assert code == 1
    assert "FAIL: success@1" in capsys.readouterr().out


def test_a_missing_index_ends_with_2_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--index", tmp_path / "none") == 2
    assert "Build one with: guide-index build" in capsys.readouterr().err


def test_a_missing_case_file_ends_with_2(
    small_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--suite", "followups", "--index", small_index, "--cases", tmp_path) == 2
    assert "followups-test.jsonl cannot be read" in capsys.readouterr().err


def test_an_error_of_the_program_ends_with_2_and_keeps_its_traceback(
    small: list[str | Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(runs, "perform", broken)
    assert call("run", "--suite", "followups", *small) == 2
    assert "RuntimeError: a bug" in capsys.readouterr().err


def test_an_unknown_suite_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call("run", "--suite", "speed")
    assert stopped.value.code == 2
    assert "invalid choice: 'speed'" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_explained(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "no" / "run.json"
    assert call("run", "--split", "dev", "--suite", "followups", "--json", target, *small) == 2
    assert "run.json cannot be written: No such file" in capsys.readouterr().err


def test_fitting_writes_the_ranking_and_says_what_flipped(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "ranker.json"
    before = RANKER.read_bytes()
    assert call("fit", "--out", target, *small) == 0
    shown = capsys.readouterr().out
    assert "on 5 cases; threshold" in shown
    assert " of 7 before, 7 of 7 after" in shown
    assert "broken    " in shown
    assert Ranker.open(target).data_hash
    assert RANKER.read_bytes() == before


def test_a_person_who_watches_sees_a_line_that_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.sys.stderr, "isatty", lambda: True, raising=False)
    draw = command._progress()
    draw("plain", 1, 2)
    draw("plain", 2, 2)
    assert capsys.readouterr().err == "\r\x1b[Kplain 1 of 2\r\x1b[Kplain 2 of 2\r\x1b[K"
