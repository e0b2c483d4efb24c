"""The small language in which the risk rules are written, and how a phrase of it is matched.

    word            that word (after normalising: lower case, no apostrophes, "do not" for "don't")
    ~kill           any form of the verb: kill, kills, killed, killing (forms in macros.yaml)
    (a | b c | d)   one of these
    [a | b]         one of these, or nothing
    {loved}         a macro: one of its lines
    *               any one word
    ..              up to three words
    ...             up to seven words

A phrase matches whole words inside one sentence. It says which words a sentence must have for it
to match at all, so that of thousands of phrases only a handful are tried on a message.

Words are matched as words and not by regular expressions: the macros' long alternatives take `re` some
milliseconds a phrase to compile, a tenth of a second for the first message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

MASK = "\u00a4"  # stands for a word of a harmless figure of speech; no phrase matches it
END = ""  # stands after the last word of a sentence
_GAPS = {"*": (1, 1), "..": (0, 3), "...": (0, 7)}  # fewest and most words
_TOKENS = re.compile(r"\.\.\.|\.\.|[()\[\]|*]|\{\w+\}|~?[\w'$]+|\S")

Words = Sequence[str]  # of one sentence, with END after the last


class PhraseError(ValueError):
    """A phrase that cannot be read; the text says which and why."""


class Needed(NamedTuple):
    """Words of which a sentence must have one, and how many words come before it in the phrase."""

    words: frozenset[str]
    fewest_before: int = 0
    most_before: int = 0


class _Part(Protocol):
    """A piece of a phrase."""

    needed: Sequence[Needed]
    first: frozenset[str] | None  # the words that it can start with; None for any word
    fewest: int  # words that it can match
    most: int

    def ends(self, words: Words, at: int) -> Sequence[int]:
        """Where it can end when it starts at `words[at]`, the preferred end first, none twice."""


class _OneWord:
    """Any of some words, at its cheapest: one look into a set."""

    fewest = most = 1

    def __init__(self, words: frozenset[str]) -> None:
        self.words = words
        self.needed: Sequence[Needed] = (Needed(words),)
        self.first: frozenset[str] | None = words

    def ends(self, words: Words, at: int) -> Sequence[int]:
        return (at + 1,) if words[at] in self.words else ()


class _Gap:
    """Some words of any kind, as few as will do; a gap never crosses a masked word."""

    needed: Sequence[Needed] = ()
    first: frozenset[str] | None = None

    def __init__(self, fewest: int, most: int) -> None:
        self.fewest = fewest
        self.most = most

    def ends(self, words: Words, at: int) -> Sequence[int]:
        end = at
        while end - at < self.most and words[end] != MASK and words[end] != END:
            end += 1
        return range(at + self.fewest, end + 1)


class _Sequence:
    """Parts one after the other."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = tuple(parts)
        self.fewest = self.most = 0
        needed: list[Needed] = []
        opening: list[_Part] = []
        for part in parts:
            needed.extend(
                Needed(n.words, n.fewest_before + self.fewest, n.most_before + self.most) for n in part.needed
            )
            if self.fewest == 0:
                opening.append(part)
            self.fewest += part.fewest
            self.most += part.most
        self.needed: Sequence[Needed] = needed
        self.first = _first(opening)

    def ends(self, words: Words, at: int) -> Sequence[int]:
        reached: Sequence[int] = (at,)
        for part in self._parts:
            if len(reached) == 1:
                reached = part.ends(words, reached[0])
            else:
                reached = list(dict.fromkeys(end for place in reached for end in part.ends(words, place)))
            if not reached:
                break
        return reached


class _Either:
    """One of several branches, the longer preferred; with `or_nothing`, none of them at last."""

    def __init__(self, branches: Sequence[_Part], or_nothing: bool = False) -> None:
        branches = sorted(branches, key=lambda branch: -branch.most)
        self._or_nothing = or_nothing
        self.needed = () if or_nothing else _needed_by_all(branches)
        self.first = _first(branches)
        self.fewest = 0 if or_nothing else min(branch.fewest for branch in branches)
        self.most = max(branch.most for branch in branches)
        self._anyhow = tuple(branch for branch in branches if branch.fewest == 0 or branch.first is None)
        self._starting_with: dict[str, tuple[_Part, ...]] = {}
        if len(branches) > 1:
            self._starting_with = {
                word: tuple(b for b in branches if b.fewest == 0 or b.first is None or word in b.first)
                for word in frozenset().union(*(branch.first or () for branch in branches))
            }
        else:
            self._anyhow = tuple(branches)

    def ends(self, words: Words, at: int) -> Sequence[int]:
        branches = self._starting_with.get(words[at], self._anyhow)
        if not self._or_nothing:
            if len(branches) == 1:
                return branches[0].ends(words, at)
            return list(dict.fromkeys(end for branch in branches for end in branch.ends(words, at)))
        ends = [end for branch in branches for end in branch.ends(words, at)]
        return list(dict.fromkeys((*ends, at))) if ends else (at,)


def _first(parts: Sequence[_Part]) -> frozenset[str] | None:
    if len(parts) == 1:
        return parts[0].first
    if any(part.first is None for part in parts):
        return None
    return frozenset().union(*(part.first or () for part in parts))


def _needed_by_all(branches: Sequence[_Part]) -> Sequence[Needed]:
    """What each branch needs most narrowly, taken together: one of these words must be there."""
    if not all(branch.needed for branch in branches):
        return ()
    narrow = [min(branch.needed, key=lambda needed: len(needed.words)) for branch in branches]
    words: frozenset[str] = frozenset().union(*(needed.words for needed in narrow))
    return (Needed(words, min(n.fewest_before for n in narrow), max(n.most_before for n in narrow)),)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase, ready to search sentences with."""

    source: str
    part: _Part

    @property
    def needed(self) -> list[Needed]:
        """What any sentence with this phrase has."""
        first = [Needed(self.part.first)] if self.part.first is not None else []
        return list(dict.fromkeys((*self.part.needed, *first)))

    def find(self, words: Words, starts: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Its matches that begin at one of `starts`, none overlapping, as (first word, word after the last).

        `words` ends with END; `starts` rises. Time grows with the words and the phrase's parts, no faster.
        """
        done = 0
        for at in starts:
            if at >= done:
                for end in self.part.ends(words, at)[:1]:
                    yield at, end
                    done = end


class Reader:
    """Reads phrases, given the macros (name to alternatives) and the verbs (name to other forms)."""

    def __init__(self, macros: Mapping[str, Sequence[str]], verbs: Mapping[str, Sequence[str]]) -> None:
        self.words: set[str] = set()  # every word that the phrases read so far speak of
        self._sources = dict(macros)
        self._verbs = dict(verbs)
        self._macros: dict[str, _Part] = {}
        self._open: list[str] = []  # macros being read, to notice a circle
        self._single_words: dict[str, _OneWord] = {}

    def with_macros(self, macros: Mapping[str, Sequence[str]]) -> Reader:
        """A reader that knows these macros too; they may use and replace the others."""
        reader = Reader({**self._sources, **macros}, self._verbs)
        reader.words = self.words
        return reader

    def read(self, source: str) -> Phrase:
        """Return the phrase; raise `PhraseError` for one that is malformed or matches nothing in particular."""
        tokens = _TOKENS.findall(source)
        part, rest = self._sequence(tokens, 0, source)
        if rest != len(tokens):
            raise PhraseError(f"'{source}': unexpected '{tokens[rest]}'")
        if not part.needed:
            raise PhraseError(f"'{source}' has no word that must be there")
        return Phrase(source, part)

    def _sequence(self, tokens: list[str], at: int, source: str) -> tuple[_Part, int]:
        parts: list[_Part] = []
        while at < len(tokens) and tokens[at] not in (")", "]", "|"):
            token = tokens[at]
            if token in "([":
                branches, at = self._branches(tokens, at + 1, ")" if token == "(" else "]", source)
                one = _any_of(branches)
                parts.append(one if token == "(" else _Either([one], or_nothing=True))
            else:
                parts.append(self._single(token, source))
                at += 1
        return (parts[0] if len(parts) == 1 else _Sequence(parts)), at

    def _branches(self, tokens: list[str], at: int, closing: str, source: str) -> tuple[list[_Part], int]:
        branches = []
        while True:
            branch, at = self._sequence(tokens, at, source)
            branches.append(branch)
            if at >= len(tokens):
                raise PhraseError(f"'{source}': a '{closing}' is missing")
            if tokens[at] == closing:
                return branches, at + 1
            if tokens[at] != "|":
                raise PhraseError(f"'{source}': unexpected '{tokens[at]}'")
            at += 1

    def _single(self, token: str, source: str) -> _Part:
        if token in _GAPS:
            return _Gap(*_GAPS[token])
        if token.startswith("{"):
            return self._macro(token[1:-1], source)
        if token not in self._single_words:
            self._single_words[token] = _OneWord(frozenset(self._spellings(token, source)))
            self.words |= self._single_words[token].words
        return self._single_words[token]

    def _spellings(self, token: str, source: str) -> Sequence[str]:
        if not re.fullmatch(r"~?[\w'$]+", token):
            raise PhraseError(f"'{source}': '{token}' means nothing here")
        if token != token.lower():
            raise PhraseError(f"'{source}': words are written in lower case")
        return (token[1:], *self._forms(token[1:])) if token.startswith("~") else (token,)

    def _forms(self, verb: str) -> Sequence[str]:
        if verb in self._verbs:
            return self._verbs[verb]
        stem = verb[:-1] if verb.endswith("e") else verb
        ending = (
            f"{verb[:-1]}ies"
            if re.search(r"[^aeiou]y$", verb)
            else f"{verb}{'es' if verb.endswith(('s', 'sh', 'ch', 'x')) else 's'}"
        )
        past = f"{verb[:-1]}ied" if re.search(r"[^aeiou]y$", verb) else f"{stem}ed"
        return ending, past, f"{stem}ing"

    def _macro(self, name: str, source: str) -> _Part:
        if name in self._open:
            raise PhraseError(f"'{source}': the macro {{{name}}} uses itself")
        if name not in self._sources:
            raise PhraseError(f"'{source}': there is no macro {{{name}}}")
        if name not in self._macros:
            self._open.append(name)
            lines = [_TOKENS.findall(line) for line in self._sources[name]]
            parts = [self._sequence(tokens, 0, f"{{{name}}}") for tokens in lines]
            for tokens, (_, end) in zip(lines, parts, strict=True):
                if end != len(tokens):
                    raise PhraseError(f"the macro {{{name}}}: unexpected '{tokens[end]}'")
            self._macros[name] = _any_of([part for part, _ in parts])
            self._open.pop()
        return self._macros[name]


def _any_of(branches: Sequence[_Part]) -> _Part:
    """One of these, longer ones preferred to single words, which are looked up all at once."""
    longer = [branch for branch in branches if not isinstance(branch, _OneWord)]
    single = [branch.words for branch in branches if isinstance(branch, _OneWord)]
    if single:
        longer.append(_OneWord(frozenset().union(*single)))
    return longer[0] if len(longer) == 1 else _Either(longer)
