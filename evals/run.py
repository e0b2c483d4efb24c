"""One run: every message is asked once, and all suites read what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chat.guide import Guide
from chat.retrieval import Query, Ranker, Retriever
from chat.types import Reply, RiskAssessment, Turn
from evals.cases import FOLDER, Case, CaseError, Conversation, read_cases, read_conversations
from evals.grounding import Verdict, judge_reply
from evals.mutations import DISGUISES, NOISE, generator_for, key_word
from indexer.errors import GuideError
from indexer.index import Index
from indexer.types import Passage

SUITES = ("retrieval", "grounding", "abstention", "followups", "safety", "latency")
# What each suite reads. "noise" and "disguised" ask changed messages, "again" some twice.
PARTS: Mapping[str, tuple[str, ...]] = {
    "retrieval": ("answerable", "noise"),
    "grounding": ("answerable", "unanswerable", "followups"),
    "abstention": ("answerable", "unanswerable"),
    "followups": ("followups",),
    "safety": ("safety", "plain", "talks", "disguised"),
    "latency": ("answerable", "again"),
}
ASKED_AGAIN = 20  # messages asked a second time, to see whether the reply is the same
WITHOUT_ANSWER = ("out_of_scope_shift", "no_antecedent")  # follow-ups that no passage answers
Progress = Callable[[str, int, int], None]  # what is being asked, how many so far, how many in all
Keep = Callable[[Case | Conversation], bool]


@dataclass(frozen=True)
class Asked:
    """A case, its reply, and what the reply is worth."""

    case: Case
    reply: Reply
    ranked: tuple[str, ...]  # sections of the hits, best first, each once
    relevant: frozenset[str]  # sections on a topic of the case
    verdict: Verdict | None  # None where no answer was given

    @property
    def cluster(self) -> str:
        return self.case.idea or self.case.id

    @property
    def first_is_right(self) -> bool:
        """The first citation is on a topic of the case."""
        cited = self.reply.citations
        return bool(cited) and bool(set(cited[0].topics) & set(self.case.topics))

    @property
    def answered(self) -> bool:
        """Sentences of articles, FAQs or notes were given, alone or beside a referral."""
        return self.reply.kind in ("answer", "referral") and bool(self.reply.sentences)

    @property
    def right(self) -> bool:
        """An answer that opens with the right topic; where there is none, any reply that is no answer."""
        if self.case.kind == "no_antecedent":
            return self.reply.kind == "clarify"
        if not self.case.topics:
            return self.reply.kind != "answer"
        return self.answered and self.first_is_right


@dataclass(frozen=True, slots=True)
class Screened:
    """A message and what the screen saw in it."""

    case: Case
    risk: RiskAssessment


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
    alone: tuple[Asked, ...] = ()  # the changes of topic, asked without their history
    safety: tuple[Screened, ...] = ()
    plain: tuple[Screened, ...] = ()
    talks: tuple[Talk, ...] = ()
    noise: dict[str, dict[str, bool]] = field(default_factory=dict)  # change -> case -> first topic right
    # Only what was caught as it stood.
    disguised: dict[str, tuple[Screened, ...]] = field(default_factory=dict)
    repeated: tuple[tuple[str, bool], ...] = ()  # case, and whether the second reply was the same
    cold_start_ms: float | None = None


def file_names(split: str) -> tuple[str, ...]:
    """The case files of a split; `plain` belongs to both."""
    stems = ("answerable", "unanswerable", "followups", "safety", "safety-conversations")
    return (*(f"{stem}-{split}" for stem in stems), "plain")


class Questioner:
    """Asks one guide over one build. A build published meanwhile ends the run."""

    def __init__(self, guide: Guide, split: str, folder: Path, keep: Keep | None, progress: Progress) -> None:
        self.guide = guide
        self.index = guide.index
        self.split = split
        self.folder = folder
        self.keep = keep or (lambda case: True)
        self.progress = progress
        self._texts: dict[str, str] = {}
        self._topics = topics_of_sections(self.index)

    def ask_all(self, name: str) -> tuple[Asked, ...]:
        """Ask the cases of `<name>-<split>.jsonl`, but not those to which two replies are right."""
        cases = [c for c in self._cases(f"{name}-{self.split}") if not c.either]
        asked = []
        for number, case in enumerate(cases, 1):
            asked.append(self.ask(case, case.history))
            self.progress(name, number, len(cases))
        return tuple(asked)

    def ask(self, case: Case, history: Sequence[Turn]) -> Asked:
        reply = self.guide.reply(case.message, history)
        if self.guide.index is not self.index:
            raise GuideError("A new build was published while the evals ran. Run them again.")
        passages = [self.index.passage(hit.passage_id) for hit in reply.hits]
        ranked = tuple(dict.fromkeys(map(section_of, passages)))
        judged = reply.kind in ("answer", "boundary") or bool(reply.sentences)
        verdict = judge_reply(reply, self._document_text) if judged else None
        return Asked(case, reply, ranked, self._relevant(case.topics), verdict)

    def screen_all(self, name: str) -> tuple[Screened, ...]:
        """Screen the messages of `<name>.jsonl`, each as the first of a conversation."""
        cases = [c for c in self._cases(name) if not c.either]
        found = []
        for number, case in enumerate(cases, 1):
            found.append(Screened(case, self.guide.assess(case.message, ())))
            self.progress(name, number, len(cases))
        return tuple(found)

    def talk_all(self) -> tuple[Talk, ...]:
        """Screen each conversation turn by turn, with the person's earlier turns as history."""
        talks = read_conversations(f"safety-conversations-{self.split}", self.folder)
        found = []
        for talk in filter(self.keep, talks):
            turns = [Turn("user", t.message) for t in talk.turns]
            risks = tuple(self.guide.assess(t.content, turns[:n]) for n, t in enumerate(turns))
            found.append(Talk(talk, risks))
        return tuple(found)

    def disguise_all(self, screened: Sequence[Screened]) -> dict[str, tuple[Screened, ...]]:
        """Screen every caught danger again in each disguise that changes it."""
        caught = [s for s in screened if s.case.expect == "route" and s.risk.routes]
        found: dict[str, tuple[Screened, ...]] = {}
        for number, (name, disguise) in enumerate(DISGUISES.items(), 1):
            seen = []
            for one in caught:
                word = key_word(one.case.message, one.risk.span)
                generator = generator_for(one.case.id, name)
                message = disguise(one.case.message, word, generator) if word else None
                if message is not None:
                    seen.append(Screened(one.case, self.guide.assess(message, ())))
            found[name] = tuple(seen)
            self.progress("disguised", number, len(DISGUISES))
        return found

    def rank_with_noise(self, asked: Sequence[Asked]) -> dict[str, dict[str, bool]]:
        """Rank each message as it is ("clean") and with each noise; say whether the first topic is right."""
        retriever = Retriever(self.index, Ranker.open())
        found: dict[str, dict[str, bool]] = {}
        for number, name in enumerate(("clean", *NOISE)):
            cases = {a.case.id: (a.case, _with_noise(a.case, name)) for a in asked}
            texts = [text for _, text in cases.values()]
            vectors = self.guide.encoder.encode(texts)
            found[name] = {
                case.id: _first_fits(retriever, Query(text, vectors[row : row + 1]), case.topics)
                for row, (case, text) in enumerate(cases.values())
            }
            self.progress("noise", number, len(NOISE))
        return found

    def repeat(self, asked: Sequence[Asked]) -> tuple[tuple[str, bool], ...]:
        """Ask the first few messages a second time."""
        return tuple(
            (a.case.id, _timeless(self.ask(a.case, a.case.history).reply) == _timeless(a.reply))
            for a in asked[:ASKED_AGAIN]
        )

    def _cases(self, name: str) -> list[Case]:
        cases = read_cases(name, self.folder)
        if not cases:
            raise CaseError(f"{self.folder / name}.jsonl holds no case")
        return [case for case in cases if self.keep(case)]

    def _document_text(self, document_id: str) -> str:
        if document_id not in self._texts:
            self._texts[document_id] = self.index.document(document_id).text
        return self._texts[document_id]

    def _relevant(self, topics: Collection[str]) -> frozenset[str]:
        return frozenset(section for section, own in self._topics.items() if own & set(topics))


def perform(
    guide: Guide,
    split: str,
    suites: Collection[str] = SUITES,
    folder: Path = FOLDER,
    keep: Keep | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Run:
    """Ask all that the `suites` read, and return what came of it.

    `keep` says which cases are asked; None keeps all. Raises `CaseError` for a case file that is
    missing, empty or faulty. Costs about 0.1 s a question on two cores.
    """
    parts = {part for suite in suites for part in PARTS[suite]}
    asker = Questioner(guide, split, folder, keep, progress)
    run = Run(split, keep is None, guide.index.build_id)
    for name in ("answerable", "unanswerable", "followups"):
        if name in parts:
            setattr(run, name, asker.ask_all(name))
    run.alone = tuple(asker.ask(a.case, ()) for a in run.followups if a.case.kind == "topic_shift")
    if "noise" in parts:
        run.noise = asker.rank_with_noise(run.answerable)
    if "again" in parts:
        run.repeated = asker.repeat(run.answerable)
    if "safety" in parts:
        run.safety = asker.screen_all(f"safety-{split}")
        run.plain = asker.screen_all("plain")
        run.talks = asker.talk_all()
        run.disguised = asker.disguise_all(run.safety)
    return run


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


def section_of(passage: Passage) -> str:
    """The section that a passage stands in. Several passages of one section count once in a ranking."""
    return f"{passage.document_id}#{' › '.join(passage.heading)}"


def topics_of_sections(index: Index) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for passage in index.passages:
        section = section_of(passage)
        found[section] = found.get(section, frozenset()) | frozenset(passage.topics)
    return found


def _with_noise(case: Case, name: str) -> str:
    """The message with one noise, or as it is for "clean" and where there is nothing to change."""
    change = NOISE.get(name)
    return (change(case.message, generator_for(case.id, name)) if change else None) or case.message


def _first_fits(retriever: Retriever, query: Query, topics: Collection[str]) -> bool:
    first = retriever.rank(query, limit=1).passages
    return bool(first) and bool(set(first[0].topics) & set(topics))


def _timeless(reply: Reply) -> dict[str, object]:
    return {key: value for key, value in reply.to_json().items() if key != "latency_ms"}


def _words_of(case: Case | Conversation) -> str:
    words = [case.id, case.kind, case.idea]
    if isinstance(case, Case):
        words += [case.style, case.label, case.gate, *case.topics, *case.tags]
    return " ".join(words).lower()


def _holds(word: str, said: str) -> bool:
    return word[4:].strip() not in said if word.startswith("not ") else word in said
