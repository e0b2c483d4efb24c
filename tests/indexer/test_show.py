from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.__main__ import main
from indexer.build import build_index
from indexer.index import Index
from indexer.show import Outcome, look_up, render_lookup
from tests.conftest import ROOT, WordEncoder, write_corpus

FILES = {
    "faq/first.md": "# First\n\n## Where do I put the phone?\n\nPut the phone in the kitchen drawer before you sleep.\n\n"
    "Also asked:\n\n- phone at night help\n\n## Who helps with the children?\n\nAsk one friend to read the messages.\n",
    "articles/walks.md": "---\ntitle: Walks\n---\n\n## Evenings\n\nA walk after dinner makes the evening shorter.\n",
}


@pytest.fixture
def index(tmp_path: Path, words: WordEncoder) -> Index:
    build_index(write_corpus(tmp_path / "corpus", FILES), tmp_path / "index", words)
    return Index.open(tmp_path / "index")


def outcome_of(index: Index, kind: str, confidence: float) -> Outcome:
    """An outcome that ranks the passages in the order of their ids, and cites the first."""
    ids = sorted(p.passage_id for p in index.passages)
    scores = tuple((passage_id, 0.9 - 0.1 * n) for n, passage_id in enumerate(ids))
    return Outcome(kind, confidence, 0.45, "none", scores, cited=(ids[0],))


def test_each_hit_names_the_wording_that_is_nearest(index: Index, words: WordEncoder) -> None:
    question = "phone at night help"
    lookup = look_up(index, question, words.encode([question]), 3, None)
    first = lookup.hits[0]
    assert first.nearest is not None
    assert (first.nearest.kind, first.nearest.text) == ("question", question)
    assert first.nearest.cosine == pytest.approx(first.dense) == pytest.approx(1.0)
    assert first.lexical == pytest.approx(float(np.max(index.lexical(question)))) and first.lexical > 0
    assert lookup.wordings[0] == first.nearest
    for hit in lookup.hits:
        assert hit.score is None
        assert hit.nearest is not None and hit.nearest.passage_id == hit.passage_id


def test_the_guides_own_order_and_scores_are_shown(index: Index, words: WordEncoder) -> None:
    outcome = outcome_of(index, "answer", 0.93)
    lookup = look_up(index, "phone", words.encode(["phone"]), 2, outcome)
    assert [(hit.passage_id, hit.score) for hit in lookup.hits] == list(outcome.scores[:2])
    assert [hit.cited for hit in lookup.hits] == [True, False]
    shown = render_lookup(lookup)
    assert "confidence  0.930, at or above the threshold 0.450" in shown
    assert "  score   dense  lexical  passage\n  0.900 " in shown
    assert shown.count("(cited)") == 1


@pytest.mark.parametrize(
    ("kind", "confidence", "said"),
    [
        ("answer", 0.9, "answer: sure enough"),
        ("boundary", 0.9, "boundary: a boundary fits best"),
        ("boundary", 0.1, "boundary: not sure enough to answer, and a boundary fits"),
        ("abstain", 0.1, "abstain: not sure enough to answer, and no boundary fits"),
        ("referral", 0.9, "referral: the risk screen comes before"),
        ("smalltalk", 0.1, "smalltalk: a fixed reply"),
    ],
)
def test_what_the_guide_would_do_comes_with_the_reason(
    index: Index, words: WordEncoder, kind: str, confidence: float, said: str
) -> None:
    outcome = outcome_of(index, kind, confidence)
    assert f"would do    {said}" in render_lookup(look_up(index, "x", words.encode(["x"]), 1, outcome))


def shown_json(capsys: pytest.CaptureFixture[str], index: Path, question: str, *more: str) -> Any:
    capsys.readouterr()
    assert main(["show", question, "--index", str(index), "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("I broke no contact. Do I start over?", "answer"),
        ("Write a Python script that renames all the files in a folder.", "boundary"),
        ("hello", "smalltalk"),
    ],
)
def test_show_says_what_the_guide_would_do_with_our_own_texts(
    corpus_index: Path, capsys: pytest.CaptureFixture[str], question: str, kind: str
) -> None:
    shown = shown_json(capsys, corpus_index, question, "--hits", "3")
    outcome, hits = shown["outcome"], shown["hits"]
    assert outcome["kind"] == kind
    assert (outcome["confidence"] >= outcome["threshold"]) == (kind == "answer")
    scores = [hit["score"] for hit in hits]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert any(hit["cited"] for hit in hits) == (kind != "smalltalk")
    assert len(shown["wordings"]) == 3


def test_show_goes_on_without_the_chat(
    corpus_index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chat.guide", None)  # as if it were not installed
    assert main(["show", "how long should it last", "--index", str(corpus_index), "--hits", "2"]) == 0
    shown = capsys.readouterr()
    assert shown.err.startswith("note: no joined score and no confidence.")
    assert shown.out.startswith("  dense  lexical  passage\n")
    assert "would do" not in shown.out and "nearest wordings:" in shown.out


def test_the_indexer_is_imported_without_the_chat() -> None:
    code = "import sys, indexer.__main__, indexer.show; sys.exit('chat' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
