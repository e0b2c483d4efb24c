"""The baseline, its history and the README's table."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from evals import baseline
from evals.cases import CaseSource
from evals.run import Run
from indexer.errors import GuideError
from tests.evals.conftest import saved_run

DAY = date(2026, 1, 31)


def save(run: Run, folder: Path, **origin: object) -> dict[str, object]:
    saved = saved_run(run, **origin)
    readme = folder / "README.md"
    readme.write_text(f"above\n{baseline.START}\nOLD TABLE\n{baseline.END}\nbelow\n", encoding="utf-8")
    baseline.save_baseline(saved, folder / "baseline.json", folder / "history.jsonl", readme, DAY)
    return saved


def test_saving_writes_the_record_a_line_of_history_and_the_readme(small_run: Run, tmp_path: Path) -> None:
    saved = save(small_run, tmp_path)
    assert baseline.open_baseline(tmp_path / "baseline.json") == baseline.brief(saved)
    line = json.loads((tmp_path / "history.jsonl").read_text())
    assert (line["date"], line["hash"]) == ("2026-01-31", saved["hash"])
    assert line["figures"]["success@1"][0] == 1.0
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("above\n") and readme.endswith("below\n") and "OLD TABLE" not in readme
    assert "| right topic first | 1.00 |" in readme


def test_the_figures_of_the_pages_follow_the_run(small_run: Run, tmp_path: Path) -> None:
    pages = tmp_path / "figures.json"
    line = '    {"what": "%s", "value": "0.10", "range": "0.00 to 0.20"}'
    old = "{\n" + line % "right topic first" + ",\n" + line % "something else" + "\n}\n"
    pages.write_text(old, encoding="utf-8")
    saved = save(small_run, tmp_path)
    new = baseline.with_page_figures(old, saved).splitlines()
    assert '"right topic first", "value": "1.00"' in new[1] and new[1].endswith("},")
    assert new[2] == line % "something else"
    baseline.save_baseline(
        saved, tmp_path / "b.json", tmp_path / "h.jsonl", tmp_path / "README.md", DAY, pages
    )
    assert pages.read_text().splitlines() == new


def test_saving_the_same_figures_again_adds_no_line(small_run: Run, tmp_path: Path) -> None:
    save(small_run, tmp_path)
    save(small_run, tmp_path)
    assert len(baseline.read_history(tmp_path / "history.jsonl")) == 1


def test_a_part_of_the_cases_cannot_be_the_baseline(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(GuideError, match="a part of the cases cannot be the baseline"):
        save(small_run, tmp_path, part="-k followup")
    assert baseline.open_baseline(tmp_path / "baseline.json") is None


def test_a_readme_without_a_place_for_the_figures_is_explained(small_run: Run) -> None:
    with pytest.raises(GuideError, match="The README has no place for the figures"):
        baseline.with_figures("nothing", saved_run(small_run))


def test_a_history_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(GuideError, match=r"history\.jsonl cannot be read"):
        baseline.read_history(tmp_path / "history.jsonl")


def test_the_readme_shows_the_figures_of_the_baseline() -> None:
    saved = baseline.open_baseline()
    assert saved, "save one with: make baseline"
    readme = baseline.README.read_text(encoding="utf-8")
    assert baseline.with_figures(readme, saved) == readme, "the README is not of the baseline: make baseline"


def test_the_history_ends_with_the_baseline() -> None:
    saved = baseline.open_baseline()
    assert saved and baseline.read_history()[-1]["hash"] == saved["hash"]


def test_the_baseline_is_of_the_cases_as_they_are() -> None:
    saved = baseline.open_baseline()
    assert saved and saved["provenance"]["cases"] == CaseSource().hashes(), "make baseline"
