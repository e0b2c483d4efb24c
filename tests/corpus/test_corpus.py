"""Our own corpus: complete, checked, and careful where somebody may be in danger."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from indexer.documents import read_documents, read_references
from indexer.encoder import SentenceEncoder
from indexer.lint import check_corpus
from indexer.lint_accepted import read_accepted
from indexer.lint_claims import read_claims
from indexer.lint_finding import section_text
from indexer.lint_shape import MAX_GRADE, grade, reading_level
from indexer.sentences import count_words
from indexer.types import Document
from tests.conftest import ROOT

CORPUS = ROOT / "corpus"
DOCUMENTS = read_documents(CORPUS).documents
NOTE_HEADINGS = (
    *("What it is", "Who took part", "What it found"),
    *("What it cannot tell", "How to cite", "How we word it"),
)


def of_kind(kind: str) -> list[Document]:
    return [d for d in DOCUMENTS if d.kind == kind]


def texts_by_mark() -> dict[str, str]:
    """The sentences of each article and note, and of each FAQ entry, by its id."""
    texts = {d.mark: " ".join(section_text(d, s) for s in d.sections) for d in DOCUMENTS if d.mark}
    texts |= {s.mark: section_text(d, s) for d in DOCUMENTS for s in d.sections if s.mark}
    return texts


TEXTS = texts_by_mark()


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", text)


# --- complete


def test_all_twenty_articles_are_there() -> None:
    assert sorted(d.mark for d in of_kind("article")) == [f"ART-{n:02}" for n in range(1, 21)]


def test_every_faq_entry_stands_once() -> None:
    marks = [s.mark for d in of_kind("faq") for s in d.sections]
    assert sorted(marks) == [f"F{n:02}" for n in range(1, 97)]


def test_all_twenty_two_notes_are_there() -> None:
    assert sorted(d.mark for d in of_kind("note")) == [f"RN-{n:02}" for n in range(1, 23)]


def test_there_are_at_least_forty_boundaries() -> None:
    assert len(of_kind("boundary")) >= 40


@pytest.mark.parametrize("document", of_kind("article"), ids=lambda d: d.mark)
def test_an_article_has_its_length_and_ends_with_what_is_known(document: Document) -> None:
    sections = [count_words(section_text(document, s)) for s in document.sections]
    assert 900 <= sum(sections) <= 1600
    assert all(80 <= words <= 165 for words in sections)
    assert document.sections[-1].heading[-1] == "What we know and what we do not"


@pytest.mark.parametrize("document", of_kind("faq"), ids=lambda d: d.document_id)
def test_an_entry_has_sixty_to_a_hundred_and_sixty_words_and_other_wordings(document: Document) -> None:
    for section in document.sections:
        assert 60 <= count_words(section_text(document, section)) <= 160, section.mark
        assert len(section.questions) > 6, section.mark


@pytest.mark.parametrize("document", of_kind("note"), ids=lambda d: d.mark)
def test_a_note_has_the_six_headings(document: Document) -> None:
    assert tuple(s.heading[-1] for s in document.sections if s.heading) == NOTE_HEADINGS


@pytest.mark.parametrize("document", of_kind("boundary"), ids=lambda d: d.document_id)
def test_a_boundary_is_short_and_has_wordings(document: Document) -> None:
    (section,) = document.sections
    assert 40 <= count_words(section_text(document, section)) <= 90
    assert len(section.questions) >= 10


# --- easy to read


def test_articles_and_entries_can_be_read_at_thirteen() -> None:
    level = reading_level(DOCUMENTS)
    assert level is not None and level.median <= MAX_GRADE
    hard = {d.document_id: round(grade(d), 1) for d in DOCUMENTS if d.kind in ("article", "faq")}
    assert {name: value for name, value in hard.items() if value > MAX_GRADE} == {}


# --- checked


@pytest.fixture(scope="module")
def report_day() -> date:
    """The day of the last review: texts grow old by themselves, and a test must not."""
    return max(date.fromisoformat(d.reviewed) for d in DOCUMENTS)


def test_the_check_leaves_no_finding_unexplained(
    corpus_index: Path, encoder: SentenceEncoder, report_day: date
) -> None:
    report = check_corpus(CORPUS, report_day, corpus_index, encoder)
    assert [str(f) for f in report.findings] == []
    assert report.notes == ()
    assert len(report.accepted) <= 25  # a list that nobody can read through explains nothing


def test_every_acceptance_says_why() -> None:
    rows = read_accepted(CORPUS / "accepted.yaml")
    assert [row.what for row in rows if len(row.reason.split()) < 5] == []


def test_every_claim_of_the_source_article_is_registered_once() -> None:
    claims = read_claims(CORPUS / "claims.yaml")
    assert [c.claim_id for c in claims] == [f"A{n}" for n in range(1, 104)]
    assert all(c.carried_by for c in claims)


def test_the_contradicted_claim_is_carried_by_the_passage_that_corrects_it() -> None:
    claim = next(c for c in read_claims(CORPUS / "claims.yaml") if c.claim_id == "A89")
    assert claim.strength == "corrected" and "not shown" in claim.claim
    assert "boelen-eisma" in claim.references
    assert "has not been shown to speed up healing" in TEXTS["ART-02"]


# --- corrections


def test_evans_is_named_rightly() -> None:
    text = TEXTS["RN-03"] + TEXTS["ART-15"] + TEXTS["F09"]
    assert text.count("Melanie Tonia Evans") >= 3
    reference = read_references(CORPUS / "references.yaml")["evans-2018"]
    assert "Evans, M. T." in reference.authors


def test_both_years_of_lue_are_given() -> None:
    assert "2012/2013" in TEXTS["RN-01"]


def test_the_forecasting_study_is_about_the_start_and_not_the_length() -> None:
    assert "fairly right about how quickly" in TEXTS["RN-12"]
    assert "Their guess was too gloomy about how hard it would hit" in TEXTS["ART-04"]


def test_the_study_of_meetings_says_that_it_is_about_meetings() -> None:
    assert "meetings in person and not messages or social media" in TEXTS["RN-06"]


@pytest.mark.parametrize("mark", ["ART-01", "ART-02", "F07", "F11", "F19"])
def test_the_lack_of_a_trial_is_said_plainly(mark: str) -> None:
    assert re.search(r"no (study|trial)|found none", TEXTS[mark])


# --- safe: what must be said, and what must not, by kind of danger


@dataclass(frozen=True)
class SafetyRow:
    """Texts near one kind of danger: ideas that each must hold, wordings that none may.

    `elsewhere` names ideas that do not belong in a text, with the reason.
    """

    texts: tuple[str, ...]
    ideas: dict[str, str]
    forbidden: tuple[str, ...]
    elsewhere: dict[tuple[str, str], str] = field(default_factory=dict)


ROWS = {
    "danger from an ex": SafetyRow(
        texts=("ART-09", "ART-12", "ART-15", "F18", "F55", "F77"),
        ideas={
            "the emergency number": r"emergency number",
            "leaving can raise danger": r"(leaving|separation|cut\w*|silent)[^.]*(danger|risk)|most dangerous",
            "a plan with somebody trained": r"(service|advocate|trained|they)[^.]*plan|plan[^.]*(service|advocate)",
            "trust your fear": r"trust your fear|fear is reason enough|let that fear count|or fear",
            "a safe device": r"(phone|computer|device)[^.]*cannot see|safe (device|phone)",
        },
        forbidden=(
            r"\bjust block\b",
            r"no contact is the (only|sole)",
            r"not hit you[^.]*not serious",
            r"\b(try|go to|book) (couples?|marriage) counselling\b",
            r"\bmeet (them|your ex) (once more|for a last talk)\b",
        ),
    ),
    "stalking and harassment": SafetyRow(
        texts=("ART-09", "ART-08", "F43", "F54", "F55", "F78"),
        ideas={
            "one notice": r"\bonce\b|one clear|after a clear no",
            "no replies": r"\b(do|does) not (\w+ )?(reply|answer)|answer nothing|no answer to|no repl",
            "keep proof": r"screenshots?|proof|evidence|\blog\b|write it down|save the message",
            "tell people": r"\btell\b|\burge the person\b",
            "police or a service": r"police|stalking (or|service)",
        },
        forbidden=(
            r"ignore (it|them)[^.]*(stops?|go away)",
            r"(reply|answer)[^.]*to calm them",
            r"(?<!not )\bdelete the messages\b",
            r"\b(confront|investigate) (them|your ex)\b",
            r"\b(police|court|judge) (will|must|has to)\b",
        ),
        elsewhere={("F78", "one notice"): "the court has given notice"},
    ),
    "a narcissistic ex": SafetyRow(
        texts=("ART-15", "F09"),
        ideas={
            "only a clinician diagnoses": r"only a clinician",
            "describe what was done": r"what (they|was) d(id|one)",
            "it counts without a label": r"counts without|to take what happened seriously",
        },
        forbidden=(
            r"(?<!whether )your ex is a narcissist",
            r"(cannot|can't|never) (change|feel)\b",
            r"you attract(ed)?",
            r"\b(hormones?|dopamine|oxytocin|chemical)",
        ),
    ),
    "suicide and self-harm in the reader": SafetyRow(
        texts=("ART-20", "F28", "F40", "F81"),
        ideas={
            "named plainly": r"thinking of ending your life|thinking of dying|thoughts of (dying|not wanting to live)",
            "the emergency number": r"emergency number",
            "a crisis line": r"crisis line",
            "a person": r"someone|\ba friend\b|one person",
            "means out of reach": r"out of reach|distance between|away from anything",
        },
        forbidden=(
            r"\b(pills|overdose|hang(ing)?|rope|razor|bridge|jump(ing)?)\b",
            r"others have it worse",
            r"(?<!not )\bpromise to keep (it|this) secret",
            r"\b(selfish|think of (how|what) (it|you))\b",
        ),
    ),
    "an ex who threatens self-harm": SafetyRow(
        texts=("ART-09", "F56"),
        ideas={
            "believe it": r"believe it|seriously",
            "emergency services or family": r"emergency (number|service)[^.]*\b(where|place)\b.*\bfamily\b",
            "not your responsibility": r"not (your responsibility|responsible)",
            "you need not go or answer": r"do not have to (answer|go)",
        },
        forbidden=(r"only manipulat", r"\bignore it\b", r"(?<!not )(?<!not, )\bgo (to them|there) alone"),
    ),
    "children and orders": SafetyRow(
        texts=("ART-12", "F06", "F69", "F70", "F78"),
        ideas={
            "the order": r"\border\b|orders",
            "advice": r"legal|lawyer|ask for advice",
            "children are kept out": r"through (a|the) child|child out of it|if children are involved|go through a child",
        },
        forbidden=(
            r"(?<!not )cut off the other parent",
            r"win(ning)? custody",
            r"\bby law you\b|\bthe law says\b|\bit is illegal\b",
        ),
    ),
    "a reader who pursues": SafetyRow(
        texts=("ART-16", "ART-18", "F41", "F48", "F49", "F79"),
        ideas={
            "stop": r"\bstop\b|do not apologise|do not try to get round",
            "it may be a crime": r"crime|against the law|harassment",
            "help": r"therapist|helpline",
        },
        forbidden=(
            r"\b(use|make|create|try) (another|a new|a second) (account|number)",
            r"guess (the|their) password|track their",
            r"one (last|final) message",
        ),
    ),
    "intimate images": SafetyRow(
        texts=("F57",),
        ideas={
            "do not pay": r"do not pay",
            "keep proof": r"screenshots",
            "adults": r"StopNCII",
            "under 18": r"Take It Down",
            "police": r"police",
        },
        forbidden=(r"should not have sent", r"(?<!not )send (them |him |her )?(something|more)[^.]*calm"),
    ),
}
IDEAS = [
    pytest.param(mark, pattern, id=f"{area}: {idea}: {mark}")
    for area, row in ROWS.items()
    for mark in row.texts
    for idea, pattern in row.ideas.items()
    if (mark, idea) not in row.elsewhere
]
FORBIDDEN = [
    pytest.param(mark, pattern, id=f"{area}: {mark}: {pattern}")
    for area, row in ROWS.items()
    for mark in row.texts
    for pattern in row.forbidden
]


@pytest.mark.parametrize(("mark", "pattern"), IDEAS)
def test_a_text_near_danger_says_what_it_must(mark: str, pattern: str) -> None:
    assert re.search(pattern, TEXTS[mark], re.IGNORECASE)


@pytest.mark.parametrize(("mark", "pattern"), FORBIDDEN)
def test_a_text_near_danger_does_not_say_what_it_must_not(mark: str, pattern: str) -> None:
    said = [s for s in sentences_of(TEXTS[mark]) if re.search(pattern, s, re.IGNORECASE)]
    assert said == []


@pytest.mark.parametrize("mark", ["ART-09", "ART-12", "ART-15", "ART-18", "ART-20"])
def test_a_text_about_danger_begins_with_safety(mark: str) -> None:
    (document,) = [d for d in DOCUMENTS if d.mark == mark]
    assert document.safety == "high"
    first = section_text(document, document.sections[0])
    assert re.search(r"emergency number|stop now", first)


@pytest.mark.parametrize("mark", ["ART-12", "ART-15", "ART-17"])
def test_a_last_talk_or_counselling_is_never_the_fix_for_fear(mark: str) -> None:
    for sentence in sentences_of(TEXTS[mark]):
        if re.search(r"last talk|couples? counselling", sentence, re.IGNORECASE):
            assert re.search(r"\bno fix\b|\bdo not\b|\bno longer\b", sentence)


def test_minors_are_told_of_an_adult_and_a_helpline() -> None:
    for mark in ("ART-09", "ART-15", "ART-20", "F57"):
        assert re.search(r"under 18[^.]*(adult|Take It Down)|adult[^.]*under 18", TEXTS[mark]), mark
