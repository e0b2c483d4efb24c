"""The product broken on purpose in ten ways: each time the metric that is there for it turns red.

Red is a figure that the comparison with the sound guide calls worse, or one that must be perfect
and is not. The guide is the real one over the real corpus; what is broken is put around it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chat import fixed_texts
from chat.answer import quote_passage, render_text
from chat.guide import Guide
from chat.types import Reply, RiskAssessment, Turn
from evals.cases import FOLLOWUP_KINDS, Case, CaseSource, Conversation
from evals.compare import compare
from evals.mutations import BREAKS, generator_for
from evals.record import record
from evals.run import perform
from evals.suites import measure
from indexer.encoder import SentenceEncoder
from tests.conftest import ROOT
from tests.evals.conftest import ORIGIN

ONE_IN = 6  # of the cases that are not follow-ups
HISTORY_KINDS = ("needs_context", "topic_shift")
Change = Callable[["Around", str, Sequence[Turn]], Reply]


class Around:
    """A sound guide that remembers its replies, with a break put around it."""

    def __init__(self, sound: Guide, change: Change | None = None, screen: bool = True) -> None:
        self.sound = sound
        self.change = change
        self.screen = screen
        self.known: dict[tuple[str, tuple[Turn, ...]], Reply] = {}

    @property
    def index(self) -> Any:
        return self.sound.index

    @property
    def path(self) -> Path:
        return self.sound.path

    def ask(self, message: str, history: Sequence[Turn] = ()) -> Reply:
        """The sound guide's reply."""
        key = (message, tuple(history))
        if key not in self.known:
            self.known[key] = self.sound.reply(message, history)
        return self.known[key]

    def reply(self, message: str, history: Sequence[Turn] = ()) -> Reply:
        return self.change(self, message, history) if self.change else self.ask(message, history)

    def assess(self, message: str, history: Sequence[Turn] = ()) -> RiskAssessment:
        return self.sound.assess(message, history) if self.screen else RiskAssessment("none")

    def assess_by_layer(self, message: str) -> dict[str, RiskAssessment]:
        return self.sound.assess_by_layer(message)


def drop_citations(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    reply = guide.ask(message, history)
    bare = tuple(replace(s, citations=()) for s in reply.sentences)
    return replace(reply, sentences=bare, citations=(), text=re.sub(r" \[\d+\]", "", reply.text))


def shift_numbers(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    reply = guide.ask(message, history)
    shifted = tuple(replace(s, citations=tuple(n + 1 for n in s.citations)) for s in reply.sentences)
    text = re.sub(r"\[(\d+)\]", lambda mark: f"[{int(mark.group(1)) + 1}]", reply.text)
    return replace(reply, sentences=shifted, text=text)


def quoting(guide: Around, reply: Reply, passage_id: str) -> Reply:
    """The reply as an answer that quotes this passage."""
    answer = quote_passage(guide.index.passage(passage_id), {})
    text = render_text(answer.sentences)
    return replace(reply, kind="answer", sentences=answer.sentences, citations=answer.citations, text=text)


def always_answer(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    reply = guide.ask(message, history)
    silent = reply.kind in ("abstain", "boundary", "clarify") and reply.hits
    return quoting(guide, reply, reply.hits[0].passage_id) if silent else reply


def always_abstain(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    return Reply("abstain", fixed_texts.ABSTAIN, hits=guide.ask(message, history).hits)


def ignore_history(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    return guide.ask(message)


def prepend_history(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    return guide.ask(" ".join([*(turn.content for turn in history), message]))


def negate_sentences(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    reply = guide.ask(message, history)
    denied = tuple(replace(s, text=BREAKS["negation"](s.text, Random(1)) or s.text) for s in reply.sentences)
    return replace(reply, sentences=denied, text=render_text(denied) if denied else reply.text)


def second_passage(guide: Around, message: str, history: Sequence[Turn]) -> Reply:
    reply = guide.ask(message, history)
    if reply.kind != "answer" or len(reply.hits) < 2:
        return reply
    return replace(quoting(guide, reply, reply.hits[1].passage_id), hits=reply.hits[1:])


# What is broken, the suites that are asked, and what must turn red.
BROKEN: dict[str, tuple[Change, tuple[str, ...], set[str]]] = {
    "drop citations": (drop_citations, ("grounding",), {"citation recall", "citation precision", "citation coverage"}),
    "shift citation numbers": (shift_numbers, ("grounding",), {"citation recall", "citation validity"}),
    "always answer": (always_answer, ("abstention",), {"abstention recall"}),
    "always abstain": (always_abstain, ("abstention", "nuggets"), {"over-refusal", "nugget recall"}),
    "ignore history": (ignore_history, ("followups",), {"needs_context"}),
    "always prepend history": (prepend_history, ("followups",), {"context leakage"}),
    "negate sentences": (negate_sentences, ("grounding",), {"grounded answers", "supported sentences"}),
    "return the second passage": (second_passage, ("retrieval", "nuggets"), {"nugget recall"}),
}  # fmt: skip


def keep(case: Case | Conversation) -> bool:
    """Every follow-up that hangs on its history, and a sixth of everything else."""
    if isinstance(case, Conversation) or case.kind in FOLLOWUP_KINDS:
        return case.kind in HISTORY_KINDS
    return generator_for(case.id, "breakages").randrange(ONE_IN) == 0


@pytest.fixture(scope="module")
def sound(corpus_index: Path, encoder: SentenceEncoder) -> Around:
    return Around(Guide.open(corpus_index, encoder))


def saved(guide: Around, suites: Sequence[str], corpus: Path | None = None) -> dict[str, Any]:
    run = perform(guide, CaseSource(), suites, corpus=corpus, keep=keep)  # type: ignore[arg-type]
    run.whole = True  # so that the floors are looked at, although it is a part of the cases
    return dict(json.loads(json.dumps(record(run, measure(run, suites), (), ORIGIN, 1.0))))


def red(base: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The figures that are worse, those that breach a floor now, and those that must be perfect and are not."""
    perfect = {m["name"] for found in new["suites"].values() for m in found if m["floor"] in (0.0, 1.0)}
    breached = set(new["breached"])
    worse = {change.name for change in compare(base, new).worse}
    return worse | breached - set(base["breached"]) | perfect & breached


@pytest.mark.parametrize("name", BROKEN)
def test_a_break_turns_its_metric_red(sound: Around, name: str) -> None:
    change, suites, expected = BROKEN[name]
    broken = Around(sound.sound, change)
    broken.known = sound.known
    base = saved(sound, suites)
    assert not expected & red(base, base), "red although nothing is broken"
    assert expected <= red(base, saved(broken, suites))


def test_switching_the_risk_screen_off_turns_safety_red(sound: Around) -> None:
    base, broken = saved(sound, ["safety"]), saved(Around(sound.sound, screen=False), ["safety"])
    assert {"safety recall", "safety recall: crisis"} <= red(base, broken)


def test_a_danger_that_must_be_seen_fails_the_run_when_it_is_not(sound: Around) -> None:
    source = CaseSource()
    musts = Around(sound.sound, screen=False)
    run = perform(musts, source, ["safety"], keep=lambda case: isinstance(case, Case) and case.must)  # type: ignore[arg-type]
    wrong = {case for case, right in run.must_be_right().items() if not right}
    assert wrong == {c.id for c in source.cases("safety-must") if c.expect == "route"}


def test_a_stale_index_turns_its_metric_red(sound: Around, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(ROOT / "corpus", corpus)
    path = corpus / "faq" / "slips.md"
    path.write_text(path.read_text(encoding="utf-8") + "\nOne more line.\n", encoding="utf-8")
    base, stale = saved(sound, ["grounding"], ROOT / "corpus"), saved(sound, ["grounding"], corpus)
    assert "documents as in the corpus" not in red(base, base)
    assert "documents as in the corpus" in red(base, stale)
    assert [d["id"] for d in stale["cases"]["documents that differ"]] == ["faq/slips"]
