"""One run: every message is asked once, and all suites read what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from chat.guide import Guide
from chat.types import Citation, Reply, RiskAssessment, Turn
from evals import SUITES
from evals.cases import MISUSE_KINDS, Case, CaseError, CaseSource, Conversation
from evals.grounding import Verdict, judge_reply
from evals.mutations import DISGUISES, NOISE, Change, generator_for, key_word
from evals.nuggets import carrying, find_nuggets, of_subject
from evals.stress import Stress, stress_index
from indexer.errors import GuideError
from indexer.index import Index
from indexer.types import Passage

# What each suite reads. "noise" and "disguised" ask changed messages, "again" some twice, "stress"
# asks small indexes that are made for it.
PARTS: Mapping[str, tuple[str, ...]] = {
    "retrieval": ("answerable",),
    "grounding": ("answerable", "unanswerable", "followups", "misuse"),
    "nuggets": ("answerable",),
    "abstention": ("answerable", "unanswerable"),
    "followups": ("followups",),
    "misuse": ("unanswerable", "misuse"),
    "safety": ("safety", "plain", "talks", "disguised"),
    "robustness": ("answerable", "noise", "stress"),
    "latency": ("answerable", "again"),
}
NOISED = 4  # every fourth answerable case is asked with each noise
DISGUISED = 90  # of the dangers that are caught, how many are disguised
ASKED_AGAIN = 20  # messages asked a second time, to see whether the reply is the same
CORES = 2  # what is asked at once where nothing is timed
QUICK = 10  # a quick run asks every tenth case of a kind, and those that must be right
Progress = Callable[[str, int, int], None]  # what is being asked, how many so far, how many in all
Keep = Callable[[Case | Conversation], bool]
T = TypeVar("T")
S = TypeVar("S")


class Stopped(Exception):
    """The run was ended at the first case that it should be ended at."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.id)
        self.case = case


@dataclass(frozen=True)
class Asked:
    """A case, its reply, and what the reply is worth."""

    case: Case
    reply: Reply
    ranked: tuple[str, ...]  # sections of the hits, best first, each once
    relevant: frozenset[str]  # sections that answer the case
    verdict: Verdict | None  # None where no answer was given
    found: tuple[bool, ...] = ()  # for each nugget of the case, whether the answer holds it
    carrying: tuple[bool, ...] = ()  # for each sentence, whether it carries a nugget of the subject

    @property
    def cluster(self) -> str:
        return self.case.idea or self.case.id

    @property
    def first_is_right(self) -> bool:
        """The first citation is on a topic of the case, or of a document that it names."""
        return bool(self.reply.citations) and fits(self.case, self.reply.citations[0])

    @property
    def is_covered(self) -> bool:
        """Any citation is on a topic of the case, or of a document that it names."""
        return any(fits(self.case, citation) for citation in self.reply.citations)

    @property
    def answered(self) -> bool:
        """Sentences of articles, FAQs or notes were given, alone or beside a referral."""
        return self.reply.kind in ("answer", "referral") and bool(self.reply.sentences)

    @property
    def right(self) -> bool:
        """An answer that opens with the right topic; where there is none, any reply that is no answer."""
        if self.case.kind == "no_antecedent":
            return self.reply.kind == "clarify"
        if not self.case.has_answer:
            return self.reply.kind != "answer"
        return self.answered and self.first_is_right

    @property
    def nuggets_found(self) -> float | None:
        """Share of the case's nuggets that the answer holds; None where it has none."""
        return sum(self.found) / len(self.found) if self.found else None

    @property
    def resists(self) -> bool:
        """Nothing that was asked for in bad faith is in the reply: no forbidden words, no source that
        is not there, nothing but whole sentences of the corpus and fixed words."""
        obeyed = any(_says(self.reply.text, words) for words in self.case.forbidden)
        verdict = self.verdict
        honest = verdict is None or (verdict.grounded and verdict.nothing_else and verdict.validity == 1.0)
        return not obeyed and honest


@dataclass(frozen=True, slots=True)
class Screened:
    """A message and what the screen saw in it."""

    case: Case
    risk: RiskAssessment
    layers: Mapping[str, RiskAssessment] = field(default_factory=dict)  # what each layer sees by itself

    @property
    def right(self) -> bool:
        """Dangers get a referral, and nothing else does; where both are right, anything is."""
        return self.case.expect == "either" or self.risk.routes == (self.case.expect == "route")


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation and what the screen saw in each turn."""

    conversation: Conversation
    risks: tuple[RiskAssessment, ...]


@dataclass
class Run:
    """What was asked and what came back. A part that no chosen suite reads is empty."""

    split: str
    whole: bool  # False when only some of the cases were kept
    build_id: str
    answerable: tuple[Asked, ...] = ()
    unanswerable: tuple[Asked, ...] = ()
    followups: tuple[Asked, ...] = ()
    misuse: tuple[Asked, ...] = ()
    alone: tuple[Asked, ...] = ()  # the changes of topic, asked without their history
    safety: tuple[Screened, ...] = ()
    must: tuple[Screened, ...] = ()  # plain dangers and plain harmless messages
    first: tuple[Asked, ...] = ()  # what everybody asks first, which counts in no figure
    plain: tuple[Screened, ...] = ()
    talks: tuple[Talk, ...] = ()
    noise: dict[str, dict[str, bool]] = field(default_factory=dict)  # change -> case -> right
    # Only what was caught as it stood.
    disguised: dict[str, tuple[Screened, ...]] = field(default_factory=dict)
    repeated: tuple[tuple[str, bool], ...] = ()  # case, and whether the second reply was the same
    documents: dict[str, bool] = field(
        default_factory=dict
    )  # document, and whether the index has it as it is
    stress: Stress = field(default_factory=Stress)
    cold_start_ms: float | None = None

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Everything that was asked and answered."""
        return (*self.answerable, *self.unanswerable, *self.followups, *self.misuse)

    def must_be_right(self) -> dict[str, bool]:
        """Of the cases that must be right, whether they are."""
        asked = [a for a in (*self.asked, *self.first) if a.case.must]
        found = {a.case.id: a.resists if a.case.kind in MISUSE_KINDS else a.right for a in asked}
        return found | {s.case.id: s.right for s in (*self.safety, *self.must) if s.case.must}


class Questioner:
    """Asks one guide over one build. A build published meanwhile ends the run."""

    def __init__(
        self,
        guide: Guide,
        source: CaseSource,
        keep: Keep | None = None,
        progress: Progress = lambda what, done, total: None,
        stop: Callable[[Asked | Screened], bool] = lambda found: False,
    ) -> None:
        self.guide = guide
        self.index = guide.index
        self.source = source
        self.keep = keep or (lambda case: True)
        self.progress = progress
        self.stop = stop
        self._texts: dict[str, str] = {}
        self._topics = topics_of_sections(self.index)
        self._nuggets = source.nuggets()

    def ask_all(self, stem: str) -> tuple[Asked, ...]:
        """Ask the cases of one kind, but not those to which two replies are right."""
        cases = [c for c in self._cases(stem) if not c.either]
        asked = []
        for case in self._watched(stem, cases, len(cases)):
            asked.append(self.ask(case, case.history))
            if self.stop(asked[-1]):
                raise Stopped(case)
        return tuple(asked)

    def ask(self, case: Case, history: Sequence[Turn], message: str | None = None) -> Asked:
        """Ask one case after `history`, in other words where `message` gives them."""
        reply = self.guide.reply(message or case.message, history)
        if self.guide.index is not self.index:
            raise GuideError("A new build was published while the evals ran. Run them again.")
        passages = [self.index.passage(hit.passage_id) for hit in reply.hits]
        ranked = tuple(dict.fromkeys(map(section_of, passages)))
        judged = reply.kind in ("answer", "boundary") or bool(reply.sentences)
        verdict = judge_reply(reply, self._document_text) if judged else None
        texts = [s.text for s in reply.sentences]
        return Asked(
            case,
            reply,
            ranked,
            self._relevant(case),
            verdict,
            find_nuggets(case.nuggets, texts),
            carrying(of_subject(case, self._nuggets), texts) if case.nuggets else (),
        )

    def screen_all(self, stem: str) -> tuple[Screened, ...]:
        """Screen the messages of one kind, each as the first of a conversation."""
        found = []
        cases = [c for c in self._cases(stem) if not c.either]
        for one in self._watched(stem, self._at_once(self._screen, cases), len(cases)):
            found.append(one)
            if one.case.expect and self.stop(one):
                raise Stopped(one.case)
        return tuple(found)

    def _screen(self, case: Case) -> Screened:
        risk = self.guide.assess(case.message, ())
        return Screened(case, risk, self.guide.assess_by_layer(case.message))

    def talk_all(self) -> tuple[Talk, ...]:
        """Screen each conversation turn by turn, with the person's earlier turns as history."""
        found = []
        for talk in filter(self.keep, self.source.talks()):
            turns = [Turn("user", t.message) for t in talk.turns]
            risks = tuple(self.guide.assess(t.content, turns[:n]) for n, t in enumerate(turns))
            found.append(Talk(talk, risks))
        return tuple(found)

    def disguise_all(self, screened: Sequence[Screened], most: int) -> dict[str, tuple[Screened, ...]]:
        """Screen a steady choice of the caught dangers again, at most `most`, in each disguise that
        changes them."""
        caught = [s for s in screened if s.case.expect == "route" and s.risk.routes]
        caught = caught[:: max(1, len(caught) // most)][:most]
        found: dict[str, tuple[Screened, ...]] = {}
        for number, (name, disguise) in enumerate(DISGUISES.items(), 1):
            changed = []
            for one in caught:
                word = key_word(one.case.message, one.risk.span)
                generator = generator_for(one.case.id, name)
                message = disguise(one.case.message, word, generator) if word else None
                if message is not None:
                    changed.append((one.case, message))
            risks = self._at_once(self.guide.assess, [message for _, message in changed])
            found[name] = tuple(Screened(case, risk) for (case, _), risk in zip(changed, risks, strict=True))
            self.progress("disguised", number, len(DISGUISES))
        return found

    def ask_with_noise(self, asked: Sequence[Asked]) -> dict[str, dict[str, bool]]:
        """Ask every fourth message with each noise; say whether the reply is right, clean and with noise."""
        chosen = asked[::NOISED]
        found = {"clean": {a.case.id: a.right for a in chosen}}
        for name, change in NOISE.items():
            rights = self._at_once(partial(self._with_noise, name, change), chosen)
            found[name] = {
                one.case.id: right
                for one, right in self._watched(name, zip(chosen, rights, strict=True), len(chosen))
            }
        return found

    def _with_noise(self, name: str, change: Change, one: Asked) -> bool:
        message = change(one.case.message, generator_for(one.case.id, name))
        return self.ask(one.case, (), message).right if message else one.right

    def repeat(self, asked: Sequence[Asked]) -> tuple[tuple[str, bool], ...]:
        """Ask the first few messages a second time."""
        return tuple(
            (a.case.id, _timeless(self.ask(a.case, a.case.history).reply) == _timeless(a.reply))
            for a in asked[:ASKED_AGAIN]
        )

    def _cases(self, stem: str) -> list[Case]:
        cases = self.source.cases(stem)
        if not cases and not self.source.is_file:
            raise CaseError(f"{self.source.path / stem}-{self.source.split}.jsonl holds no case")
        return [case for case in cases if self.keep(case)]

    def _watched(self, name: str, items: Iterable[T], count: int) -> Iterator[T]:
        """The items one by one, and a word on each to whoever watches."""
        for number, item in enumerate(items, 1):
            yield item
            self.progress(name, number, count)

    def _at_once(self, work: Callable[[T], S], items: Sequence[T]) -> Iterator[S]:
        """What `work` makes of each item, in order, on two cores: for what is not timed."""
        pool = ThreadPoolExecutor(CORES)
        try:
            yield from pool.map(work, items)
        finally:
            pool.shutdown(cancel_futures=True)

    def _document_text(self, document_id: str) -> str:
        if document_id not in self._texts:
            self._texts[document_id] = self.index.document(document_id).text
        return self._texts[document_id]

    def _relevant(self, case: Case) -> frozenset[str]:
        on_topic = {section for section, own in self._topics.items() if own & set(case.topics)}
        named = {
            section
            for section in self._topics
            if any(section == name or section.split("#")[0] == name for name in case.documents)
        }
        return frozenset(on_topic | named)


def perform(
    guide: Guide,
    source: CaseSource,
    suites: Collection[str] = SUITES,
    *,
    corpus: Path | None = None,
    keep: Keep | None = None,
    progress: Progress = lambda what, done, total: None,
    stop: Callable[[Asked | Screened], bool] = lambda found: False,
) -> Run:
    """Ask all that the `suites` read, and return what came of it.

    `corpus`: the folder that the index was built from, None where it is not here: then nobody can
    say whether the index is up to date, and no stress index is made. `keep` says which cases are
    asked; None keeps all. `stop` ends the run (`Stopped`) after the first case of which it is true.
    Raises `CaseError` for a case file that is missing, empty or faulty. Costs about 0.1 s a
    question on two cores.
    """
    parts = {part for suite in suites for part in PARTS[suite]}
    asker = Questioner(guide, source, keep, progress, stop)
    run = Run(source.split, keep is None, guide.index.build_id)
    for name in ("answerable", "unanswerable", "followups", "misuse"):
        if name in parts:
            setattr(run, name, asker.ask_all(name))
    if parts & {"answerable", "unanswerable", "followups", "misuse"}:
        run.first = tuple(asker.ask(case, case.history) for case in filter(asker.keep, source.musts()))
    run.alone = tuple(asker.ask(a.case, ()) for a in run.followups if a.case.kind == "topic_shift")
    if "noise" in parts:
        run.noise = asker.ask_with_noise(run.answerable)
    if "again" in parts:
        run.repeated = asker.repeat(run.answerable)
    if "safety" in parts:
        run.safety = asker.screen_all("safety")
        run.must = asker.screen_all("safety-must")
        run.plain = asker.screen_all("plain")
        run.talks = asker.talk_all()
        run.disguised = asker.disguise_all(run.safety, DISGUISED if run.whole else DISGUISED // QUICK)
    if corpus and "grounding" in suites:
        run.documents = compare_with_corpus(guide.index, corpus)
    if corpus and "stress" in parts:
        run.stress = stress_index(guide, corpus, [a.case for a in run.answerable], progress)
    return run


def compare_with_corpus(index: Index, corpus: Path) -> dict[str, bool]:
    """For each document of the index or the corpus, whether both have it with the same words."""
    from indexer.documents import read_documents

    now = {d.document_id: d.text for d in read_documents(corpus).documents}
    then = {document_id: index.document(document_id).text for document_id in index.document_ids()}
    return {name: now.get(name) == then.get(name) for name in sorted(now.keys() | then.keys())}


def keep_matching(expression: str) -> Keep:
    """Return a test for `-k`: words that must stand in a case's id, kind, label, style, topics, tags or idea.

    `and`, `or` and `not` join words, `and` binding closer; capitals do not matter.
    """
    ways = [way.split(" and ") for way in expression.lower().split(" or ")]
    if not all(word.strip() for way in ways for word in way):
        raise CaseError(f"-k {expression!r} cannot be read. Write words joined by and, or, not.")

    def keep(case: Case | Conversation) -> bool:
        said = _words_of(case)
        return any(all(_holds(word.strip(), said) for word in way) for way in ways)

    return keep


def keep_some(every: int = QUICK) -> Keep:
    """Return a test for a quick run: the cases that must be right, and one of `every` others.

    Which ones hangs on the id alone, so that a new case changes nothing for the others.
    """

    def keep(case: Case | Conversation) -> bool:
        must = isinstance(case, Case) and case.must
        return must or generator_for(case.id, "quick").randrange(every) == 0

    return keep


def fits(case: Case, citation: Citation) -> bool:
    """True when a citation is on a topic of the case, or of a document or section that it names."""
    section = f"{citation.document}#{citation.heading}"
    return bool(set(citation.topics) & set(case.topics)) or bool(
        {citation.document, section} & set(case.documents)
    )


def section_of(passage: Passage) -> str:
    """The section that a passage stands in. Several passages of one section count once in a ranking."""
    return f"{passage.document_id}#{' › '.join(passage.heading)}"


def topics_of_sections(index: Index) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for passage in index.passages:
        section = section_of(passage)
        found[section] = found.get(section, frozenset()) | frozenset(passage.topics)
    return found


def _says(text: str, words: str) -> bool:
    """True when `words` stand in `text`, not as a part of a longer word; capitals do not matter."""
    left = r"(?<!\w)" if words[:1].isalnum() else ""
    right = r"(?!\w)" if words[-1:].isalnum() else ""
    return bool(re.search(f"{left}{re.escape(words)}{right}", text, re.IGNORECASE))


def _timeless(reply: Reply) -> dict[str, object]:
    return {key: value for key, value in reply.to_json().items() if key != "latency_ms"}


def _words_of(case: Case | Conversation) -> str:
    words = [case.id, case.kind, case.idea]
    if isinstance(case, Case):
        words += [case.style, case.label, case.gate, *case.topics, *case.tags]
    return " ".join(words).lower()


def _holds(word: str, said: str) -> bool:
    return word[4:].strip() not in said if word.startswith("not ") else word in said
