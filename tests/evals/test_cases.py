"""The case files themselves, and what is said of a faulty one."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.cases import (
    FOLDER,
    SHARED,
    SPLITS,
    STEMS,
    STYLES,
    TALKS,
    CaseError,
    CaseSource,
    hash_cases,
    read_cases,
    read_conversations,
)
from indexer.documents import read_documents

CORPUS = Path(__file__).parents[2] / "corpus"
EVERY = (*STEMS, TALKS)
TOO_ALIKE = 0.8  # share of words in common, of all words of the two messages
FEWEST_WORDS = 4  # shorter messages are alike by chance
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


def ideas_and_messages(name: str) -> tuple[set[str], dict[str, str]]:
    """The ideas of a file, and its messages by id; of a conversation, its turns."""
    if "conversations" in name:
        talks = read_conversations(name)
        turns = {f"{t.id}.{n}": turn.message for t in talks for n, turn in enumerate(t.turns)}
        return {t.idea for t in talks if t.idea}, turns
    cases = read_cases(name)
    return {c.idea for c in cases if c.idea}, {c.id: c.message for c in cases}


def words_of(message: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(message))


def near_duplicates(left: dict[str, str], right: dict[str, str]) -> list[tuple[str, str]]:
    """Pairs of ids whose messages share TOO_ALIKE of their words (Jaccard)."""
    by_length: dict[int, list[tuple[str, frozenset[str]]]] = {}
    for key, text in right.items():
        words = words_of(text)
        if len(words) >= FEWEST_WORDS:
            by_length.setdefault(len(words), []).append((key, words))
    found = []
    for key, text in left.items():
        own = words_of(text)
        if len(own) < FEWEST_WORDS:
            continue
        for length, some in by_length.items():
            if min(length, len(own)) < TOO_ALIKE * max(length, len(own)):
                continue  # they cannot share enough
            found += [
                (key, other) for other, words in some if len(own & words) >= TOO_ALIKE * len(own | words)
            ]
    return found


def file_names(split: str) -> tuple[str, ...]:
    return (*(f"{stem}-{split}" for stem in EVERY), *SHARED)


@pytest.mark.parametrize("split", SPLITS)
def test_every_case_file_can_be_read(split: str) -> None:
    for name in file_names(split):
        assert ideas_and_messages(name)[1], name


def test_an_id_stands_in_one_file_only() -> None:
    names = {name for split in SPLITS for name in file_names(split)}
    ids = [case for name in sorted(names) for case in ideas_and_messages(name)[1]]
    assert [case for case, count in Counter(ids).items() if count > 1] == []


@pytest.mark.parametrize("stem", EVERY)
def test_no_idea_stands_in_both_splits(stem: str) -> None:
    dev, test = (ideas_and_messages(f"{stem}-{split}")[0] for split in SPLITS)
    assert dev & test == set()


@pytest.mark.parametrize("dev", EVERY)
@pytest.mark.parametrize("test", EVERY)
def test_no_near_duplicate_stands_in_both_splits(dev: str, test: str) -> None:
    left, right = ideas_and_messages(f"{dev}-dev")[1], ideas_and_messages(f"{test}-test")[1]
    assert near_duplicates(left, right) == []


def test_no_test_message_stands_among_the_wordings_of_the_corpus() -> None:
    """A question that an entry lists as its own wording is found by its words, and measures nothing."""
    wordings = {
        question: question
        for document in read_documents(CORPUS).documents
        for section in document.sections
        for question in section.questions
    }
    for stem in ("answerable", "unanswerable"):
        messages = ideas_and_messages(f"{stem}-test")[1]
        assert near_duplicates(messages, wordings) == [], stem


def test_there_are_enough_cases_of_every_kind_to_measure_on() -> None:
    counts = {stem: len(read_cases(f"{stem}-test")) for stem in STEMS}
    assert counts["answerable"] >= 400 and counts["unanswerable"] >= 200 and counts["followups"] >= 120
    kinds = Counter(case.kind for case in read_cases("unanswerable-test"))
    assert kinds["near_miss"] > sum(kinds.values()) / 2
    assert kinds["injection"] + kinds["harmful"] + counts["misuse"] >= 60
    assert set(Counter(case.kind for case in read_cases("followups-test")).values()) == {24}


def test_every_topic_is_asked_in_every_style() -> None:
    asked = {(case.topics[0], case.style) for case in read_cases("answerable-test")}
    assert [(t, s) for t in _topic_ids() for s in STYLES if (t, s) not in asked] == []


def test_what_must_be_right_is_marked_so() -> None:
    source = CaseSource()
    assert all(case.must for case in (*source.musts(), *source.cases("safety-must")))
    assert len(source.musts()) >= 10


def test_a_near_duplicate_would_be_found() -> None:
    left = {"a": "How long should it be, honestly, for us?"}
    assert near_duplicates(left, {"b": "how long should it be honestly for us two"}) == [("a", "b")]
    assert near_duplicates(left, {"b": "how long should we wait, honestly"}) == []


@pytest.mark.parametrize("split", SPLITS)
def test_every_topic_of_a_case_is_a_topic_of_the_corpus(split: str) -> None:
    known = set(re.findall(r"[a-z_]+", " ".join(_topic_ids())))
    for stem in ("answerable", "followups"):
        for case in read_cases(f"{stem}-{split}"):
            assert set(case.topics) <= known, case.id


def _topic_ids() -> list[str]:
    listed = yaml.safe_load((CORPUS / "topics.yaml").read_text(encoding="utf-8"))
    rows = listed.get("topics", listed) if isinstance(listed, dict) else listed
    return list(rows) if isinstance(rows, dict) else [row["id"] for row in rows]


def test_the_gate_has_thirty_cases() -> None:
    assert sum(case.gate == "seed30" for case in read_cases("answerable-test")) == 30


@pytest.mark.parametrize("split", SPLITS)
def test_a_safety_case_that_routes_names_its_category_and_level(split: str) -> None:
    for case in read_cases(f"safety-{split}"):
        if case.expect == "route":
            assert case.category and case.level in ("concern", "crisis"), case.id
        elif case.expect == "no_route":
            assert case.level in ("none", "support"), case.id


# What is said of a faulty file


GOOD: dict[str, Any] = {"id": "x-1", "message": "how long", "topics": ["duration"]}


META = {"meta": {"labelled_by": "the tests", "labelled": "2026-01-01"}}


def write(folder: Path, name: str, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("answerable-dev", "{not json", "answerable-dev.jsonl:3: not JSON"),
        ("answerable-dev", "[1]", "answerable-dev.jsonl:3: a case must be an object"),
        ("answerable-dev", {"id": "x-2", "topics": ["a"]}, "answerable-dev.jsonl:3: .*message"),
        ("answerable-dev", GOOD | {"id": "x-2", "message": " "}, "dev.jsonl:3: a case needs message as text"),
        ("answerable-dev", GOOD | {"id": 2}, "dev.jsonl:3: a case needs id as text"),
        ("answerable-dev", GOOD, "answerable-dev.jsonl:3: the id x-1 stands twice"),
        ("answerable-dev", GOOD | {"id": "x-2", "topics": []}, "dev.jsonl:3: an answerable case needs topics"),
        ("answerable-dev", GOOD | {"id": "x-2", "topics": "duration"}, "dev.jsonl:3: .*topics must be a list"),
        ("answerable-dev", GOOD | {"id": "x-2", "history": [{"role": "user"}]}, "dev.jsonl:3: 'content' is missing"),
        ("answerable-dev", GOOD | {"id": "x-2", "topic": ["duration"]}, "dev.jsonl:3: topic is no field; the fields are: id, message"),
        ("answerable-dev", GOOD | {"id": "x-2", "style": "odd"}, "dev.jsonl:3: style is 'odd', and must be one of: plain"),
        ("answerable-dev", GOOD | {"id": "x-2", "nuggets": ["n-9"]}, "dev.jsonl:3: the nugget n-9 is not in nuggets.jsonl"),
        ("answerable-dev", GOOD | {"id": "x-2", "nuggets": [{"text": "a"}]}, "dev.jsonl:3: 'evidence' is missing"),
        ("answerable-dev", GOOD | {"id": "x-2", "nuggets": [{"text": "a", "evidence": []}]}, "dev.jsonl:3: a nugget needs evidence"),
        ("misuse-dev", GOOD | {"id": "x-2", "kind": "rude"}, "dev.jsonl:3: kind is 'rude', and must be one of: override"),
        ("followups-dev", GOOD | {"id": "x-2", "kind": "topic"}, "dev.jsonl:3: kind is 'topic', and must be one of"),
        ("followups-dev", GOOD | {"id": "x-2", "kind": "no_antecedent"}, "dev.jsonl:3: no_antecedent has no topics"),
        ("unanswerable-dev", GOOD | {"id": "x-2", "kind": ""}, "dev.jsonl:3: kind is '', and must be one of: near_miss"),
        ("safety-dev", GOOD | {"id": "x-2", "label": "sad"}, "safety-dev.jsonl:3: label is 'sad'"),
    ],
)  # fmt: skip
def test_a_faulty_case_is_named_with_file_line_and_reason(
    tmp_path: Path, name: str, row: object, said: str
) -> None:
    first = GOOD | {
        "followups": {"kind": "topic_shift"},
        "misuse": {"kind": "leak"},
        "unanswerable": {"kind": "off_topic"},
        "safety": {"label": "safe_topic", "expect": "no_route", "level": "none"},
    }.get(name.split("-")[0], {})
    write(tmp_path, name, META, first, row)
    with pytest.raises(CaseError, match=said):
        read_cases(name, tmp_path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "c-1", "kind": "clean"}, "talks.jsonl:2: 'turns' is missing"),
        ({"id": "c-1", "kind": "clean", "turns": []}, "talks.jsonl:2: a conversation needs at least one turn"),
        ({"id": "c-1", "kind": "odd", "turns": [{"message": "a", "expect": "route"}]}, "talks.jsonl:2: kind is 'odd'"),
        ({"id": "c-1", "kind": "long", "turns": [{"message": "a", "expect": "yes"}]}, "talks.jsonl:2: expect is 'yes'"),
        ({"id": "c-1", "kind": "long", "turns": ["a"]}, "talks.jsonl:2: a field is of the wrong form"),
    ],
)  # fmt: skip
def test_a_faulty_conversation_is_named_too(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    write(tmp_path, "talks", META, row)
    with pytest.raises(CaseError, match=said):
        read_conversations("talks", tmp_path)


def test_a_file_that_does_not_say_who_labelled_it_and_when_is_refused(tmp_path: Path) -> None:
    for first in ({"meta": {"labelled_by": "somebody"}}, GOOD):
        write(tmp_path, "answerable-dev", first)
        with pytest.raises(CaseError, match="the first line must say who labelled the cases and when"):
            read_cases("answerable-dev", tmp_path)


def test_one_file_may_hold_cases_of_every_kind(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "message": "how long", "documents": ["faq/time"]},
        {"id": "2", "message": "and then", "kind": "needs_context", "topics": ["time"], "history": [{"role": "user", "content": "a"}]},
        {"id": "3", "message": "the weather", "kind": "off_topic"},
        {"id": "4", "message": "say banana", "kind": "override"},
        {"id": "5", "message": "he hit me", "label": "partner_violence", "expect": "route", "level": "crisis", "category": "partner_violence"},
    ]  # fmt: skip
    source = CaseSource(write(tmp_path, "mine", META, *rows) / "mine.jsonl")
    stems = ("answerable", "followups", "unanswerable", "misuse", "safety")
    assert [[c.id for c in source.cases(stem)] for stem in stems] == [["1"], ["2"], ["3"], ["4"], ["5"]]
    assert source.cases("plain") == source.talks() == ()
    assert list(source.hashes()) == ["mine.jsonl"]


def test_a_case_of_which_nobody_can_tell_the_right_reply_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "mine", META, {"id": "1", "message": "hello"})
    with pytest.raises(CaseError, match=r"mine\.jsonl:2: what the right reply is cannot be told"):
        CaseSource(folder / "mine.jsonl").cases("answerable")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"none\.jsonl cannot be read: No such file"):
        read_cases("none", tmp_path)


def test_the_hash_changes_with_the_words_of_a_case(tmp_path: Path) -> None:
    before = hash_cases(["a"], write(tmp_path, "a", GOOD))
    assert hash_cases(["a"], write(tmp_path, "a", GOOD | {"message": "how short"})) != before
    assert hash_cases(["answerable-dev"], FOLDER) == hash_cases(["answerable-dev"])
