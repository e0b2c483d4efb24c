"""What a person wrote, in the plain spelling that the phrase rules are written in.

People in distress type fast, and some hide the word they mean. This module undoes look-alike letters,
curly apostrophes, invisible characters, s-p-a-c-i-n-g, leetspeak, repeated letters, chat abbreviations
and one typing error per word, and remembers where in the message each character came from.

Not undone: words glued together, two errors in one word, languages other than English.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from confusable_homoglyphs import confusables
from rapidfuzz.distance import OSA

BREAK = "."  # stands between two sentences of a normalised text

_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u2032\u00b4\uff07`"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SHORTEST_REPAIRED = 4  # letters; shorter words have too many real neighbours
_LONGEST_SPACED = 60  # letters of one s-p-a-c-e-d run that are cut into words
_LEET = str.maketrans("013457@$!|+", "oieastasilt")
_LEET_L = str.maketrans("013457@$!|+", "oleastaslit")

_TOKEN = re.compile(r"[\w@$*!#|'+]+|[.?;\n]+|[^\w\s]", re.ASCII | re.IGNORECASE)
_SPACED = re.compile(r"(?<![\w'])[a-z0-9@$!](?:[ .\-_*/\\|~,]{1,3}[a-z0-9@$!]){2,}(?![\w'])")
_RUN = re.compile(r"(.)\1+")
_LONG_RUN = re.compile(r"(.)\1{2,}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text` is lower-case words with single spaces; a lone "." parts two sentences.

    `origins[i]` is the index in the message of what `text[i]` came from.
    """

    text: str
    origins: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the message behind `text[start:end]`; (0, 0) for an empty stretch."""
        touched = self.origins[start:end]
        return (min(touched), max(touched) + 1) if touched else (0, 0)


@dataclass(frozen=True)
class Spelling:
    """Which words the rules know, and which spellings stand for others.

    `known`: words that rules speak of, towards which errors are mended. `real`: ordinary words one slip
    away from a known one, left alone ("skill", "cute"). `expansions`: spelling to words ("kms" to
    "kill myself"). `hidden`: words often masked with stars or cut in two ("su icide", "s**cide").
    `before_verb`: spellings to expand only before one of `verbs` ("ill kill" but not "I feel ill").
    """

    known: frozenset[str]
    real: frozenset[str] = frozenset()
    expansions: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    emoji: Mapping[str, str] = field(default_factory=dict)
    before_verb: Mapping[str, str] = field(default_factory=dict)
    verbs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int  # in the list of folded characters
    end: int


class Normaliser:
    """Calling it gives a `Normalised`; time grows with the length of the message and no faster."""

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        self._settled = spelling.known | spelling.real
        self._near: dict[str, set[str]] = defaultdict(set)  # a word with one letter left out -> words
        self._skeletons: dict[str, str] = {}
        for word in sorted(spelling.known, key=lambda word: (-len(word), word)):
            self._skeletons[_RUN.sub(r"\1", word)] = word
            if len(word) >= _SHORTEST_REPAIRED:
                for variant in _deletions(word):
                    self._near[variant].add(word)

    def __call__(self, message: str) -> Normalised:
        characters, origins = self._fold(message)
        folded = "".join(characters)
        words = self._join_hidden(self._words(folded))
        return self._write(words, origins)

    def _fold(self, message: str) -> tuple[list[str], list[int]]:
        """Plain lower-case characters, each with its index in the message."""
        characters: list[str] = []
        origins: list[int] = []
        emoji = self.spelling.emoji
        for index, character in enumerate(message):
            if character.isascii():
                plain = character.lower()
            elif character in emoji:
                plain = f" {emoji[character]} "
            else:
                plain = _plain(character)
            characters.extend(plain)
            origins.extend([index] * len(plain))
        return characters, origins

    def _words(self, folded: str) -> list[_Word]:
        words: list[_Word] = []
        done = 0
        for run in _SPACED.finditer(folded):
            joined = self._unspace(run)
            if joined is None:
                continue
            words.extend(self._plain_words(folded, done, run.start()))
            words.extend(joined)
            done = run.end()
        words.extend(self._plain_words(folded, done, len(folded)))
        return words

    def _unspace(self, run: re.Match[str]) -> list[_Word] | None:
        """The words of a run of single letters ("k i l l", "k.i.l.l m.y.s.e.l.f"), or None."""
        found: list[_Word] = []
        positions = [
            i for i in range(run.start(), run.end()) if run.string[i].isalnum() or run.string[i] in "@$!"
        ]
        groups: list[list[int]] = [[]]
        narrow = min(b - a for a, b in pairwise(positions))
        for previous, position in zip([positions[0], *positions], positions, strict=False):
            if position - previous > narrow:
                groups.append([])
            groups[-1].append(position)
        for group in groups:
            letters = "".join(run.string[i] for i in group)
            cut = self._cut(letters)
            if cut is None:
                return None
            at = 0
            for word in cut:
                found.append(_Word(word, group[at], group[at + len(word) - 1] + 1))
                at += len(word)
        return found if any(len(word.text) > 2 for word in found) else None

    def _cut(self, letters: str) -> list[str] | None:
        """Letters without spaces, cut into the fewest words that the rules know."""
        if len(letters) > _LONGEST_SPACED:
            return None
        letters = self._decoded(letters)
        best: list[list[str] | None] = [[]] + [None] * len(letters)
        for end in range(1, len(letters) + 1):
            for start in range(max(0, end - 14), end):
                head, word = best[start], letters[start:end]
                if head is None or not (word in self.spelling.known or word in self.spelling.expansions):
                    continue
                current = best[end]
                if current is None or len(head) + 1 < len(current):
                    best[end] = [*head, word]
        return best[-1]

    def _decoded(self, word: str) -> str:
        """The word with its digits and signs read as letters, when that gives a known word."""
        for table in (_LEET, _LEET_L):
            plain = word.translate(table)
            if plain in self.spelling.known or plain in self.spelling.expansions:
                return plain
        return word.translate(_LEET) if not word.isalpha() and not word.isdigit() else word

    def _plain_words(self, folded: str, start: int, end: int) -> Iterable[_Word]:
        for found in _TOKEN.finditer(folded, start, end):
            token, at = found.group(), found.start()
            if token[0].isalnum() or token[0] in "@$*!#|'+_":
                yield from self._trimmed(token, at)
            elif token[0] in ".?;\n" and (len(set(token)) > 1 or token[0] != "." or len(token) == 1):
                yield _Word(BREAK, at, found.end())
            elif not token.isascii() and token.isalpha():
                yield _Word(token, at, found.end())

    def _trimmed(self, token: str, at: int) -> Iterable[_Word]:
        """The word inside its signs: "hi!!" is "hi" and a break, "k!ll" stays whole for `_settle`."""
        left = len(token) - len(token.lstrip("*!#|'+_@"))
        core = token[left:]
        tail = core.rstrip("*!#|'+_@")
        if token[:left].count("@") == 1 and self._decoded(token) in self.spelling.known:
            left, core, tail = 0, token, token
        if tail:
            pieces = tail.split("_")
            offset = at + left
            for piece in pieces:
                if piece:
                    yield _Word(piece, offset, offset + len(piece))
                offset += len(piece) + 1
        if "!" in core[len(tail) :]:
            yield _Word(BREAK, at + left + len(tail), at + len(token))

    def _join_hidden(self, words: list[_Word]) -> list[_Word]:
        """ "su icide" as one word."""
        joined: list[_Word] = []
        for word in words:
            if joined and word.text != BREAK and joined[-1].text + word.text in self.spelling.hidden:
                first = joined.pop()
                word = _Word(first.text + word.text, first.start, word.end)
            joined.append(word)
        return joined

    def _write(self, words: list[_Word], origins: list[int]) -> Normalised:
        text: list[str] = []
        sources: list[int] = []
        for place, word in enumerate(words):
            following = words[place + 1].text if place + 1 < len(words) else ""
            spelt = BREAK if word.text == BREAK else self._settle(word.text, following)
            if not spelt:
                continue
            if text:
                text.append(" ")
                sources.append(sources[-1])
            last = word.end - 1
            text.append(spelt)
            sources.extend(origins[min(word.start + i, last)] for i in range(len(spelt) - 1))
            sources.append(origins[last])
        return Normalised("".join(text), tuple(sources))

    def _settle(self, word: str, following: str) -> str:
        """The word or words that a spelling stands for, in the rules' own spelling."""
        spelling = self.spelling
        if word in spelling.before_verb and self._repaired(following) in spelling.verbs:
            return spelling.before_verb[word]
        if word in spelling.expansions:
            return spelling.expansions[word]
        if "'" in word:
            return self._without_apostrophe(word)
        if word in self._settled or word.isdigit():
            return word
        repaired = self._repaired(word)
        return spelling.expansions.get(repaired, repaired)

    def _without_apostrophe(self, word: str) -> str:
        """ "husband's" as "husband 's"; "don't" and its like stand among the expansions."""
        bare = word.replace("'", "")
        if bare in self.spelling.expansions and not word.endswith("'s"):
            return self.spelling.expansions[bare]
        for ending, full in (
            ("n't", " not"),
            ("'ll", " will"),
            ("'ve", " have"),
            ("'re", " are"),
            ("'d", " would"),
        ):
            if word.endswith(ending) and len(word) > len(ending):
                return self._settle(word[: -len(ending)], "") + full
        if word.endswith("'s") and len(word) > 2:
            return self._settle(word[:-2].replace("'", ""), "") + " 's"
        return self._settle(bare, "") if bare else ""

    def _repaired(self, word: str) -> str:
        """The known word that this one was probably meant to be, or the word itself."""
        if word in self._settled or word in self.spelling.expansions:
            return word
        if "*" in word or "#" in word:
            return self._unmasked(word)
        if not word.isalpha():
            word = self._decoded(word)
        short = _LONG_RUN.sub(r"\1\1", word)
        if short in self._settled or short in self.spelling.expansions:
            return short
        skeleton = _RUN.sub(r"\1", word)
        if skeleton != word and (whole := self._skeletons.get(skeleton)):
            return whole
        return self._nearest(short)

    def _unmasked(self, word: str) -> str:
        pattern = re.compile(
            "".join("[a-z]?" if c in "*#" else re.escape(c) for c in word.translate(_LEET)[:24])
        )
        fitting = [known for known in sorted(self.spelling.hidden) if pattern.fullmatch(known)]
        return fitting[0] if fitting else word.replace("*", "").replace("#", "")

    def _nearest(self, word: str) -> str:
        """One slip away: a letter left out, put in, changed, or two swapped. The first letter is kept
        unless it was swapped with the second."""
        if not _SHORTEST_REPAIRED <= len(word) <= 20:
            return word
        candidates = set(self._near.get(word, ()))
        for variant in _deletions(word):
            candidates |= self._near.get(variant, set())
        near = [
            known
            for known in candidates
            if known[0] in word[:2] and OSA.distance(known, word, score_cutoff=1) <= 1
        ]
        return min(
            near, key=lambda known: (known[0] != word[0], abs(len(known) - len(word)), known), default=word
        )


def _deletions(word: str) -> set[str]:
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}


@cache
def _plain(character: str) -> str:
    """One character outside ASCII in plain letters; "" for one that nobody sees."""
    if character in _APOSTROPHES:
        return "'"
    if character in _DASHES:
        return "-"
    if unicodedata.category(character) in ("Cf", "Mn", "Me", "Cc"):
        return ""
    if boxed := _boxed_letter(character):
        return boxed
    if like := _look_alike(character):
        return like
    decomposed = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    if plain != character and plain:
        return "".join(c if c.isascii() else _look_alike(c) or c for c in plain)
    return plain if plain.isalpha() else " "


def _boxed_letter(character: str) -> str:
    """Squared and circled capitals on a dark ground, which NFKC leaves as they are."""
    for first in (0x1F150, 0x1F170, 0x1F1E6):
        if first <= ord(character) < first + 26:
            return chr(ord("a") + ord(character) - first)
    return ""


def _look_alike(character: str) -> str:
    """The ASCII letter that Unicode lists as confusable with this character, or ""."""
    for twin in confusables.confusables_data.get(character, ()):
        if len(twin["c"]) == 1 and twin["c"].isascii() and twin["c"].isalpha():
            return str(twin["c"]).lower()
    return ""
