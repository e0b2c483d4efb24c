"""Another corpus, another subject: the commands of evals/README.md, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals import __main__ as evals_command
from indexer import __main__ as index_command
from tests.conftest import ROOT

PAGE = (ROOT / "evals" / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \.venv/bin/(.+)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what the commands read, and nothing else of the repository."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(ROOT / "tests" / "data" / "bicycle", folder / "tests" / "data" / "bicycle")
    shutil.copy(ROOT / "tests" / "data" / "bicycle-cases.jsonl", folder / "tests" / "data")
    return folder


def test_the_commands_of_the_page_work_one_after_the_other(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    shown = []
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        if program == "python":
            continue
        main = index_command.main if program == "guide-index" else evals_command.main
        assert main(arguments) == 0, line
        shown.append(capsys.readouterr().out)
    build, run, explained, again, _, diff = shown
    assert "published" in build
    assert "no floor was looked at (without robustness)" in run and "nugget recall" in run
    assert explained.startswith("bike-01  ")
    assert "figures moved no further than chance" in again
    assert re.search(r"^0 of \d+ replies changed", diff, re.MULTILINE)
    saved = json.loads((place / ".report" / "bicycle.json").read_text())
    assert saved["must"] == {"bike-07": True}
    assert saved["suites"]["grounding"][5]["value"] == 1.0
    assert "<svg" in (place / ".report" / "bicycle.html").read_text()


def test_the_cases_can_be_run_by_pytest(place: Path, tmp_path: Path) -> None:
    line = next(line for line in COMMANDS if line.startswith("python"))
    arguments = shlex.split(line)[1:]
    done = subprocess.run(
        [sys.executable, *arguments, "-k", "bike-05 or bike-07 or bike-13", "-p", "no:cacheprovider"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_what_the_page_says_of_a_file_is_true() -> None:
    lines = (ROOT / "tests" / "data" / "bicycle-cases.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == 13
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "evals" / link).exists(), link
