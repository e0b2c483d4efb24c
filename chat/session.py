"""A conversation as the window holds it: what was asked, what was replied, and the sources at that moment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from chat.referral import referral_for, render_helplines
from chat.render import render_question, render_record, render_reply, render_sources, replace_helplines
from chat.types import Reply, Turn
from indexer.types import Helpline

if TYPE_CHECKING:
    from chat.guide import Guide

REMEMBERED_TURNS = 80  # turns of a conversation that go along with the next question
MOST_EXCHANGES = 100  # exchanges that an open page holds
MOST_STARTERS = 4
STARTERS = (
    "It is two in the morning and I want to write. What now?",
    "How long should no contact last?",
    "They keep reaching out. What should I do?",
    "I broke no contact. Do I start over?",
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the reply to it, as they were shown at that moment. Texts, and a number."""

    turn: int  # counted from 1, also where the oldest exchanges have been dropped; it stands in the links
    question: str
    text: str  # the reply as plain text, which the guide reads as a turn
    record: str  # the same with its sources, for whoever copies it
    html: str
    sources: str  # HTML
    suggestions: tuple[str, ...] = ()
    referral: str = ""  # which referral text was given; empty where none was
    country: str = ""  # whose helplines stand in it

    @classmethod
    def from_reply(cls, question: str, reply: Reply, sources: str, turn: int, country: str) -> Exchange:
        """Keep what was shown of `reply`, the `turn`-th of its conversation, counted from 1."""
        return cls(
            turn,
            question,
            reply.text,
            render_record(reply),
            render_reply(reply, turn),
            sources,
            reply.suggestions,
            referral_for(reply.risk) if reply.helplines else "",
            country,
        )


Conversation = tuple[Exchange, ...]


def pack(conversation: Conversation) -> str:
    """The conversation as one text for the open page to hold, since the server keeps none."""
    return json.dumps([asdict(exchange) for exchange in conversation], ensure_ascii=False)


def unpack(held: str) -> Conversation:
    """The conversation that a page hands back; an empty one where the text is no conversation."""
    try:
        found = json.loads(held or "[]")
        exchanges = tuple(_exchange(entry) for entry in found)
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
    return exchanges[-MOST_EXCHANGES:]


def _exchange(entry: Any) -> Exchange:
    exchange = Exchange(**{**entry, "suggestions": tuple(entry["suggestions"])})
    others = ("turn", "suggestions")
    texts = [getattr(exchange, field.name) for field in fields(exchange) if field.name not in others]
    if not isinstance(exchange.turn, int) or not all(
        isinstance(t, str) for t in (*texts, *exchange.suggestions)
    ):
        raise TypeError("an exchange is made of texts and its number")
    return exchange


def turns_of(conversation: Conversation) -> list[Turn]:
    """The conversation as the guide reads it, without its oldest turns when there are very many."""
    turns = []
    for exchange in conversation:
        turns += [Turn("user", exchange.question), Turn("assistant", exchange.text)]
    return turns[-REMEMBERED_TURNS:]


def messages_of(conversation: Conversation) -> list[dict[str, str]]:
    """The conversation as the window shows it."""
    messages = []
    for exchange in conversation:
        messages.append({"role": "user", "content": render_question(exchange.question)})
        messages.append({"role": "assistant", "content": exchange.html})
    return messages


def continue_conversation(
    guide: Guide, conversation: Conversation, message: str, country: str
) -> tuple[Conversation, Reply]:
    """Ask `guide`; return the conversation with one exchange more, and the reply in it."""
    reply = guide.reply(message, turns_of(conversation), country or None)
    index = guide.index
    passages = {p.passage_id: p for p in index.passages}
    turn = conversation[-1].turn + 1 if conversation else 1
    sources = render_sources(reply, passages, index.references, turn)
    return (*conversation, Exchange.from_reply(message, reply, sources, turn, country)), reply


def with_country(guide: Guide, conversation: Conversation, country: str) -> Conversation:
    """The same conversation with the helplines of another country in its referrals."""
    return tuple(
        _with_country(guide, exchange, country) if exchange.referral else exchange
        for exchange in conversation
    )


def _with_country(guide: Guide, exchange: Exchange, country: str) -> Exchange:
    old = guide.desk.helplines(exchange.referral, exchange.country or None)
    new = guide.desk.helplines(exchange.referral, country or None)
    before, after = render_helplines(old), render_helplines(new)
    return replace(
        exchange,
        text=exchange.text.replace(before, after),
        record=exchange.record.replace(before, after),
        html=replace_helplines(exchange.html, old, new),
        country=country,
    )


def guess_country(accept_language: str, known: Sequence[str]) -> str:
    """The region of the first language that a browser asks for, such as GB in "en-GB,en;q=0.9".

    An empty text where it names none, or one without helplines.
    """
    first = accept_language.split(",")[0].split(";")[0].strip()
    region = first.split("-")[-1].upper() if "-" in first else ""
    return region if region in known else ""


def standing_helplines(guide: Guide, country: str | None) -> tuple[Helpline, ...]:
    """The lines that are always in reach: emergency, suicide, violence at home."""
    lines = [
        guide.desk.helplines(category, country or None) for category in ("self_harm", "partner_violence")
    ]
    return tuple(dict.fromkeys(line for some in lines for line in some))


def starters(guide: Guide) -> tuple[str, ...]:
    """Questions to begin with: each stands in the library, so each has an answer."""
    written = {question: None for p in guide.index.passages for question in p.questions}
    wanted = [question for question in STARTERS if question in written]
    return tuple(dict.fromkeys([*wanted, *guide.reply("").suggestions]))[:MOST_STARTERS]
