from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.adapter import ADAPTER, Adapter, AdapterBroken, are_known
from indexer.build import build_index
from indexer.encoder import SentenceEncoder
from indexer.errors import IndexUnusable
from indexer.index import Index
from indexer.store import ADAPTER as STORED

ASKED = {
    "how_long": ("how long {}", "how many days {}", "when does it end {}", "until when {}"),
    "slipping": ("i texted them {}", "i broke it {}", "i called last night {}", "i slipped {}"),
    "blocking": ("should i block them {}", "is blocking childish {}", "unblock or not {}", "mute {}"),
}
ENDINGS = ("please", "i am lost", "any thoughts")


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    return Adapter.open()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus on topics that the adapter was fitted on, with wordings enough for a topic model."""
    folder = tmp_path_factory.mktemp("small")
    for (name, forms), topic in zip(ASKED.items(), ("duration", "lapses", "surveillance"), strict=True):
        also = "\n".join(f"- {form.format(ending)}" for form in forms for ending in ENDINGS)
        text = (
            f"---\ntitle: {name}\ntopics: [{topic}]\n---\n\n## What about {name}?\n\nIt depends on you.\n\n"
        )
        (folder / "faq").mkdir(exist_ok=True)
        (folder / "faq" / f"{name}.md").write_text(f"{text}Also asked:\n\n{also}\n", encoding="utf-8")
    return folder


def test_vectors_have_length_one_and_do_not_depend_on_their_company(
    adapter: Adapter, encoder: SentenceEncoder
) -> None:
    texts = ["how long should i stay silent", "he has my keys", "x " * 90, "why"]
    together = adapter.adapt(encoder.read(texts))
    assert together.shape == (4, 384)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    for row, text in enumerate(texts):
        assert adapter.adapt(encoder.read([text]))[0] == pytest.approx(together[row], abs=2e-3)


def test_it_brings_wordings_of_one_question_nearer_than_the_encoder(
    adapter: Adapter, encoder: SentenceEncoder
) -> None:
    """By how much of the distance to a neighbouring question; none of these lines stands in the corpus."""
    texts = [
        "for what stretch of time do i stay quiet towards my former husband",
        "is there a number of weeks that a person keeps silent after being left",
        "he pinged me out of the blue on sunday, what now",
    ]
    readings = encoder.read(texts)
    plain, adapted = np.stack([reading.vector for reading in readings]), adapter.adapt(readings)

    def gap(vectors: np.ndarray) -> float:
        return float(vectors[0] @ vectors[1] - max(vectors[0] @ vectors[2], vectors[1] @ vectors[2]))

    assert gap(adapted) > gap(plain)


@pytest.mark.parametrize("content", [None, b"", b"not tensors", "cut"])
def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "adapter.safetensors"
    if content == "cut":
        path.write_bytes(ADAPTER.read_bytes()[:100_000])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(AdapterBroken, match="guide-evals fit --adapter"):
        Adapter.open(path)


def test_it_stands_back_for_another_encoder_and_for_other_topics(adapter: Adapter) -> None:
    own = adapter.facts.topics
    assert adapter.suits(adapter.facts.encoder, own)
    assert adapter.suits(adapter.facts.encoder, [*own, "a_new_one"])
    assert not adapter.suits("another-encoder", own)
    assert not adapter.suits(adapter.facts.encoder, ["sheep", "wool", own[0]])
    assert not adapter.suits(adapter.facts.encoder, [])


def test_half_of_the_topics_is_enough() -> None:
    assert are_known(["a", "b"], ["a"])
    assert not are_known(["a", "b", "c"], ["a"])


def test_a_build_keeps_the_adapter_that_gave_its_vectors(
    small: Path, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    first = build_index(small, tmp_path, encoder)
    index = Index.open(tmp_path)
    assert index.adapter is not None and index.topic_model is not None and index.topic_model.adapted
    reading = encoder.read(["mute or block, which"])
    fit = index.topic_fit(index.topic_odds(reading, ["mute or block, which"])[0])
    assert "blocking" in index.passages[int(fit[:, 0].argmax())].document_id
    assert (first.embedded > 0, build_index(small, tmp_path, encoder).embedded) == (True, 0)
    without = build_index(small, tmp_path, encoder, adapter=None)
    assert without.build_id != first.build_id
    assert Index.open(tmp_path).adapter is None


def test_a_build_does_without_a_damaged_adapter_and_says_so(
    small: Path, tmp_path: Path, encoder: SentenceEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        build_index(small, tmp_path / "index", encoder, adapter=broken)
    assert "fit --adapter" in caplog.text
    index = Index.open(tmp_path / "index")
    assert index.adapter is None and index.topic_model is not None and not index.topic_model.adapted


def test_a_served_build_whose_adapter_is_damaged_is_unusable(
    small: Path, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    build_index(small, tmp_path, encoder)
    (Index.open(tmp_path).folder / STORED).write_bytes(b"x")
    with pytest.raises(IndexUnusable, match="damaged"):
        Index.open(tmp_path)


def test_facts_say_on_what_it_was_fitted(adapter: Adapter) -> None:
    facts = adapter.facts
    assert facts.encoder == "all-MiniLM-L6-v2" and len(facts.topics) > 20 and len(facts.data_hash) == 12
    assert replace(facts, encoder="x") != facts
