"""A guide that says what a test tells it to say, and an app around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi.testclient import TestClient

from chat.app import build_app
from chat.referral import ReferralDesk
from chat.types import Reply, Turn
from indexer.types import Passage, Span

SECRET = "zebra umbrella"
TEXT = "Sixty days is a rule of thumb."
PASSAGE = Passage(
    "p1",
    "faq/a",
    "faq",
    "Questions",
    ("How long?",),
    TEXT,
    0,
    len(TEXT),
    (Span(0, len(TEXT)),),
    questions=("How long?",),
)


@dataclass
class FakeGuide:
    """Says what it is told to say, and remembers what it was asked."""

    reply_with: Reply | Exception = field(
        default_factory=lambda: Reply("answer", "Sixty days.", suggestions=("How long?",))
    )
    asked: list[tuple[str, tuple[Turn, ...], str | None]] = field(default_factory=list)
    broken_index: Exception | None = None

    def __post_init__(self) -> None:
        self.desk = ReferralDesk.open(Path(__file__).parents[2] / "corpus")

    @property
    def index(self) -> Any:
        if self.broken_index:
            raise self.broken_index
        return SimpleNamespace(
            build_id="b1", passages=(PASSAGE,), references={}, document_ids=lambda: ["faq/a"]
        )

    def reply(self, message: str, history: Any = (), country: str | None = None, hits: int = 10) -> Reply:
        if message:
            self.asked.append((message, tuple(history), country))
            if isinstance(self.reply_with, Exception):
                raise self.reply_with
        assert isinstance(self.reply_with, Reply) or not message
        return self.reply_with if isinstance(self.reply_with, Reply) else Reply("clarify", "?")


def client_of(guide: Any) -> TestClient:
    return TestClient(build_app(guide), base_url="http://127.0.0.1:7860", raise_server_exceptions=False)
