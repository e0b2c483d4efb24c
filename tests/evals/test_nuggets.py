"""The nuggets: each stands in the corpus, and tells a right answer from a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.cases import Nugget, read_cases, read_nuggets
from evals.grounding import norm
from evals.metrics import nugget_recall
from evals.nuggets import carrying, find_nuggets, holds, of_subject
from indexer.documents import read_documents
from indexer.passages import split_passages
from indexer.sentences import reading_form

CORPUS = Path(__file__).parents[2] / "corpus"
FEWEST = 150  # answerable cases with nuggets


@pytest.fixture(scope="module")
def sentences() -> list[tuple[str, frozenset[str]]]:
    """Every sentence of the corpus as it is shown, with the topics of its passage."""

    def read() -> Iterator[tuple[str, frozenset[str]]]:
        for document in read_documents(CORPUS).documents:
            for passage in split_passages(document):
                for span in passage.sentences:
                    yield norm(reading_form(passage.quote(span))), frozenset(passage.topics)

    return list(read())


def test_every_evidence_stands_word_for_word_in_one_sentence_of_the_corpus(
    sentences: list[tuple[str, frozenset[str]]],
) -> None:
    gone = [
        f"{nugget.id}: {evidence}"
        for nugget in read_nuggets().values()
        for evidence in nugget.evidence
        if not any(norm(evidence) in sentence for sentence, _ in sentences)
    ]
    assert gone == [], "the corpus no longer says this; give the nugget its new words"


def test_enough_answerable_cases_list_nuggets() -> None:
    listed = [c for split in ("dev", "test") for c in read_cases(f"answerable-{split}") if c.nuggets]
    assert len(listed) >= FEWEST


def test_a_case_lists_nuggets_of_its_own_topics() -> None:
    odd = [
        (case.id, nugget.id)
        for case in read_cases("answerable-test")
        for nugget in case.nuggets
        if nugget.topics and not set(nugget.topics) & set(case.topics)
    ]
    assert odd == []


def test_an_answer_made_of_the_evidence_holds_all_and_one_from_elsewhere_hardly_any(
    sentences: list[tuple[str, frozenset[str]]],
) -> None:
    """The oracle and the wrong section: what the measure says where the truth is known."""
    cases = [c for c in read_cases("answerable-test") if c.nuggets]
    whole = [text for text, _ in sentences]
    oracle, wrong = [], []
    for number, case in enumerate(cases):
        own = [next(s for s in whole if norm(n.evidence[0]) in s) for n in case.nuggets]
        oracle.append(nugget_recall(find_nuggets(case.nuggets, own)) or 0.0)
        others = [text for text, topics in sentences if topics and not topics & set(case.topics)]
        start = number * 37 % (len(others) - 12)
        wrong.append(nugget_recall(find_nuggets(case.nuggets, others[start : start + 12])) or 0.0)
    assert sum(oracle) / len(oracle) == 1.0
    assert sum(wrong) / len(wrong) < 0.02


def test_typography_does_not_matter_and_words_do() -> None:
    nugget = Nugget("n", "t", ("you don't owe a reply",))
    assert holds("No, you don\u2019t owe  a reply today.", nugget)
    assert not holds("No, you do owe a reply today.", nugget)


def test_any_evidence_will_do_and_each_sentence_is_looked_at_alone() -> None:
    nugget = Nugget("n", "t", ("wait a week", "seven days"))
    assert find_nuggets([nugget], ["Give it", "seven days."]) == (True,)
    assert carrying([nugget], ["Give it seven days.", "Then look."]) == (True, False)
    assert find_nuggets([], ["Give it seven days."]) == ()


def test_a_sentence_may_carry_any_nugget_of_the_subject() -> None:
    case = read_cases("answerable-test")[0]
    every = tuple(read_nuggets().values())
    subject = of_subject(case, every)
    assert set(case.nuggets) < set(subject)
    assert all(set(n.topics) & set(case.topics) for n in subject)
