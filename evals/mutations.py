"""Seeded changes to messages and sentences: noise, disguises, and edits that break a quotation.

Each takes the words and a random generator and returns the changed words, or None where it has
nothing to change.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from evals.intervals import SEED

Change = Callable[[str, random.Random], str | None]
Disguise = Callable[[str, tuple[int, int], random.Random], str | None]

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_FILLERS = (
    "ok so um, ",
    "hi, not sure if this is the right place but ",
    "sorry, long day. ",
    "so basically ",
)
_EMOJI = ("\U0001f62d", "\U0001f494", "\U0001f629", "\U0001f97a")
_LEET = str.maketrans("aeiosAEIOS", "4310543105")
_LOOKALIKES = str.maketrans("aeopcxyi", "аеорсхуі")  # Cyrillic
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_VERBS = re.compile(
    r"\b(?:is|are|was|were|can|could|will|would|may|might|should|must|has|have|had|do|does|did)\b"
)


def generator_for(case_id: str, name: str) -> random.Random:
    """The generator of one case and one change: the same in every run, on every machine."""
    return random.Random(f"{SEED}:{case_id}:{name}")


# Noise: the same question as a tired thumb writes it


def typing_errors(message: str, generator: random.Random) -> str | None:
    """Swap two letters inside every tenth long word, and at least inside one."""
    words = [m.span() for m in _WORD.finditer(message) if len(m.group()) > 3]
    if not words:
        return None
    chosen = generator.sample(words, max(1, len(words) // 10))
    for start, end in sorted(chosen, reverse=True):
        message = message[:start] + _swap(message[start:end], generator) + message[end:]
    return message


def upper_case(message: str, generator: random.Random) -> str | None:
    return _changed(message, message.upper())


def add_emoji(message: str, generator: random.Random) -> str | None:
    return f"{message} {generator.choice(_EMOJI) * 2}"


def add_filler(message: str, generator: random.Random) -> str | None:
    return generator.choice(_FILLERS) + message


NOISE: Mapping[str, Change] = {
    "typing errors": typing_errors,
    "upper case": upper_case,
    "emoji": add_emoji,
    "filler": add_filler,
}


# Disguises: words of danger as people write them past a filter, or by accident


def key_word(message: str, span: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return where the word stands that a disguise changes: the longest within `span`, else of the message."""
    found = [m.span() for m in _WORD.finditer(message)]
    inside = [w for w in found if span and span[0] <= w[0] and w[1] <= span[1]]
    return max(inside or found, key=lambda w: w[1] - w[0], default=None)


def _on_word(change: Callable[[str, random.Random], str]) -> Disguise:
    def disguise(message: str, word: tuple[int, int], generator: random.Random) -> str | None:
        start, end = word
        return _changed(message, message[:start] + change(message[start:end], generator) + message[end:])

    return disguise


def _on_message(change: Change) -> Disguise:
    return lambda message, word, generator: change(message, generator)


def _without_apostrophes(message: str, generator: random.Random) -> str | None:
    return _changed(message, re.sub(r"(?<=\w)['\u2019](?=\w)", "", message))


def _curly_apostrophes(message: str, generator: random.Random) -> str | None:
    return _changed(message, message.replace("'", "\u2019"))


def _doubled(word: str, generator: random.Random) -> str:
    place = generator.randrange(len(word))
    return word[:place] + word[place] + word[place:]


def _swap(word: str, generator: random.Random) -> str:
    """Swap two neighbouring letters, not the first, that differ; a word without such a pair stays."""
    pairs = [
        n
        for n in range(1, len(word) - 1)
        if word[n].isalpha() and word[n + 1].isalpha() and word[n] != word[n + 1]
    ]
    if not pairs:
        return word
    n = generator.choice(pairs)
    return word[:n] + word[n + 1] + word[n] + word[n + 2 :]


DISGUISES: Mapping[str, Disguise] = {
    "no apostrophe": _on_message(_without_apostrophes),
    "curly apostrophe": _on_message(_curly_apostrophes),
    "spaced letters": _on_word(lambda word, _: " ".join(word)),
    "leet": _on_word(lambda word, _: word.translate(_LEET)),
    "look-alike letters": _on_word(lambda word, _: word.translate(_LOOKALIKES)),
    "upper case": _on_message(upper_case),
    "doubled letter": _on_word(_doubled),
    "one typing error": _on_word(_swap),
    "emoji": _on_message(add_emoji),
}


# Edits after which a quotation no longer says what its source says


def negate(sentence: str, generator: random.Random) -> str | None:
    """Take out "not" or "n't", else put "not" after the first auxiliary verb."""
    without = re.sub(r"\bnot |(?<=\w)n['\u2019]t\b", "", sentence, count=1)
    if without != sentence:
        return without
    verb = _VERBS.search(sentence)
    return f"{sentence[: verb.end()]} not{sentence[verb.end() :]}" if verb else None


def change_number(sentence: str, generator: random.Random) -> str | None:
    """Make the first number, in digits or in words, one more."""
    digits = re.search(r"\d+", sentence)
    if digits:
        return f"{sentence[: digits.start()]}{int(digits.group()) + 1}{sentence[digits.end() :]}"
    word = re.search(rf"\b(?:{'|'.join(_NUMBERS[:-1])})\b", sentence)
    if not word:
        return None
    return sentence[: word.start()] + _NUMBERS[_NUMBERS.index(word.group()) + 1] + sentence[word.end() :]


def change_name(sentence: str, generator: random.Random) -> str | None:
    """Put another name for the first capitalised word that does not open the sentence."""
    name = re.search(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", sentence)
    return sentence[: name.start()] + "Robinson" + sentence[name.end() :] if name else None


def cut_end(sentence: str, generator: random.Random) -> str | None:
    """Leave out the last third of the words, and close with a full stop."""
    words = sentence.split()
    return " ".join(words[: -(-len(words) * 2 // 3)]).rstrip(",;:") + "." if len(words) > 4 else None


def cut_start(sentence: str, generator: random.Random) -> str | None:
    """Leave out the first two words, and begin with a capital."""
    words = sentence.split()
    return " ".join(words[2:])[:1].upper() + " ".join(words[2:])[1:] if len(words) > 4 else None


BREAKS: Mapping[str, Change] = {
    "negation": negate,
    "number": change_number,
    "name": change_name,
    "end cut off": cut_end,
    "start cut off": cut_start,
}


def _changed(before: str, after: str) -> str | None:
    return after if after != before else None
