"""The small language in which the risk rules are written, and what a phrase of it becomes.

    word            that word (after normalising: lower case, no apostrophes, "do not" for "don't")
    ~kill           any form of the verb: kill, kills, killed, killing (forms in macros.yaml)
    (a | b c | d)   one of these
    [a | b]         one of these, or nothing
    {loved}         a macro: one of its lines
    *               any one word
    ..              up to three words
    ...             up to seven words

A phrase matches whole words inside one sentence. It says which words a sentence must have for it
to match at all, so that of two thousand phrases only a handful are tried on a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

MASK = "\u00a4"  # stands for each letter of a harmless figure of speech; no word matches it
_ANY_WORD = rf"[^ {MASK}]+ "
_GAPS = {"*": _ANY_WORD, "..": rf"(?:{_ANY_WORD}){{0,3}}?", "...": rf"(?:{_ANY_WORD}){{0,7}}?"}
_TOKENS = re.compile(r"\.\.\.|\.\.|[()\[\]|*]|\{\w+\}|~?[\w'$]+|\S")


class PhraseError(ValueError):
    """A phrase that cannot be read; the text says which and why."""


Needed = tuple[frozenset[str], ...]  # of each set the sentence must have at least one word


@dataclass(frozen=True)
class _Part:
    """A piece of a phrase: its regular expression (each word ends with a space) and its words."""

    pattern: str
    needed: Needed
    words: frozenset[str]


@dataclass(frozen=True)
class Phrase:
    """One phrase, ready to search a sentence that starts with a space and ends each word with one."""

    source: str
    pattern: str
    needed: Needed
    words: frozenset[str]  # every word that it speaks of

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Compiled when it is first needed: most phrases never are."""
        return re.compile(rf"(?<= ){self.pattern}")


_NOTHING = _Part("", (), frozenset())


class Reader:
    """Reads phrases, given the macros (name to alternatives) and the verbs (name to other forms)."""

    def __init__(self, macros: Mapping[str, Sequence[str]], verbs: Mapping[str, Sequence[str]]) -> None:
        self._sources = dict(macros)
        self._verbs = dict(verbs)
        self._macros: dict[str, _Part] = {}
        self._open: list[str] = []  # macros being read, to notice a circle

    def with_macros(self, macros: Mapping[str, Sequence[str]]) -> Reader:
        """A reader that knows these macros too; they may use and replace the others."""
        return Reader({**self._sources, **macros}, self._verbs)

    def read(self, source: str) -> Phrase:
        """Return the phrase; raise `PhraseError` for one that is malformed or matches nothing in particular."""
        tokens = _TOKENS.findall(source)
        part, rest = self._sequence(tokens, 0, source)
        if rest != len(tokens):
            raise PhraseError(f"'{source}': unexpected '{tokens[rest]}'")
        if not part.needed:
            raise PhraseError(f"'{source}' has no word that must be there")
        return Phrase(source, part.pattern, part.needed, part.words)

    def _sequence(self, tokens: list[str], at: int, source: str) -> tuple[_Part, int]:
        parts: list[_Part] = []
        while at < len(tokens) and tokens[at] not in (")", "]", "|"):
            token = tokens[at]
            if token in "([":
                group, at = self._alternatives(tokens, at + 1, ")" if token == "(" else "]", source)
                parts.append(group if token == "(" else _optional(group))
            else:
                parts.append(self._single(token, source))
                at += 1
        return _joined(parts), at

    def _alternatives(self, tokens: list[str], at: int, closing: str, source: str) -> tuple[_Part, int]:
        branches = []
        while True:
            branch, at = self._sequence(tokens, at, source)
            branches.append(branch)
            if at >= len(tokens):
                raise PhraseError(f"'{source}': a '{closing}' is missing")
            if tokens[at] == closing:
                return _any_of(branches), at + 1
            if tokens[at] != "|":
                raise PhraseError(f"'{source}': unexpected '{tokens[at]}'")
            at += 1

    def _single(self, token: str, source: str) -> _Part:
        if token in _GAPS:
            return _Part(_GAPS[token], (), frozenset())
        if token.startswith("{"):
            return self._macro(token[1:-1], source)
        if token.startswith("~"):
            return _any_of([_word(form) for form in (token[1:], *self._forms(token[1:]))])
        if not re.fullmatch(r"[\w'$]+", token):
            raise PhraseError(f"'{source}': '{token}' means nothing here")
        if token != token.lower():
            raise PhraseError(f"'{source}': words are written in lower case")
        return _word(token)

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


def _word(word: str) -> _Part:
    return _Part(re.escape(word) + " ", (frozenset((word,)),), frozenset((word,)))


def _joined(parts: Sequence[_Part]) -> _Part:
    return _Part(
        "".join(p.pattern for p in parts),
        tuple(needed for p in parts for needed in p.needed),
        frozenset().union(*(p.words for p in parts)),
    )


def _any_of(parts: Sequence[_Part]) -> _Part:
    """One of `parts`: what each of them needs most narrowly, taken together, is what must be there."""
    if len(parts) == 1:
        return parts[0]
    needed: Needed = ()
    if all(p.needed for p in parts):
        needed = (frozenset().union(*(min(p.needed, key=len) for p in parts)),)
    patterns = sorted({p.pattern for p in parts}, key=lambda p: (-len(p), p))  # the longest first
    return _Part(f"(?:{'|'.join(patterns)})", needed, frozenset().union(*(p.words for p in parts)))


def _optional(part: _Part) -> _Part:
    return _Part(f"(?:{part.pattern})?", (), part.words)
