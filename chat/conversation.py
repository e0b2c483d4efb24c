"""What a message is in its conversation: small talk, a question of its own, or one that leans back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chat.types import Turn
from indexer.index import content_words

MAX_MESSAGE = 20_000  # characters; what is longer is cut, and the person is told
LEANING_WORDS = 14  # a longer message says enough by itself
SHORT_WORDS = 8  # a message of so few words may lean although its form does not show it
HOLLOW_WORDS = 4  # a message of so few words that points back and names one thing says nothing alone
POINTING_SUBJECTS = 3  # a message that points back and names more than this stands alone
CARRIED_WORDS = 60  # words of the earlier turns that are carried over
CARRIED_TURNS = 2

Smalltalk = Literal["greeting", "thanks", "goodbye", "who", "help", "acknowledge", "empty"]

_SMALLTALK: tuple[tuple[Smalltalk, str], ...] = (
    ("greeting", r"(?:hi+|hello+|hey+|hiya|yo|sup|howdy|good (?:morning|afternoon|evening)|greetings)(?: there| all| guide| everyone)?"),
    ("greeting", r"(?:hi+|hello+|hey+)?[, ]*(?:how are you|how's it going|hows it going|how r u|you ok|u ok|what's up|whats up)(?: today| doing)?"),
    ("thanks", r"(?:ok(?:ay)?[, ]*|great[, ]*|perfect[, ]*)?(?:thanks?|thank (?:you|u)|thx|ty|tysm|cheers|ta)(?: (?:so|very) much| a lot| a bunch| again| for (?:this|that|listening|the help|your help|everything))*"),
    ("thanks", r"(?:that|this)(?:'s| is| was| really| has)* (?:helpful|helps|helped|useful|kind|good to (?:know|hear)|great)(?: a lot)?(?:[, ]+(?:thanks?|thank you)(?: so much)?)?"),
    ("goodbye", r"(?:bye+|goodbye|good night|goodnight|night|see (?:you|ya)(?: later)?|ttyl|take care|i'm going to (?:bed|sleep) now)(?: now| then| bye)*"),
    ("who", r"(?:so )?(?:who|what)(?: exactly)? (?:are|r) (?:you|u)(?: exactly)?|are you (?:an? )?(?:real|human|person|real person|bot|robot|ai|machine|chatbot|therapist|program|gpt|chatgpt)(?: or (?:an? )?(?:human|bot|person|robot|ai|machine|program))?|am i (?:talking|speaking|chatting) (?:to|with) (?:an? )?(?:real )?(?:human|person|bot|robot|ai|machine)(?: or (?:an? )?(?:human|person|bot|robot|ai|machine))?|what is this(?: site| thing| app)?|who made you"),
    ("help", r"help|what can (?:you|u|i) (?:do|help with|ask(?: you)?|ask about)|how does this work|how do i use (?:this|you)|what (?:do|can) you know|what can you help me with|what are you for"),
    ("acknowledge", r"(?:ok(?:ay)?|k|kk|alright|right|i see|got it|makes sense|fair enough|hm+|oh|ah|cool|good|great|nice|yes|yeah|yep|no|nope|sure|lol|true)(?: ok(?:ay)?| then| i see)?"),
)  # fmt: skip
_SMALLTALK_RULES = tuple((kind, re.compile(pattern)) for kind, pattern in _SMALLTALK)

_LEADS = re.compile(
    r"(?:and|but|so|then|or|also|plus|what about|how about|why|why not|how so|how come|what if|even if|really|"
    r"is that|does that|would that|can that|isn't that|doesn't that|like what|such as|for how long|how long then|"
    r"since when|until when|what then|what else|anything else|tell me more|more|go on|explain|in what way|"
    r"what do you mean|same for|does it|is it|would it|can it|should i then|when then|who|where)\b"
)
_POINTS_BACK = re.compile(
    r"\b(?:that|this|it|those|these|them|one|same|either|neither|instead|else|then|too|as well|otherwise|"
    r"the (?:first|second|last|other) one)\b"
)
_NAMES_THE_SUBJECT = re.compile(
    r"\b(?:ex|exes|ex's|break-?ups?|broke up|no[ -]contact|nc|heartbreak|relationship|getting over|move on|rebounds?)\b"
)
_LETTERS = re.compile(r"[^\W_]")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a message stands in its conversation.

    `leans`: its form points back. `hollow`: without what it points at it says nothing at all.
    `short`: it may lean although its form does not show it. `carried`: the earlier words that it
    would lean on, empty when there are none.
    """

    leans: bool
    hollow: bool
    short: bool
    carried: str = ""


def smalltalk_of(message: str) -> Smalltalk | None:
    """Return the kind of small talk that the whole message is, or None when it is something else."""
    words = " ".join(_EDGES.sub("", message.lower().replace("\u2019", "'")).split())
    if not _LETTERS.search(words):
        return "empty"
    if len(words) > 80:
        return None
    for kind, rule in _SMALLTALK_RULES:
        if rule.fullmatch(words):
            return kind
    return None


def read_message(message: str, history: Sequence[Turn]) -> Reading:
    """Read the form of `message`: whether it points back, and at which earlier words."""
    words = message.lower().replace("\u2019", "'").split()
    text = " ".join(words)
    subjects = content_words(text)
    points = _points_back(text)
    brief = bool(words) and len(words) <= LEANING_WORDS
    leans = brief and (not subjects or (points and len(subjects) <= POINTING_SUBJECTS))
    hollow = leans and len(subjects) <= (1 if len(words) <= HOLLOW_WORDS else 0)
    short = bool(words) and len(words) <= SHORT_WORDS and not _NAMES_THE_SUBJECT.search(text)
    return Reading(leans, hollow, short, _earlier_words(history) if leans or short else "")


def _points_back(text: str) -> bool:
    bare = _EDGES.sub("", text)
    return bool(_LEADS.match(bare) or _POINTS_BACK.search(bare))


def _earlier_words(history: Sequence[Turn]) -> str:
    """The last thing the person said, and what they said before it where the last was brief."""
    collected: list[str] = []
    for turn in reversed(history):
        if turn.role != "user" or smalltalk_of(turn.content):
            continue
        collected.insert(0, turn.content)
        if len(turn.content.split()) > LEANING_WORDS or len(collected) == CARRIED_TURNS:
            break
    words = " ".join(collected).split()
    return " ".join(words[-CARRIED_WORDS:])
