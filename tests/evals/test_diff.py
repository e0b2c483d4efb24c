"""What an edit did to the replies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evals import __main__ as command
from evals.cases import CaseError
from evals.diff import (
    QUESTIONS,
    Changed,
    Difference,
    Question,
    Said,
    diff_builds,
    every_question,
    mark_changes,
    read_questions,
    render_diff,
)
from indexer import __main__ as index_command
from indexer import store
from indexer.errors import GuideError
from tests.evals.conftest import TEXTS, write_cases

ASKED = (
    Question("1", "How long should no contact last?"),
    Question("2", "What if we work together?"),
    Question("3", "which screwdriver fits a bicycle lamp"),
)


@pytest.fixture(scope="module")
def edited(small_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the tiny corpus in which "sixty days" was made "ninety days", after the first build."""
    folder = tmp_path_factory.mktemp("edited")
    shutil.copytree(small_index, folder / "index")
    for name, text in TEXTS.items():
        path = folder / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("sixty days", "ninety days"), encoding="utf-8")
    assert (
        index_command.main(["build", "--corpus", str(folder / "corpus"), "--index", str(folder / "index")])
        == 0
    )
    return folder / "index"


def builds(index: Path) -> tuple[Path, Path]:
    """The build before the served one, and the served one."""
    served = store.current_build(index)
    before = next(p for p in (index / store.BUILDS).iterdir() if p.name != served and p.is_dir())
    assert served
    return before, index / store.BUILDS / served


def test_only_the_reply_that_the_edit_touched_has_changed(edited: Path) -> None:
    found = diff_builds(*builds(edited), ASKED)
    assert [c.question.id for c in found.changed] == ["1"]
    assert found.changed[0].what == "words"
    assert ("out", "sixty") in found.changed[0].parts and ("in", "ninety") in found.changed[0].parts
    assert (found.before, found.after) == tuple(p.name for p in builds(edited))
    assert found.asked == 3


def test_an_index_folder_stands_for_the_build_that_it_serves(edited: Path, small_index: Path) -> None:
    found = diff_builds(small_index, edited, ASKED[:1])
    assert [c.question.id for c in found.changed] == ["1"]
    assert diff_builds(edited, builds(edited)[1], ASKED).changed == ()


def test_what_is_no_build_is_refused(tmp_path: Path, edited: Path) -> None:
    with pytest.raises(GuideError, match=r"is no build\. Name an index folder such as \.index"):
        diff_builds(tmp_path, edited, ASKED)


def changed(before: Said, after: Said) -> Changed:
    return Changed(Question("q", "a question"), before, after)


def test_a_reply_of_another_kind_is_told_first() -> None:
    words = changed(Said("answer", "Wait a week.", ("d: H",)), Said("answer", "Wait a month.", ("d: H",)))
    refusal = changed(Said("answer", "Wait a week.", ("d: H",)), Said("abstain", "I don't know.", ()))
    told = render_diff(Difference("b1", "b2", 9, (words, refusal)))
    assert told.index("answer -> abstain") < told.index("words: a question")
    assert "Wait a [-week.-] {+month.+}" in told
    assert "    - d: H" in told
    assert told.endswith("2 of 9 replies changed between build b1 and b2, 1 of them to another kind of reply")


def test_the_same_words_from_elsewhere_are_a_change_too() -> None:
    found = changed(Said("answer", "Wait.", ("d: H",)), Said("answer", "Wait.", ("e: I",)))
    assert found.what == "sources"
    assert "    - d: H\n    + e: I\n" in render_diff(Difference("b1", "b2", 1, (found,)))


def test_long_stretches_that_stayed_are_shortened() -> None:
    stayed = " ".join(f"w{n}" for n in range(30))
    found = changed(Said("answer", f"{stayed} old", ()), Said("answer", f"{stayed} new", ()))
    assert "w0 w1 w2 w3 w4 ... w25 w26 w27 w28 w29 [-old-] {+new+}" in render_diff(
        Difference("b1", "b2", 1, (found,))
    )


def test_marks_put_together_again_give_both_texts() -> None:
    before, after = "a b c d e", "a x c e f"
    parts = mark_changes(before, after)
    assert " ".join(words for what, words in parts if what != "in") == before
    assert " ".join(words for what, words in parts if what != "out") == after


def test_the_plain_questions_are_enough_and_none_stands_twice() -> None:
    messages = [q.message.lower() for q in read_questions()]
    assert len(messages) >= 50
    assert len(messages) == len(set(messages))


def test_a_missing_file_of_questions_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"none\.txt cannot be read"):
        read_questions(tmp_path / "none.txt")
    assert QUESTIONS.exists()


def test_every_case_that_can_be_answered_is_asked() -> None:
    asked = {q.id for q in every_question()}
    assert {"a-t-001", "a-d-001", "u-t-001", "f-d-001", "m-t-001", "b-001"} <= asked
    assert not any(case.startswith("s-") for case in asked)


def test_the_command_prints_what_changed(
    edited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        f"{stem}-{split}": []
        for stem in ("answerable", "unanswerable", "followups", "misuse")
        for split in ("dev", "test")
    }  # type: ignore[var-annotated]
    questions = tmp_path / "q.txt"
    questions.write_text("# a comment\n\nHow long should no contact last?\n", encoding="utf-8")
    before, after = builds(edited)
    code = command.main(
        ["diff", "--before", str(before), "--after", str(after), "--cases", str(write_cases(tmp_path, rows)), "--questions", str(questions)]
    )  # fmt: skip
    shown = capsys.readouterr()
    assert code == 0
    assert shown.out.startswith("q:3  words: How long should no contact last?")
    assert "[-sixty-] {+ninety+}" in shown.out
    assert "asked both builds: 1" in shown.err


def test_a_build_says_which_replies_it_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evals import diff

    monkeypatch.setattr(diff, "every_question", lambda **options: ())
    monkeypatch.setattr(diff, "read_questions", lambda: ASKED)
    for name, text in TEXTS.items():
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    build = ["build", "--diff", "--corpus", str(tmp_path / "corpus"), "--index", str(tmp_path / "index")]
    assert index_command.main(build) == 0
    assert "nothing to compare: it is the first" in capsys.readouterr().out
    assert index_command.main(build) == 0
    assert "nothing to compare: the build is as it was" in capsys.readouterr().out
    path = tmp_path / "corpus" / "faq/time.md"
    path.write_text(path.read_text().replace("sixty days", "ninety days"), encoding="utf-8")
    assert index_command.main(build) == 0
    told = capsys.readouterr().out
    assert "[-sixty-] {+ninety+}" in told
    assert "All cases: guide-evals diff --before " in told
