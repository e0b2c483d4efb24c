from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from chat.__main__ import answer_lines, main, render_reply
from chat.guide import Guide

KEYS = {
    "id", "kind", "text", "sentences", "citations", "risk", "confidence", "suggestions", "hits", "latency_ms",
}  # fmt: skip
CITATION_KEYS = {
    "n", "passage_id", "document", "kind", "title", "heading", "topics", "quote", "start", "end", "page",
}  # fmt: skip


def ask(guide: Guide, *lines: str, hits: int = 10) -> list[dict]:  # type: ignore[type-arg]
    out = io.StringIO()
    answer_lines(guide, io.StringIO("\n".join(lines) + "\n"), out, None, hits)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_reply_line_has_the_form_of_the_contract(guide: Guide) -> None:
    (reply,) = ask(guide, '{"id": "1", "message": "how long should no contact last?"}')
    assert set(reply) == KEYS
    assert set(reply["citations"][0]) == CITATION_KEYS
    assert (reply["id"], reply["kind"]) == ("1", "answer")
    assert "duration" in reply["citations"][0]["topics"]
    assert reply["risk"] == {"level": "none", "category": None}
    assert len(reply["hits"]) == 10
    assert 0 <= reply["confidence"] <= 1


def test_a_line_that_cannot_be_read_gets_an_error_and_the_run_goes_on(guide: Guide) -> None:
    replies = ask(
        guide,
        "no json",
        '["a list"]',
        '{"id": 7}',
        '{"id": "\\ud800", "message": "x"}',
        '{"id": 8, "message": "hi", "history": "none"}',
        '{"id": 9, "message": "hi", "history": [{"role": "robot", "content": "x"}]}',
        "",
        '{"id": 10, "message": "thanks"}',
    )
    assert [r["id"] for r in replies] == [None, None, 7, None, 8, 9, 10]
    assert ["error" in r for r in replies] == [True] * 6 + [False]
    assert replies[2]["error"] == '"message" is missing or is not text'


def test_a_history_of_the_persons_turns_alone_is_enough(guide: Guide) -> None:
    line = {
        "id": "f",
        "message": "and at lunch?",
        "history": [{"role": "user", "content": "My ex and I work together. What now?"}],
    }
    (reply,) = ask(guide, json.dumps(line))
    assert reply["kind"] == "answer"
    assert "work" in reply["citations"][0]["topics"]


def test_hits_says_how_many_passages_are_listed(guide: Guide) -> None:
    (reply,) = ask(guide, '{"message": "how long?"}', hits=3)
    assert len(reply["hits"]) == 3


def test_a_printed_reply_lists_each_source_once(guide: Guide) -> None:
    text = render_reply(guide.reply("how long should no contact last?"))
    listing = text.split("\nSources\n")[1].split("\nYou could also ask\n")[0]
    numbers = [line.split("]")[0] for line in listing.strip().splitlines()]
    assert numbers == [f"[{n}" for n in range(1, len(numbers) + 1)]


def test_ask_without_a_question_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["ask"])
    assert stop.value.code == 2
    assert "needs a question" in capsys.readouterr().err


def test_a_missing_index_is_explained_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "hello", "--index", str(tmp_path / "none")]) == 1
    assert (
        capsys.readouterr().err
        == f"guide-chat: No index at {tmp_path / 'none'}. Build one with: guide-index build\n"
    )
