"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from chat.retrieval import RANKER, Ranker
from evals import __main__ as command
from evals import record
from evals import run as runs
from tests.evals.conftest import CASES, write_cases


def call(*arguments: str | Path) -> int:
    return command.main([str(argument) for argument in arguments])


@pytest.fixture
def small(small_index: Path, small_cases: Path) -> list[str | Path]:
    """What sends a command to the tiny index and the tiny cases."""
    return ["--index", small_index, "--cases", small_cases, "--split", "dev"]


def test_a_run_prints_the_table_and_saves_everything(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "run.json"
    code = call("run", "--suite", "grounding", "--json", target, *small)
    shown = capsys.readouterr()
    saved = json.loads(target.read_text(encoding="utf-8"))
    assert code == 0
    assert "no floor was looked at (grounding)" in shown.out
    assert saved["provenance"]["split"] == "dev"
    assert saved["provenance"]["part"] == "grounding"
    assert list(saved["suites"]) == ["grounding"]


def test_a_log_gets_a_line_for_each_finished_part(
    small: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--suite", "followups", *small) == 0
    assert capsys.readouterr().err == "asked followups: 2\n"


def test_a_person_who_watches_sees_a_bar() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    draw = command.progress_of(screen)
    draw("plain", 1, 2)
    draw("plain", 2, 2)
    assert "plain: " in screen.getvalue() and "\r" in screen.getvalue()
    assert "asked" not in screen.getvalue()


def test_json_to_stdout_leaves_the_table_to_stderr(
    small: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--suite", "followups", "-k", "f-1", "--json", "-", *small) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["format"] == record.FORMAT
    assert json.loads(shown.out)["provenance"]["part"] == "-k f-1 followups"
    assert "no floor was looked at" in shown.err


def test_several_suites_may_be_named(small: list[str | Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "--suite", "followups", "--suite", "retrieval", *small) == 0
    shown = capsys.readouterr().out
    assert "\nretrieval\n" in shown and "\nfollowups\n" in shown and "\nsafety\n" not in shown


def test_a_breached_floor_ends_with_1(
    small_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    floors = tmp_path / "floors.json"
    floors.write_text('{"success@1": 0.5}', encoding="utf-8")
    wrong = {"id": "w", "message": "how many weeks of no contact do I need", "documents": ["articles/none"]}
    folder = write_cases(tmp_path, {"mine": [wrong | {"topics": ["friends"]}]})
    code = call(
        "run",
        "--suite",
        "retrieval",
        "--index",
        small_index,
        "--cases",
        folder / "mine.jsonl",
        "--floors",
        floors,
    )
    assert code == 1
    assert "success@1 " in capsys.readouterr().out


def test_a_wrong_reply_to_a_case_that_must_be_right_ends_with_1(
    small_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [CASES["answerable-dev"][0] | {"topics": ["work"]}]
    folder = write_cases(tmp_path, {"answerable-dev": wrong})
    code = call("run", "--split", "dev", "--suite", "retrieval", "--index", small_index, "--cases", folder)
    assert code == 1
    assert "FAIL: a-1 must be right" in capsys.readouterr().out


def test_x_stops_at_the_first_wrong_case_and_says_how_to_see_why(
    small_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row | {"topics": ["work"]} for row in CASES["answerable-dev"]]
    folder = write_cases(tmp_path, {"answerable-dev": rows})
    code = call(
        "run", "-x", "--split", "dev", "--suite", "retrieval", "--index", small_index, "--cases", folder
    )
    assert code == 1
    assert capsys.readouterr().out == "stopped at a-1. See why with: guide-evals explain a-1\n"


def test_a_run_is_held_against_the_baseline(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, worse = tmp_path / "base.json", tmp_path / "worse.json"
    assert call("run", "--suite", "retrieval", "--json", base, *small) == 0
    assert call("run", "--suite", "retrieval", "--baseline", base, *small) == 0
    assert "same      " in capsys.readouterr().out
    saved = json.loads(base.read_text())
    for path, value in ((base, 1), (worse, 0)):
        saved["scores"]["success@1"] = dict.fromkeys(saved["scores"]["success@1"], value)
        path.write_text(json.dumps(saved))
    assert call("compare", base, worse) == 1
    assert "-1.000 [-1.000, -1.000] over 3" in capsys.readouterr().out


def test_a_baseline_of_something_else_is_named_and_not_compared(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base.json"
    assert call("run", "--suite", "retrieval", "--json", base, *small) == 0
    saved = json.loads(base.read_text())
    saved["provenance"]["corpus"] = "another"
    base.write_text(json.dumps(saved))
    capsys.readouterr()
    assert call("run", "--suite", "retrieval", "--baseline", base, *small) == 0
    assert "baseline  not compared: corpus another and " in capsys.readouterr().out
    assert call("compare", base, base) == 0


def test_runs_that_cannot_be_compared_end_with_2(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    assert call("run", "--suite", "followups", "--json", first, *small) == 0
    second.write_text(first.read_text().replace('"answerable-dev": "', '"answerable-dev": "0'))
    assert call("compare", first, second) == 2
    assert "cases (answerable-dev)" in capsys.readouterr().err
    assert call("compare", first, second, "--across", "cases") == 0


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
    (tmp_path / "file").write_text("")
    assert call("run", "--suite", "followups", "--json", tmp_path / "file" / "run.json", *small) == 2
    assert "run.json cannot be written: " in capsys.readouterr().err


def test_fitting_writes_the_ranking_and_says_what_flipped(
    small: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "ranker.json"
    before = RANKER.read_bytes()
    assert call("fit", "--out", target, *small[:4]) == 0
    shown = capsys.readouterr().out
    assert "on 5 cases; threshold" in shown
    assert " of 7 before, 7 of 7 after" in shown
    assert "broken    " in shown
    assert Ranker.open(target).data_hash
    assert RANKER.read_bytes() == before
