"""A run as it is saved, and what it says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat.guide import Guide
from evals import provenance, record
from evals.cases import CaseSource
from evals.run import Run, perform
from indexer.errors import GuideError
from tests.evals.conftest import saved_run, write_cases


def without_times(run: Run) -> str:
    saved = saved_run(run)
    del saved["times"]
    return json.dumps(saved)


def test_two_runs_agree_byte_for_byte_apart_from_times(
    small_run: Run, small_guide: Guide, small_cases: Path
) -> None:
    again = perform(small_guide, CaseSource(small_cases, "dev"))
    again.cold_start_ms = 123.0
    assert without_times(again) == without_times(small_run)


def test_the_hash_changes_when_a_reply_does(small_run: Run) -> None:
    first = small_run.answerable[0]
    changed = replace(first, reply=replace(first.reply, confidence=0.01))
    other = replace(small_run, answerable=(changed, *small_run.answerable[1:]))
    assert len({saved_run(r)["hash"] for r in (small_run, other)}) == 2


def test_all_times_stand_under_one_key(small_run: Run) -> None:
    saved = saved_run(small_run)
    assert set(saved["times"]["latency_ms"]) == {"a-1", "a-2", "a-3", "u-1", "u-2", "f-1", "f-2", "m-1"}
    assert [m["name"] for m in saved["times"]["metrics"]] == list(record.TIMED)
    assert [m["name"] for m in saved["suites"]["latency"]] == ["same reply twice"]


def test_each_case_is_told_with_its_sources_and_verdicts(small_run: Run) -> None:
    saved = saved_run(small_run)
    first = saved["cases"]["answerable"][0]
    assert (first["id"], first["reply"], first["right"], first["grounded"]) == ("a-1", "answer", True, True)
    assert all(s["supported"] for s in first["sentences"])
    assert first["citations"][0]["quote"].startswith("Plan for about sixty days")
    assert [n["found"] for n in first["nuggets"]] == [True, False]
    assert first["hits"][0][0].startswith("faq/time#how-long")
    assert [turn[1] for turn in saved["cases"]["conversations"][0]["turns"]] == ["no_route", "no_route"]


def test_a_brief_record_holds_the_scores_and_no_words(small_run: Run) -> None:
    saved = saved_run(small_run)
    short = record.brief(saved)
    assert "cases" not in short
    assert short["scores"]["success@1"] == {"a-1": 1, "a-2": 1, "a-3": 1}
    assert short["right"]["answerable"] == {"a-1": True, "a-2": True, "a-3": True}
    assert small_run.answerable[0].case.message not in json.dumps(short)


def test_a_saved_run_comes_back_as_it_was(small_run: Run, tmp_path: Path) -> None:
    saved = saved_run(small_run)
    record.write_run(tmp_path / "new folder" / "run.json", saved)
    assert record.read_run(tmp_path / "new folder" / "run.json") == saved


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "Save a run with: guide-evals run --json"),
        ("{", "is no saved run"),
        ('{"format": 1}', "was not saved by this version of guide-evals"),
        ("[]", "was not saved by this version of guide-evals"),
    ],
)
def test_a_file_that_is_no_saved_run_is_explained(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(GuideError, match=said):
        record.read_run(path)


def test_provenance_names_corpus_build_model_cases_thresholds_and_machine(
    small_guide: Guide, small_cases: Path
) -> None:
    found = provenance.provenance(small_guide.index, CaseSource(small_cases, "dev"))
    assert found["build"] == small_guide.index.build_id
    assert found["documents"] == {"article": 1, "boundary": 1, "faq": 1}
    assert (found["model"], found["model_hash"]) == ("all-MiniLM-L6-v2", "53aa51172d14")
    assert set(found["cases"]) >= {"answerable-dev", "plain", "nuggets"}
    assert found["thresholds"]["chat.answer"]["TARGET_WORDS"] > 0
    assert found["machine"]["cores"] >= 1
    assert set(provenance.MUST_AGREE) <= set(found)


def test_the_hash_of_the_corpus_changes_with_a_word(small_guide: Guide, small_index: Path) -> None:
    from indexer.index import Index

    index = Index.open(small_index)
    assert provenance.hash_corpus(index) == provenance.hash_corpus(small_guide.index)
    whole = index.document
    index.document = lambda name: replace(whole(name), text=whole(name).text.replace("sixty", "seventy"))  # type: ignore[method-assign]
    assert provenance.hash_corpus(index) != provenance.hash_corpus(small_guide.index)


def test_the_hash_of_the_cases_changes_with_a_file_of_the_split_only(tmp_path: Path) -> None:
    rows = {"answerable-dev": [{"id": "a", "message": "m", "topics": ["t"]}]}
    before = CaseSource(write_cases(tmp_path, rows), "dev").hashes()
    assert CaseSource(write_cases(tmp_path, {"answerable-test": []}), "dev").hashes() == before
    changed = {"answerable-dev": [{"id": "a", "message": "n", "topics": ["t"]}]}
    assert CaseSource(write_cases(tmp_path, changed), "dev").hashes() != before


def test_a_model_of_ones_own_is_known_by_its_weights(tmp_path: Path) -> None:
    assert provenance.hash_model("somebody/model") is None
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert provenance.hash_model(str(tmp_path)) is not None


def test_the_commit_is_read_loose_packed_or_detached(tmp_path: Path) -> None:
    assert provenance.current_commit(tmp_path) is None
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    assert provenance.current_commit(tmp_path) is None
    (git / "packed-refs").write_text("# pack-refs\nabc123 refs/heads/main\n", encoding="ascii")
    assert provenance.current_commit(tmp_path) == "abc123"
    (git / "refs" / "heads" / "main").write_text("def456\n", encoding="ascii")
    assert provenance.current_commit(tmp_path) == "def456"
    (git / "HEAD").write_text("0a1b2c\n", encoding="ascii")
    assert provenance.current_commit(tmp_path) == "0a1b2c"
