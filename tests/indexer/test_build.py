from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer import store
from indexer.build import build_index
from indexer.errors import GuideError, IndexMissing, IndexUnusable
from indexer.index import Index
from indexer.sentences import reading_form
from tests.conftest import ROOT, WordEncoder, write_corpus

FIRST = "Put the phone in another room. " * 8
SECOND = "Write one clear sentence and keep a copy of it. " * 6
THIRD = "Children carry no messages between two adults. " * 6
ARTICLE = f"---\ntitle: Evenings\n---\n\n## Phone\n\n{FIRST}\n\n## Message\n\n{SECOND}\n"
FAQ = f"## What about children?\n\n{THIRD}\n\nAlso asked:\n\n- we have two kids\n- and the little ones\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", {"articles/evenings.md": ARTICLE, "faq/first.md": FAQ})


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_a_build_can_be_opened_and_holds_every_passage(corpus: Path, index: Path, words: WordEncoder) -> None:
    report = build_index(corpus, index, words)
    assert report.published
    assert report.documents.added == ("articles/evenings", "faq/first")
    opened = Index.open(index)
    assert opened.build_id == report.build_id
    assert len(opened.passages) == 3
    for passage in opened.passages:
        text = opened.document(passage.document_id).text
        assert text[passage.start : passage.end] == passage.text


def test_a_passage_is_found_by_its_text_its_heading_and_each_question(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    build_index(corpus, index, words)
    opened = Index.open(index)
    kinds = {(p, kind) for p, kind, _, _ in opened.nearest_views(words.encode(["children"]), 99)}
    faq = next(p.passage_id for p in opened.passages if p.kind == "faq")
    assert {kind for p, kind in kinds if p == faq} == {"text", "heading", "question", "headed", "sentence"}
    texts = [
        t for p, kind, t, _ in opened.nearest_views(words.encode(["children"]), 99) if kind == "question"
    ]
    assert sorted(texts) == ["What about children?", "and the little ones", "we have two kids"]


def test_a_second_build_of_the_same_corpus_embeds_and_publishes_nothing(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    first = build_index(corpus, index, words)
    words.encoded.clear()
    second = build_index(corpus, index, words)
    assert not second.published
    assert second.build_id == first.build_id
    assert words.encoded == []
    assert second.embedded == 0
    assert len(second.passages.unchanged) == 3


def test_an_edit_embeds_only_the_passage_and_the_sentence_that_it_touched(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    build_index(corpus, index, words)
    words.encoded.clear()
    path = corpus / "articles/evenings.md"
    path.write_text(ARTICLE.replace("another room", "the hall", 1), encoding="utf-8")
    report = build_index(corpus, index, words)
    assert report.embedded == 3
    whole = " ".join(FIRST.replace("another room", "the hall", 1).split())
    sentence, text, headed = words.encoded
    assert text == whole and headed.endswith(f"\n{whole}")
    assert sentence in whole and "the hall" in sentence
    assert report.documents.changed == ("articles/evenings",)
    assert len(report.passages.added) == len(report.passages.removed) == 1
    assert len(report.passages.unchanged) == 2


def test_a_removed_file_leaves_no_ghost(corpus: Path, index: Path, words: WordEncoder) -> None:
    build_index(corpus, index, words)
    (corpus / "faq/first.md").unlink()
    report = build_index(corpus, index, words)
    assert report.documents.removed == ("faq/first",)
    opened = Index.open(index)
    assert {p.document_id for p in opened.passages} == {"articles/evenings"}
    assert opened.lexical("children").max() == 0
    assert opened.dense(words.encode(["children"])).shape[1] == 2


def test_vectors_of_another_model_are_not_reused(corpus: Path, index: Path, words: WordEncoder) -> None:
    build_index(corpus, index, words)
    other = WordEncoder()
    other.name = "other words"
    report = build_index(corpus, index, other)
    assert report.reused == 0
    assert Index.open(index).model == "other words"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("articles/yaml.md", b"---\ntitle: [one\n---\n\nText.", "bad YAML"),
        ("articles/empty.md", b"", "the file is empty"),
        ("articles/latin.md", b"caf\xe9", "not UTF-8"),
        ("notes/broken.pdf", b"%PDF-1.4 nothing", "damaged PDF"),
        ("articles/evenings.pdf", b"%PDF-1.4 nothing", "damaged PDF"),
        ("articles/evenings.markdown", b"Text.", "has the same name"),
    ],
)
def test_a_broken_file_is_named_and_the_others_are_built(
    corpus: Path, index: Path, words: WordEncoder, name: str, data: bytes, why: str
) -> None:
    path = corpus / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    report = build_index(corpus, index, words)
    assert [why in str(p) for p in report.problems] == [True]
    assert len(Index.open(index).passages) == 3 or name.endswith(".markdown")


def test_a_corpus_without_a_single_good_file_changes_nothing(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    before = build_index(corpus, index, words)
    for path in corpus.rglob("*.md"):
        path.write_bytes(b"caf\xe9")
    with pytest.raises(GuideError, match=r"Nothing to index .*(\n.*not UTF-8.*){2}"):
        build_index(corpus, index, words)
    assert Index.open(index).build_id == before.build_id


def test_broken_safety_texts_stop_the_build(corpus: Path, index: Path, words: WordEncoder) -> None:
    before = build_index(corpus, index, words)
    (corpus / "helplines.yaml").write_text("countries: [", encoding="utf-8")
    with pytest.raises(GuideError, match=r"helplines\.yaml.*Nothing is published"):
        build_index(corpus, index, words)
    assert Index.open(index).build_id == before.build_id


def test_a_missing_corpus_is_explained(tmp_path: Path, index: Path, words: WordEncoder) -> None:
    with pytest.raises(GuideError, match=r"No corpus folder at .*nowhere"):
        build_index(tmp_path / "nowhere", index, words)


def test_two_builds_at_once_are_refused(corpus: Path, index: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    class SlowEncoder(WordEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            entered.set()
            leave.wait(10)
            return super().encode(texts)

    thread = threading.Thread(target=build_index, args=(corpus, index, SlowEncoder()))
    thread.start()
    entered.wait(10)
    with pytest.raises(GuideError, match="Another build is running"):
        build_index(corpus, index, WordEncoder())
    leave.set()
    thread.join()
    assert len(Index.open(index).passages) == 3


def test_an_index_that_is_missing_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="Build one with: guide-index build"):
        Index.open(tmp_path / "none")


def test_a_damaged_index_is_refused(corpus: Path, index: Path, words: WordEncoder) -> None:
    report = build_index(corpus, index, words)
    path = store.build_folder(index, report.build_id) / store.VECTORS
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(IndexUnusable, match="it is damaged"):
        Index.open(index)


def test_vectors_and_passages_of_different_builds_are_refused(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    report = build_index(corpus, index, words)
    flat = faiss.IndexFlatIP(64)
    flat.add(words.encode(["one", "two"]))
    faiss.write_index(flat, str(store.build_folder(index, report.build_id) / store.VECTORS))
    with pytest.raises(IndexUnusable, match="views but 2 vectors"):
        Index.open(index)


def test_a_damaged_cache_is_named(corpus: Path, index: Path, words: WordEncoder) -> None:
    index.mkdir()
    (index / store.CACHE).write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(GuideError, match=r"vector cache at .* is damaged"):
        build_index(corpus, index, words)


def test_old_builds_are_cleared_away_and_the_served_one_stays(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    path = corpus / "articles/evenings.md"
    for number in range(4):
        path.write_text(ARTICLE.replace("another room", f"room {number}", 1), encoding="utf-8")
        report = build_index(corpus, index, words)
    builds = [p.name for p in (index / store.BUILDS).iterdir()]
    assert report.build_id in builds
    assert len(builds) <= store.KEPT_BUILDS + 1  # the cleaning comes before the new build


def check_complete(index: Path) -> str:
    """Open the served index as the chat would, and look into every part of it."""
    opened = Index.open(index)
    with sqlite3.connect(opened.folder / store.PASSAGES) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for passage in opened.passages:
        text = opened.document(passage.document_id).text
        assert text[passage.start : passage.end] == passage.text
    assert opened.lexical("phone").max() > 0
    return opened.build_id


def test_a_build_that_is_killed_at_any_moment_leaves_the_served_index_complete(tmp_path: Path) -> None:
    """SIGKILL at twenty random moments, over the whole run of the real command."""
    corpus = write_corpus(tmp_path / "corpus", {"articles/evenings.md": ARTICLE, "faq/first.md": FAQ})
    index = tmp_path / "index"
    command = [sys.executable, "-m", "indexer", "build", "--corpus", str(corpus), "--index", str(index)]
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    whole = time.monotonic() - started
    builds = {check_complete(index)}
    moments = random.Random(20261123)
    for number in range(20):
        # Most edits reuse a text whose vector is known, so that the run reaches its end quickly.
        text = ARTICLE.replace("another room", f"room {number % 3}", 1).replace(
            "Evenings", f"Evenings {number % 2}"
        )
        (corpus / "articles/evenings.md").write_text(text, encoding="utf-8")
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.0, min(whole, 2.5)))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        builds.add(check_complete(index))
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    check_complete(index)
    assert not list((index / store.BUILDS).glob(".*"))


def test_each_sentence_of_a_passage_has_its_vector(corpus: Path, index: Path, words: WordEncoder) -> None:
    build_index(corpus, index, words)
    opened = Index.open(index)
    for passage in opened.passages:
        expected = words.encode([reading_form(passage.quote(s)) for s in passage.sentences])
        assert np.allclose(opened.sentence_vectors(passage), expected)


def test_the_best_cosine_is_exact_for_every_passage_and_kind(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    build_index(corpus, index, words)
    opened = Index.open(index)
    question = words.encode(["we have two kids"])
    best = opened.dense(question)[0]
    faq = next(n for n, p in enumerate(opened.passages) if p.kind == "faq")
    wordings = words.encode(list(opened.passages[faq].questions))
    assert best[faq, 2] == pytest.approx(float((wordings @ question[0]).max()), abs=1e-6)
    article = next(n for n, p in enumerate(opened.passages) if not p.questions)
    assert best[article, 2] == -1 and best[article, 4] > -1


def test_a_build_of_another_version_is_called_that_and_not_damaged(
    corpus: Path, index: Path, words: WordEncoder
) -> None:
    report = build_index(corpus, index, words)
    folder = store.build_folder(index, report.build_id)
    db = sqlite3.connect(folder / store.PASSAGES)
    with db:
        db.execute("UPDATE manifest SET value = '1' WHERE key = 'schema'")
    db.close()
    (folder / store.TOPICS).write_bytes(b"in a form that this version does not know")
    with pytest.raises(IndexUnusable, match=r"another version \(schema 1\).*guide-index build"):
        Index.open(index)
