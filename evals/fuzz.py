"""Thousands of odd and changed messages for the risk screen: nothing may fail, and nothing harmless may hide danger.

Half of them are noise: random characters, and labelled messages with pieces cut out, doubled, shuffled or
disguised, some with turns before them. Of these only a sound assessment is asked. The other half are single
sentences that get a referral, with harmless sentences before, after or around them: their level may not sink.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chat.net import sentences
from chat.risk import RiskScreen
from chat.rulebook import RULES
from chat.types import LEVELS, RiskAssessment, Turn
from evals.cases import Case
from evals.intervals import SEED
from evals.mutations import DISGUISES, key_word

MOST_HARMLESS = 3  # sentences put before, and as many after
_SIGNS = string.printable + "äéñßøžİı\u200b\u200d\u202e\u2019\u00a0\ufeff\U0001f62d\U0001f494日本語кажуא"


@dataclass(frozen=True, slots=True)
class Fault:
    """A message that the screen did not bear."""

    kind: str  # "error": the screen failed; "lower": harmless text lowered the level
    message: str
    alone: str  # the level of the risky sentence by itself, empty for "error"
    found: str


def fuzz_screen(
    screen: RiskScreen,
    cases: Sequence[Case],
    count: int,
    seed: int = SEED,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Fault]:
    """Return what the screen did not bear of `count` messages made from `cases`; the same for the same seed."""
    chance = random.Random(seed)
    harmless = _harmless_sentences()
    risky = [case.message for case in cases if case.expect == "route" and not sentences(case.message)]
    alone: dict[str, RiskAssessment] = {}
    faults = []
    for done in range(count):
        if done % 2:
            message = chance.choice(risky)
            if message not in alone:
                alone[message] = screen.assess(message)
            fault = _lowered(screen, message, alone[message], harmless, chance)
        else:
            fault = _failed(screen, chance.choice(cases).message, chance)
        if fault:
            faults.append(fault)
        progress(done + 1)
    return faults


def _harmless_sentences() -> list[str]:
    """Ordinary messages of one sentence, each closed with a sign so that the next begins anew."""
    lines = (RULES / "ordinary.txt").read_text(encoding="utf-8").splitlines()
    return [_closed(line.strip()) for line in lines if line.strip() and not sentences(line)]


def _closed(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."


def _lowered(
    screen: RiskScreen, message: str, alone: RiskAssessment, harmless: Sequence[str], chance: random.Random
) -> Fault | None:
    before = chance.sample(harmless, chance.randint(0, MOST_HARMLESS))
    after = chance.sample(harmless, chance.randint(0 if before else 1, MOST_HARMLESS))
    whole = chance.choice(("\n", "\n\n")).join([*before, _closed(message), *after])
    found = screen.assess(whole)
    if LEVELS.index(found.level) >= LEVELS.index(alone.level):
        return None
    return Fault("lower", whole, alone.level, found.level)


def _failed(screen: RiskScreen, message: str, chance: random.Random) -> Fault | None:
    text = _noise(message, chance)
    history = [
        Turn(chance.choice(("user", "assistant")), _noise(message, chance))
        for _ in range(chance.choice((0, 0, 0, 1, 3)))
    ]
    found = screen.assess(text, history)
    return Fault("error", text, "", str(found.rule)) if found.rule == "error" else None


def _noise(message: str, chance: random.Random) -> str:
    way = chance.randrange(5)
    if way == 0:
        return "".join(chance.choices(_SIGNS, k=chance.randint(0, 400)))
    if way == 1:
        place = chance.randrange(len(message))
        return (
            message[:place] + "".join(chance.choices(_SIGNS, k=9)) + message[place + chance.randint(0, 9) :]
        )
    if way == 2:
        words = message.split()
        chance.shuffle(words)
        return " ".join(words)
    if way == 3:
        return message * chance.randint(2, 4)
    word = key_word(message, None)
    changed = chance.choice(list(DISGUISES.values()))(message, word, chance) if word else None
    return changed or message
