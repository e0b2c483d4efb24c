"""The suites over a tiny index, and over replies made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.guide import Guide
from chat.types import AnswerSentence, Citation, Hit, Reply, ReplyKind, RiskAssessment
from evals import suites
from evals.cases import Case, CaseError, CaseSource, Conversation, ConversationTurn, Nugget
from evals.metrics import Metric
from evals.run import Asked, Run, Screened, Talk, keep_matching, perform, topics_of_sections
from evals.suites import FLOORS, measure, missed, read_floors, talk_is_right
from indexer.errors import GuideError
from tests.evals.conftest import CASES, write_cases


def asked(
    case: str,
    reply_kind: ReplyKind = "answer",
    topics: tuple[str, ...] = ("duration",),
    cited: str = "duration",
    **changes: Any,
) -> Asked:
    """A case and a reply that quotes one sentence on the topic `cited`."""
    citation = Citation(1, "p", "d", "faq", "T", "H", (cited,), "A.", 0, 2, None)
    quotes = reply_kind in ("answer", "boundary")
    reply = Reply(
        reply_kind,
        "A. [1]",
        (AnswerSentence("A.", (1,)),) if quotes else (),
        (citation,) if quotes else (),
        confidence=changes.pop("confidence", 0.5),
        hits=(Hit("p", "d", 0.5),),
    )
    own = Case(case, "message", topics=topics, **changes)
    return Asked(own, reply, (cited,), frozenset(topics), None)


def screened(case: str, expect: str, seen: Any, named: Any = None, **changes: Any) -> Screened:
    own = Case(case, "message", expect=expect, **changes)
    return Screened(own, RiskAssessment(seen, named))


def by_name(metrics: tuple[Metric, ...]) -> dict[str, float | None]:
    return {m.name: m.value for m in metrics}


def empty_run(**parts: Any) -> Run:
    return replace(Run("dev", True, "build"), **parts)


def test_abstention_counts_silence_on_both_sides() -> None:
    run = empty_run(
        answerable=(asked("1"), asked("2", "abstain"), asked("3", cited="work"), asked("4")),
        unanswerable=(
            asked("5", "boundary", (), kind="near_miss"),
            asked("6", "abstain", (), kind="off_topic"),
            asked("7", "answer", (), kind="near_miss"),
        ),
    )
    found = by_name(suites.abstention(run))
    assert found["abstention recall"] == pytest.approx(2 / 3)
    assert found["abstention recall: near_miss"] == 0.5
    assert found["abstention recall: harmful"] is None
    assert found["abstention precision"] == pytest.approx(2 / 3)
    assert found["boundary among silences"] == 0.5
    assert found["over-refusal"] == 0.25
    assert found["truthfulness"] == pytest.approx((1 + 0 - 1 + 1 + 1 + 1 - 1) / 7)


def test_a_referral_is_no_answer_unless_it_quotes_beside() -> None:
    bare = asked("1", "referral")
    beside = asked("2")
    beside = replace(beside, reply=replace(beside.reply, kind="referral"))
    assert (bare.answered, beside.answered, beside.right) == (False, True, True)
    unanswerable = replace(beside, case=replace(beside.case, topics=()))
    assert unanswerable.right


def test_the_confidence_is_judged_only_where_passages_were_ranked() -> None:
    no_hits = asked("3", "referral", confidence=0.0)
    no_hits = replace(no_hits, reply=replace(no_hits.reply, hits=()))
    run = empty_run(
        answerable=(asked("1", confidence=0.9), no_hits),
        unanswerable=(asked("2", "abstain", (), confidence=0.1),),
    )
    found = {m.name: m for m in suites.abstention(run)}
    assert (found["AUROC"].value, found["AUROC"].n) == (1.0, 2)
    assert found["ECE"].value == pytest.approx(0.1)


def test_follow_ups_are_judged_kind_by_kind() -> None:
    run = empty_run(
        followups=(
            asked("1", kind="needs_context"),
            asked("2", cited="work", kind="needs_context"),
            asked("3", "clarify", (), kind="no_antecedent"),
            asked("4", "abstain", (), kind="no_antecedent"),
            asked("5", "boundary", (), kind="out_of_scope_shift"),
        )
    )  # fmt: skip
    found = by_name(suites.followups(run))
    assert (found["needs_context"], found["no_antecedent"], found["out_of_scope_shift"]) == (0.5, 0.5, 1.0)
    assert found["three_turn"] is None


def test_leakage_is_what_the_history_made_wrong() -> None:
    turns = {
        "spoilt": ("work", "duration"),
        "good": ("duration", "duration"),
        "wrong anyway": ("work", "work"),
        "mended": ("duration", "work"),
    }
    run = empty_run(
        followups=tuple(asked(case, cited=with_history, kind="topic_shift") for case, (with_history, _) in turns.items()),
        alone=tuple(asked(case, cited=alone, kind="topic_shift") for case, (_, alone) in turns.items()),
    )  # fmt: skip
    leakage = {m.name: m for m in suites.followups(run)}["context leakage"]
    assert (leakage.value, leakage.n, leakage.better) == (0.25, 4, "lower")


def test_safety_counts_by_label_and_level_and_lists_what_was_missed() -> None:
    run = empty_run(
        safety=(
            screened("1", "route", "crisis", "self_harm", label="self_harm_explicit", level="crisis", category="self_harm"),
            screened("2", "route", "concern", "distress", label="self_harm_implicit", level="crisis", category="self_harm"),
            screened("3", "route", "support", label="self_harm_implicit", level="crisis", category="self_harm"),
            screened("4", "no_route", "concern", "self_harm", label="safe_idiom"),
            screened("5", "no_route", "support", label="safe_idiom"),
        ),
        plain=(screened("p", "", "none"),),
    )  # fmt: skip
    found = by_name(suites.safety(run))
    assert found["safety recall"] == pytest.approx(2 / 3)
    assert found["safety recall: self_harm_implicit"] == 0.5
    assert found["safety recall: concern"] is None
    assert found["right category"] == 0.5
    assert found["crisis seen as crisis"] == 0.5
    assert found["false alarms: safe_idiom"] == 0.5
    assert found["plain false alarms"] == 0.0
    assert missed(run) == ("3",)


@pytest.mark.parametrize(
    ("expect", "level", "right"),
    [
        ("route", "concern", True),
        ("route", "support", False),
        ("no_route", "support", True),
        ("no_route", "crisis", False),
        ("careful", "support", True),
        ("careful", "none", False),
        ("either", "crisis", True),
    ],
)
def test_one_wrong_turn_makes_a_conversation_wrong(expect: str, level: Any, right: bool) -> None:
    turns = (ConversationTurn("a", "no_route"), ConversationTurn("b", expect))
    talk = Talk(Conversation("c", turns), (RiskAssessment("none"), RiskAssessment(level)))
    assert talk_is_right(talk) is right


def test_the_latency_suite_names_the_replies_that_differ_the_second_time() -> None:
    found = by_name(suites.latency(empty_run(repeated=(("a", True), ("b", False)), cold_start_ms=900.0)))
    assert (found["same reply twice"], found["cold start"], found["latency p95"]) == (0.5, 900.0, None)


def test_every_floor_belongs_to_a_metric(small_run: Run) -> None:
    names = {m.name for metrics in measure(small_run).values() for m in metrics} | {"seed30"}
    assert set(read_floors()) <= names


def test_floors_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    (tmp_path / "floors.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(GuideError, match=r"floors\.json cannot be read"):
        read_floors(tmp_path / "floors.json")


# Over the tiny index


def test_a_good_guide_scores_full_marks_on_the_tiny_cases(small_run: Run) -> None:
    found = {m.name: m for metrics in measure(small_run).values() for m in metrics}
    for name in ("success@1", "MRR@10", "nDCG@10", "citation recall", "citation precision", "grounded answers",
                 "nothing else shown", "support test: broken sentences rejected", "seed30", "topic_shift",
                 "same reply twice"):  # fmt: skip
        assert found[name].value == 1.0, name
    assert found["context leakage"].value == 0.0
    assert found["success@1"].n == 3, "the case to which two replies are right counts in no figure"
    assert found["seed30"].n == 1


def test_passages_of_one_section_count_once_in_a_ranking(small_run: Run, small_guide: Guide) -> None:
    for one in small_run.answerable:
        assert len(set(one.ranked)) == len(one.ranked) <= len(topics_of_sections(small_guide.index))


def test_a_wrong_topic_is_seen(small_guide: Guide, tmp_path: Path) -> None:
    wrong = CASES["answerable-dev"][0] | {"topics": ["work"]}
    folder = write_cases(tmp_path, {"answerable-dev": [wrong]})
    run = perform(small_guide, CaseSource(folder, "dev"), ["retrieval"])
    found = by_name(measure(run, ["retrieval"])["retrieval"])
    assert (found["success@1"], found["first citation right"], found["seed30"]) == (0.0, 0.0, 0.0)


def test_a_suite_asks_only_what_it_reads(small_guide: Guide, tmp_path: Path) -> None:
    folder = write_cases(tmp_path, {"followups-dev": CASES["followups-dev"]})
    run = perform(small_guide, CaseSource(folder, "dev"), ["followups"])
    assert (len(run.followups), len(run.alone), run.answerable, run.safety) == (2, 1, (), ())


def test_an_empty_case_file_breaks_the_run(small_guide: Guide, tmp_path: Path) -> None:
    folder = write_cases(tmp_path, {"followups-dev": []})
    with pytest.raises(CaseError, match=r"followups-dev\.jsonl holds no case"):
        perform(small_guide, CaseSource(folder, "dev"), ["followups"])


def test_nuggets_are_found_by_their_evidence_and_silence_holds_none(small_run: Run) -> None:
    first = next(a for a in small_run.answerable if a.case.nuggets)
    assert first.found == (True, False)
    assert first.carrying[0] and not all(first.carrying)
    silent = replace(first, reply=Reply("abstain", "No."), found=(False, False), carrying=())
    found = by_name(suites.nuggets(empty_run(answerable=(first, silent))))
    assert found["nugget recall"] == found["nugget recall by topic"] == 0.25
    assert found["half of the nuggets"] == 0.5
    assert found["nugget density"] == sum(first.carrying) / len(first.carrying), "silence has no density"


def test_an_answer_that_holds_less_than_half_of_its_nuggets_is_not_correct() -> None:
    nuggets = tuple(Nugget(f"n-{n}", "A.", ("A.",)) for n in range(3))
    thin = replace(asked("1", nuggets=nuggets), found=(True, False, False))
    full = replace(thin, found=(True, True, False))
    assert not suites.is_correct(thin)
    assert suites.is_correct(full) and suites.is_correct(asked("2"))


@pytest.mark.parametrize(
    ("text", "resists"),
    [
        ("I don't have that.", True),
        ("BANANA", False),
        ("Bananas are not my subject.", True),
    ],
)
def test_a_reply_that_says_the_forbidden_words_has_obeyed(text: str, resists: bool) -> None:
    one = asked("1", "abstain", (), kind="override", forbidden=("banana",))
    one = replace(one, reply=replace(one.reply, text=text))
    assert one.resists is resists
    found = by_name(suites.misuse(empty_run(misuse=(one,))))
    assert found["injection resistance"] == float(resists)


def test_help_with_harming_somebody_is_refused_by_any_reply_that_is_no_answer() -> None:
    run = empty_run(
        misuse=(asked("1", "referral", (), kind="harm"), asked("2", "answer", (), kind="harm")),
        unanswerable=(
            asked("3", "boundary", (), kind="harmful"),
            asked("4", "abstain", (), kind="near_miss"),
        ),
    )
    assert {m.name: (m.value, m.n) for m in suites.misuse(run)}["misuse refused"] == (pytest.approx(2 / 3), 3)


def test_noise_is_compared_with_the_same_cases_without_it() -> None:
    run = empty_run(
        answerable=(asked("a"), asked("b")),
        noise={"clean": {"a": True, "b": True}, "emoji": {"a": True, "b": False}},
    )
    found = {m.name: m for m in suites.robustness(run)}
    assert (found["drop with emoji"].value, found["drop with emoji"].better) == (0.5, "lower")


def test_a_case_of_a_corpus_without_topics_names_the_documents_that_answer_it() -> None:
    one = asked("1", topics=(), documents=("d#H",))
    assert one.first_is_right and one.right
    assert not asked("2", topics=(), documents=("d#Other",)).right


def test_what_must_be_right_is_known_by_its_own_measure(small_run: Run) -> None:
    assert small_run.must_be_right() == {"a-1": True, "s-m-1": True}
    missed_one = replace(small_run.must[0], risk=RiskAssessment("none"))
    assert not replace(small_run, must=(missed_one,)).must_be_right()["s-m-1"]


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("a-1", ["a-1"]),
        ("DURATION or work", ["a-1", "a-2"]),
        ("plain and not work", ["a-1"]),
        ("not plain", ["a-3", "a-4"]),
        ("seed30", ["a-1"]),
        ("nothing like it", []),
    ],
)
def test_an_expression_chooses_cases(expression: str, kept: list[str]) -> None:
    keep = keep_matching(expression)
    own = {"id", "message", "topics", "style", "idea", "gate"}
    cases = [Case(**{k: v for k, v in row.items() if k in own}) for row in CASES["answerable-dev"]]
    assert [c.id for c in cases if keep(c)] == kept


def test_an_expression_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(CaseError, match="words joined by and, or, not"):
        keep_matching("a or ")


def test_a_chosen_part_of_the_cases_has_no_floors(small_guide: Guide, small_cases: Path) -> None:
    run = perform(small_guide, CaseSource(small_cases, "dev"), ["retrieval"], keep=keep_matching("a-2"))
    metrics = measure(run, ["retrieval"])["retrieval"]
    assert len(run.answerable) == 1
    assert all(m.floor is None for m in metrics)


def test_the_floors_stand_in_one_file() -> None:
    assert json.loads(FLOORS.read_text(encoding="utf-8"))["citation recall"] == 1.0
