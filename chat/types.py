"""The words in which the chat speaks: turns, risk, hits, citations and replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from indexer.types import Helpline

Level = Literal["none", "support", "concern", "crisis"]
LEVELS: tuple[Level, ...] = ("none", "support", "concern", "crisis")  # in rising order
ReplyKind = Literal["answer", "referral", "abstain", "boundary", "smalltalk", "clarify"]
Category = Literal[
    "self_harm",
    "self_harm_other",
    "harm_others",
    "partner_violence",
    "stalking_control",
    "pursuit_by_user",
    "child_risk",
    "medical_emergency",
    "legal_order",
    "distress",
]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation so far, oldest first in a history."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class RiskAssessment:
    """What the screen saw in one message and the turns before it.

    Covered: the categories of corpus/referrals, English. Not covered: irony, other languages.
    `none` means "nothing matched", never "this person is safe".
    """

    level: Level
    category: Category | None = None
    span: tuple[int, int] | None = None  # characters of the message; None when the cause is elsewhere
    rule: str | None = None  # what fired, for maintainers: a rule's id, "classifier", "history", "error"

    @property
    def routes(self) -> bool:
        """True when the person gets a referral text (crisis or concern)."""
        return self.level in ("crisis", "concern")


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage. `score` is the calibrated joint score, in 0..1, best first."""

    passage_id: str
    document: str
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A source as it is cited: `document_text[start:end] == quote`.

    `quote` runs from the first to the last sentence cited from this passage; `spans` holds
    the very sentences, for highlighting.
    """

    n: int  # from 1, in order of first use
    passage_id: str
    document: str
    kind: str
    title: str
    heading: str
    topics: tuple[str, ...]
    quote: str
    start: int  # characters in the document, from 0
    end: int
    page: int | None
    spans: tuple[tuple[int, int], ...] = ()
    evidence: tuple[str, ...] = ()  # kinds of evidence in words, such as "study, 58 students"


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One shown sentence and the numbers of the citations that hold it."""

    text: str
    citations: tuple[int, ...]
    is_item: bool = False  # shown as a list item
    starts_paragraph: bool = False
    opens_aside: bool = False  # here begins what the question may be about too


@dataclass(frozen=True, slots=True)
class Reply:
    """What `Guide.reply` gives for one message."""

    kind: ReplyKind
    text: str  # plain text as shown, with [1] marks
    sentences: tuple[AnswerSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    risk: RiskAssessment = field(default_factory=lambda: RiskAssessment("none"))
    confidence: float = 0.0  # 0..1, the probability that the corpus can answer the message
    suggestions: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    latency_ms: float = 0.0
    helplines: tuple[Helpline, ...] = ()  # what a referral shows, emergency number first
    support_line: str = ""  # one fixed sentence of care, shown before or after an answer
    id: str | None = None  # the question's own id, handed back

    def to_json(self) -> dict[str, Any]:
        """The reply line of the outside contract (see the README)."""
        return {
            "id": self.id,
            "kind": self.kind,
            "text": self.text,
            "sentences": [{"text": s.text, "citations": list(s.citations)} for s in self.sentences],
            "citations": [
                {
                    "n": c.n,
                    "passage_id": c.passage_id,
                    "document": c.document,
                    "kind": c.kind,
                    "title": c.title,
                    "heading": c.heading,
                    "topics": list(c.topics),
                    "quote": c.quote,
                    "start": c.start,
                    "end": c.end,
                    "page": c.page,
                }
                for c in self.citations
            ],
            "risk": {"level": self.risk.level, "category": self.risk.category},
            "confidence": round(self.confidence, 4),
            "suggestions": list(self.suggestions),
            "hits": [
                {"passage_id": h.passage_id, "document": h.document, "score": round(h.score, 4)}
                for h in self.hits
            ],
            "latency_ms": round(self.latency_ms, 1),
        }
