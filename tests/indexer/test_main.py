from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.__main__ import main
from tests.conftest import write_corpus

FILES = {
    "articles/phone.md": "---\ntitle: Phone\n---\n\n## Drawer\n\nPut the phone in the kitchen drawer before you sleep.\n",
    "articles/broken.md": "---\ntitle: [one\n---\n\nText.\n",
}


def test_build_names_what_it_left_out_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, index = write_corpus(tmp_path / "corpus", FILES), tmp_path / "index"
    assert main(["build", "--corpus", str(corpus), "--index", str(index)]) == 1
    shown = capsys.readouterr()
    assert "left out  articles/broken.md:2: bad YAML in the front matter" in shown.err
    assert "documents 1 added, 0 changed, 0 removed, 0 unchanged" in shown.out
    (corpus / "articles/broken.md").unlink()
    assert main(["build", "--corpus", str(corpus), "--index", str(index), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["published"], report["embedded"], report["problems"]) == (False, 0, [])


def test_show_says_by_which_words_a_passage_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, index = write_corpus(tmp_path / "corpus", FILES), tmp_path / "index"
    main(["build", "--corpus", str(corpus), "--index", str(index)])
    capsys.readouterr()
    assert main(["show", "where do I put the phone", "--index", str(index)]) == 0
    shown = capsys.readouterr().out
    assert "articles/phone#drawer-" in shown
    assert "nearest wordings:" in shown


def test_a_missing_corpus_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--corpus", str(tmp_path / "none"), "--index", str(tmp_path / "index")]) == 1
    assert capsys.readouterr().err.startswith("guide-index: No corpus folder at")
