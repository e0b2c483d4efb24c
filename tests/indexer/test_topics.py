from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.markdown import read_markdown
from indexer.passages import split_passages
from indexer.topics import MIN_OWN, TopicModel, fit_topics
from indexer.types import Passage
from tests.conftest import WordEncoder

WORDINGS = {
    "rain": "does rain {}|will rain fall {}|wet rain {}",
    "snow": "does snow {}|will snow fall {}|cold snow {}",
    "wind": "does wind {}|will wind blow {}|strong wind {}",
}
TIMES = ("today", "tonight", "tomorrow", "soon")


def entries() -> list[Passage]:
    """Three topics of one entry each, and a second one, "hail", within the topic of snow."""
    found = []
    for name, topic in (("rain", "rain"), ("snow", "snow"), ("hail", "snow"), ("wind", "wind")):
        forms = WORDINGS[topic].replace("snow", name).split("|")
        also = "\n".join(f"- {form.format(when)}" for form in forms for when in TIMES)
        head = f"---\ntitle: Weather\ntopics: [{topic}]\n---\n\n## What about {name}?\n\n"
        text = f"{head}It may come, and nobody knows when.\n\nAlso asked:\n\n{also}\n"
        found += split_passages(read_markdown(f"faq/{name}.md", "faq", text))
    return found


@pytest.fixture(params=[False, True], ids=["linear", "vote"])
def model(words: WordEncoder, request: pytest.FixtureRequest) -> TopicModel:
    passages = [p for p in entries() for _ in p.questions]
    texts = [q for p in entries() for q in p.questions]
    found = fit_topics(passages, texts, words.encode(texts), adapted=request.param)
    assert found is not None and found.adapted is request.param
    return found


def test_odds_are_shares_of_all_topics_and_of_the_entries_of_one(
    model: TopicModel, words: WordEncoder
) -> None:
    [odds] = model.judge(words.encode(["is there hail tomorrow"]), ["is there hail tomorrow"])
    assert model.topics == ("rain", "snow", "wind")
    assert odds.topics.sum() == pytest.approx(1.0, abs=1e-5)
    for place in range(len(model.topics)):
        assert odds.entries[model.topic_of == place].sum() == pytest.approx(1.0, abs=1e-5)


def test_the_topic_is_seen_and_within_it_the_entry(model: TopicModel, words: WordEncoder) -> None:
    [odds] = model.judge(words.encode(["is there hail tomorrow"]), ["is there hail tomorrow"])
    assert model.topics[int(odds.topics.argmax())] == "snow"
    hail, snow = (model.entries.index(p.passage_id) for p in entries() if p.topics == ("snow",))
    first, second = sorted((hail, snow), key=lambda n: -odds.entries[n])
    assert "hail" in model.entries[first] and "snow" in model.entries[second]


def test_an_entry_with_few_wordings_is_not_told_apart(words: WordEncoder) -> None:
    owners = [p for p in entries() for _ in p.questions[: MIN_OWN - 1]]
    texts = [q for p in entries() for q in p.questions[: MIN_OWN - 1]]
    shy = [
        Passage(**{f: getattr(p, f) for f in p.__slots__} | {"questions": p.questions[:3]}) for p in owners
    ]
    found = fit_topics(shy, texts, words.encode(texts))
    assert found is not None and found.entries == found.topics == ("rain", "snow", "wind")


def test_two_topics_are_too_few_to_learn(words: WordEncoder) -> None:
    owners = [p for p in entries() if p.topics != ("wind",) for _ in p.questions]
    texts = [q for p in entries() if p.topics != ("wind",) for q in p.questions]
    assert fit_topics(owners, texts, words.encode(texts)) is None


def test_a_saved_model_judges_alike(model: TopicModel, words: WordEncoder, tmp_path: Path) -> None:
    model.save(tmp_path / "topics.npz")
    again = TopicModel.open(tmp_path / "topics.npz")
    question = "strong wind soon"
    assert again is not None and again.entries == model.entries and again.adapted is model.adapted
    assert np.array_equal(
        again.judge(words.encode([question]), [question])[0].topics,
        model.judge(words.encode([question]), [question])[0].topics,
    )
    assert TopicModel.open(tmp_path / "none.npz") is None


def test_questions_judged_together_get_the_odds_that_they_get_alone(
    model: TopicModel, words: WordEncoder
) -> None:
    asked = ["is there hail tomorrow", "strong wind soon"]
    for question, odds in zip(asked, model.judge(words.encode(asked), asked), strict=True):
        [alone] = model.judge(words.encode([question]), [question])
        assert odds.topics == pytest.approx(alone.topics, abs=1e-5)
        assert odds.entries == pytest.approx(alone.entries, abs=1e-5)
