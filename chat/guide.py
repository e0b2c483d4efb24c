"""The front door: one message in, one reply out. Window, API, command line and evals all call it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chat import fixed_texts
from chat.answer import Answer, compose_answer, quote_passage, render_text
from chat.conversation import MAX_MESSAGE, Reading, read_message, smalltalk_of
from chat.referral import ReferralDesk, referral_for, render_helplines
from chat.retrieval import Ranker, Ranking, Retriever, fold, query_texts
from chat.risk import RiskScreen
from chat.types import Reply, ReplyKind, RiskAssessment, Turn
from indexer import store
from indexer.encoder import EncodedText, Encoder, HalfRead, SentenceEncoder, Vectors, reader_of
from indexer.errors import GuideError, IndexUnusable
from indexer.index import Index

DEFAULT_INDEX = ".index"
SUGGESTIONS = 3
# Topics that nobody wants to be sent to, and beside which nothing else is said.
SERIOUS = frozenset({"suicidal_thoughts", "leaving_abuse"})
FIRST_QUESTIONS = "the-ten-questions"  # the FAQ file whose entries are offered first, where there is one
BOUNDARY_SCORE = 0.25  # a boundary that fits less than this is not worth saying
# On the development cases the first source is right in 9 of 17 answers that fit less than this, and in
# 135 of 180 that fit better; the guide says so before such an answer.
UNSURE_SCORE = 0.6
# Cosines of a short message by itself to the nearest answer and the nearest boundary, chosen on
# the development follow-ups: between the first two it may need what came before.
LEFT_THE_SUBJECT = 0.38
STANDS_ALONE = 0.70
NEAR_A_BOUNDARY = 0.60
BESIDE_WORDS = 90  # passages shown beside a referral are kept shorter than the referral
# What may stand beside the referral text when there is concern but no crisis.
TOPICS_BESIDE: Mapping[str, frozenset[str]] = {
    "stalking_control": frozenset({"leaving_abuse"}),
    "pursuit_by_user": frozenset({"their_no_contact"}),
}
log = logging.getLogger("chat")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What belongs to one build and is exchanged as a whole when a new one is published."""

    index: Index
    retriever: Retriever
    desk: ReferralDesk
    starters: tuple[tuple[str, str], ...]  # (passage id, question) of the FAQ entries that can be suggested


class _Encodings:
    """What the encoder made of the texts of one reply, so that screen and search read each once."""

    def __init__(self, encoder: Encoder, expected: Callable[[], Sequence[str]]) -> None:
        """`expected` gives texts that will be asked for; they are read along with the first that are."""
        self._encoder = encoder
        self._expected = expected
        self._half: dict[str, HalfRead] = {}
        self._whole: dict[str, EncodedText] = {}

    def read_half(self, texts: Sequence[str]) -> list[HalfRead]:
        """What the screen needs of each text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._half]
        if missing and not self._half:
            missing = list(dict.fromkeys([*missing, *self._expected()]))
        if missing and isinstance(self._encoder, SentenceEncoder):
            self._half.update(zip(missing, self._encoder.read_half(missing), strict=True))
        elif missing:
            self._half.update(zip(missing, reader_of(self._encoder)(missing), strict=True))
        return [self._half[text] for text in texts]

    def read(self, texts: Sequence[str]) -> list[EncodedText]:
        """What the search needs of each text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._whole]
        if missing and isinstance(self._encoder, SentenceEncoder):
            finished = self._encoder.finish(self.read_half(missing))
            self._whole.update(zip(missing, finished, strict=True))
        elif missing:
            self._whole.update(zip(missing, reader_of(self._encoder)(missing), strict=True))
        return [self._whole[text] for text in texts]


@dataclass(frozen=True, slots=True)
class _Question:
    """One message on its way to a reply."""

    loaded: _Loaded
    message: str
    turns: tuple[Turn, ...]
    risk: RiskAssessment
    country: str | None
    hits: int
    encodings: _Encodings

    @property
    def asked(self) -> list[str]:
        return [*(turn.content for turn in self.turns), self.message]


class Guide:
    """Answers from one index folder. Safe to call from several threads.

    It keeps no message: what it knows of a conversation is the history that it is handed.
    """

    def __init__(self, path: Path, encoder: Encoder, ranker: Ranker, screen: RiskScreen) -> None:
        self.path = path
        self.encoder = encoder
        self._ranker = ranker
        self._screen = screen
        self._lock = threading.Lock()
        self._loaded = self._load()

    @classmethod
    def open(cls, index: Path | str | None = None, encoder: Encoder | None = None) -> Guide:
        """Open the index at `index`, else GUIDE_INDEX, else .index.

        Raises `IndexMissing` or `IndexUnusable`, each with what to do.
        """
        path = Path(index or os.environ.get("GUIDE_INDEX") or DEFAULT_INDEX)
        opened = Index.open(path)
        own = encoder or SentenceEncoder(opened.model, threads=1)
        opened.close()
        return cls(path, own, Ranker.open(), RiskScreen.open(own))

    @property
    def index(self) -> Index:
        """The build that is being served now."""
        return self._loaded.index

    @property
    def desk(self) -> ReferralDesk:
        """The referral texts and helplines of the build that is being served now."""
        return self._loaded.desk

    def warm_up(self) -> None:
        """Load the encoder now, so that the first question does not wait for it."""
        self.encoder.encode(["how long should no contact last?"])

    def refresh(self) -> bool:
        """Take up a build that was published since; return whether there was one.

        A new build that cannot be opened is logged and the present one goes on being served.
        """
        if store.current_build(self.path) == self._loaded.index.build_id:
            return False
        with self._lock:
            if store.current_build(self.path) == self._loaded.index.build_id:
                return False
            try:
                self._loaded = self._load()
            except GuideError as problem:
                log.error("The new build is not served: %s", problem)
                return False
        return True

    def reply(
        self,
        message: str,
        history: Sequence[Turn | Mapping[str, str]] = (),
        country: str | None = None,
        hits: int = 10,
        id: str | None = None,
    ) -> Reply:
        """Answer one message.

        `history`: the turns before it, oldest first. `country`: ISO code for helplines, or None.
        `hits`: how many ranked passages the reply lists. Raises ValueError for a history that is
        not made of turns; a message that is blank or very long is handled.
        """
        started = time.perf_counter()
        self.refresh()
        turns = read_history(history)
        loaded = self._loaded
        shortened, was_cut = cut_message(message)
        # Worked out only when the screen reads: a fault in it must not come before the screen.
        encodings = _Encodings(self.encoder, lambda: query_texts(loaded.retriever.mend(shortened)))
        # the whole of it: the middle may matter most
        risk = self._screen.assess(message, turns, encodings.read_half)
        reply = self._respond(_Question(loaded, shortened, turns, risk, country, hits, encodings))
        if was_cut and reply.kind != "referral":
            reply = replace(reply, text=f"{fixed_texts.CUT_NOTE}\n\n{reply.text}")
        elapsed = (time.perf_counter() - started) * 1000
        return replace(reply, risk=risk, latency_ms=elapsed, id=id)

    def assess(self, message: str, history: Sequence[Turn | Mapping[str, str]] = ()) -> RiskAssessment:
        """Return what the risk screen sees in `message` after `history`, without answering it."""
        return self._screen.assess(message, read_history(history))

    def assess_by_layer(self, message: str) -> dict[str, RiskAssessment]:
        """Return what each layer of the risk screen sees in `message` by itself."""
        return self._screen.assess_by_layer(message)

    def _load(self) -> _Loaded:
        index = Index.open(self.path)
        if index.model != self.encoder.name:
            raise IndexUnusable(self.path, f"it was built with {index.model}, not {self.encoder.name}")
        desk = ReferralDesk.open(index.safety_folder)
        retriever = Retriever(index, self._ranker.for_index(index), self._is_grave)
        return _Loaded(index, retriever, desk, self._starters(index))

    def _is_grave(self, asked: str) -> bool:
        return RiskScreen(self._screen.rules).assess(asked).level == "crisis"

    def _respond(self, question: _Question) -> Reply:
        if question.risk.routes:
            return self._refer(question)
        loaded, message = question.loaded, question.message
        small = smalltalk_of(message)
        if small:
            kind: ReplyKind = "clarify" if small == "empty" else "smalltalk"
            opening = self._opening_questions(loaded) if small in ("greeting", "help", "who", "empty") else ()
            return Reply(kind, fixed_texts.SMALLTALK[small], suggestions=opening)
        reading = read_message(message, question.turns)
        if reading.hollow and not reading.carried and not self._stands_alone(question):
            return Reply("clarify", fixed_texts.CLARIFY, suggestions=self._opening_questions(loaded))
        return self._answer(question, *self._rank_in_context(question, reading))

    def _stands_alone(self, question: _Question) -> bool:
        """True for a message like "how do I get over this?", which is plain enough to a guide on breakups."""
        reading = question.encodings.read(query_texts(question.message)[:1])[0]
        answer, _ = question.loaded.retriever.nearness(reading.vector[None])
        return answer >= STANDS_ALONE

    def _rank_in_context(self, question: _Question, reading: Reading) -> tuple[Ranking, Vectors]:
        """Rank for the message alone, or with what it leans on.

        A message whose form points back is joined with the earlier words, and so is a short one
        that by itself is near to nothing in particular. One that is near to something that the
        corpus says stands alone; a short one that is near to a boundary, or far from everything,
        has left the subject and stays alone too.
        """
        ranking, vectors = self._rank(question, question.message)
        if not reading.carried or question.loaded.retriever.knows(question.message):
            return ranking, vectors
        answer, boundary = question.loaded.retriever.nearness(vectors)
        in_between = LEFT_THE_SUBJECT <= answer < STANDS_ALONE and boundary < max(answer, NEAR_A_BOUNDARY)
        if (reading.leans and answer < STANDS_ALONE) or (reading.short and in_between):
            return self._rank(question, f"{reading.carried} {question.message}")
        return ranking, vectors

    def _rank(self, question: _Question, text: str) -> tuple[Ranking, Vectors]:
        retriever = question.loaded.retriever
        query = retriever.query(retriever.mend(text), question.encodings.read)
        return retriever.rank(query, calm=not question.risk.routes), query.vectors

    def _answer(self, question: _Question, ranking: Ranking, vectors: Vectors) -> Reply:
        kind, answer = self._compose(question.loaded, ranking, vectors)
        text = render_text(answer.sentences) if answer.sentences else fixed_texts.ABSTAIN
        if answer.sentences and not self._screen.assess_answer(text):
            log.error("A composed answer was held back by the screen: %s", answer.citations[0].passage_id)
            kind, answer, text = "abstain", Answer((), ()), fixed_texts.ABSTAIN
        if kind == "answer" and self._is_unsure(ranking):
            text = f"{fixed_texts.UNSURE}\n\n{text}"
        support = fixed_texts.SUPPORT_LINE if question.risk.level == "support" else ""
        return Reply(
            kind=kind,
            text=f"{text}\n\n{support}".strip(),
            sentences=answer.sentences,
            citations=answer.citations,
            confidence=ranking.confidence,
            suggestions=self._suggestions(question.loaded, ranking, answer, question.asked),
            hits=ranking.hits(question.hits),
            support_line=support,
        )

    def _is_unsure(self, ranking: Ranking) -> bool:
        pairs = zip(ranking.passages, ranking.scores, strict=True)
        return max((score for p, score in pairs if p.kind != "boundary"), default=0.0) < UNSURE_SCORE

    def _compose(self, loaded: _Loaded, ranking: Ranking, vectors: Vectors) -> tuple[ReplyKind, Answer]:
        references = loaded.index.references
        pairs = list(zip(ranking.passages, ranking.scores, strict=True))
        boundary = next(((p, s) for p, s in pairs if p.kind == "boundary"), None)
        answers = [(p, s) for p, s in pairs if p.kind != "boundary"]
        unsure = ranking.confidence < loaded.retriever.ranker.threshold or not answers
        if boundary and boundary[1] >= BOUNDARY_SCORE and (unsure or boundary[0] is pairs[0][0]):
            return "boundary", quote_passage(boundary[0], references)
        if unsure:
            return "abstain", Answer((), ())
        return "answer", compose_answer(
            answers,
            vectors,
            loaded.index.sentence_vectors,
            references,
            asides=not SERIOUS & set(answers[0][0].topics),
        )

    def _refer(self, question: _Question) -> Reply:
        loaded, risk = question.loaded, question.risk
        lines = loaded.desk.helplines(referral_for(risk), question.country)
        shown = self._shown(loaded, question.turns)
        parts = [loaded.desk.text(risk, shown), render_helplines(lines)]
        answer, ranking = Answer((), ()), Ranking((), (), 0.0)
        allowed = TOPICS_BESIDE.get(risk.category or "", frozenset())
        if risk.level == "concern" and allowed:
            ranking, vectors = self._rank(question, question.message)
            beside = [
                (p, s)
                for p, s in zip(ranking.passages, ranking.scores, strict=True)
                if p.kind != "boundary" and set(p.topics[:1]) & allowed
            ]
            if beside and beside[0][1] >= loaded.retriever.ranker.threshold:
                answer = compose_answer(
                    beside[:1],
                    vectors,
                    loaded.index.sentence_vectors,
                    loaded.index.references,
                    most_passages=1,
                    most_words=BESIDE_WORDS,
                )
                parts.append(render_text(answer.sentences))
        return Reply(
            kind="referral",
            text="\n\n".join(part for part in parts if part),
            sentences=answer.sentences,
            citations=answer.citations,
            confidence=ranking.confidence,
            hits=ranking.hits(question.hits),
            helplines=lines,
        )

    def _shown(self, loaded: _Loaded, turns: tuple[Turn, ...]) -> list[str]:
        """What the guide has said so far. Where the history has only the person's turns, the
        referral texts that those would have got are worked out anew."""
        if any(t.role == "assistant" for t in turns):
            return [t.content for t in turns if t.role == "assistant"]
        shown: list[str] = []
        for number, turn in enumerate(turns):
            risk = self._screen.assess(turn.content, turns[:number])
            if risk.routes:
                shown.append(loaded.desk.text(risk, shown))
        return shown

    def _suggestions(
        self, loaded: _Loaded, ranking: Ranking, answer: Answer, asked: Sequence[str]
    ) -> tuple[str, ...]:
        """Three questions that stand in the corpus, near to this one, neither cited nor asked yet."""
        used = {c.passage_id for c in answer.citations}
        said = {fold(text) for text in asked}
        questions = dict(loaded.starters)
        near = [questions[p.passage_id] for p in ranking.passages if p.passage_id in questions.keys() - used]
        rest = [question for passage_id, question in loaded.starters if passage_id not in used]
        fresh = [q for q in dict.fromkeys([*near, *rest]) if fold(q) not in said]
        return tuple(fresh[:SUGGESTIONS])

    def _opening_questions(self, loaded: _Loaded) -> tuple[str, ...]:
        return tuple(question for _, question in loaded.starters[:SUGGESTIONS])

    def _starters(self, index: Index) -> tuple[tuple[str, str], ...]:
        """The questions of the FAQ, the ones that the first file asks first, without those that
        would get a referral."""
        entries = [p for p in index.passages if p.kind == "faq" and p.questions]
        entries.sort(key=lambda p: (not p.document_id.endswith(FIRST_QUESTIONS), p.document_id, p.start))
        return tuple(
            (p.passage_id, p.questions[0])
            for p in entries
            if not SERIOUS & set(p.topics) and not self._screen.assess(p.questions[0]).routes
        )


def read_history(history: Sequence[Turn | Mapping[str, Any]]) -> tuple[Turn, ...]:
    """Return `history` as turns; raise ValueError when one of them is not a turn."""
    turns = []
    for number, turn in enumerate(history):
        if isinstance(turn, Turn):
            turns.append(turn)
            continue
        role = turn.get("role") if isinstance(turn, Mapping) else None
        content = turn.get("content") if isinstance(turn, Mapping) else None
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise ValueError(f'history[{number}] must be {{"role": "user" or "assistant", "content": text}}')
        turns.append(Turn(role, content))
    return tuple(turns)


def cut_message(message: str) -> tuple[str, bool]:
    """Return the message, and whether it was cut to its beginning and end to fit MAX_MESSAGE."""
    if len(message) <= MAX_MESSAGE:
        return message, False
    half = MAX_MESSAGE // 2
    return f"{message[:half]} {message[-half + 1 :]}", True
