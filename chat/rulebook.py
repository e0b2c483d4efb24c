"""The risk rules as the editors write them: chat/rules/*.yaml, read, checked and ready to search with.

One file per category holds its rules. Beside them: macros.yaml (words that many phrases share),
spelling.yaml (what the normaliser expands), idioms.yaml (harmless figures of speech, masked before any
rule looks), clues.yaml (weak signs that count together) and speech.yaml (how people take things back,
say that they are safe, and what the guide itself must never say).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, get_args

import yaml
from spellchecker import SpellChecker

from chat.normalise import BREAK, Normalised, Normaliser, Spelling
from chat.phrases import MASK, Phrase, PhraseError, Reader
from chat.types import LEVELS, Category, Level
from indexer.errors import GuideError

T = TypeVar("T")

RULES = Path(__file__).parent / "rules"
WINDOW = 60  # words searched at once; a sentence without a full stop is cut into windows
COMMON = 100  # a word seen so often in the spell checker's counts (160,000 words) is no slip of a risk word
OVERLAP = 20  # words that two windows share, so that no phrase is cut in two

_LIGHT = frozenset(
    [
        "going",
        "planning",
        "plan",
        "trying",
        "try",
        "ever",
        "to",
        "want",
        "wants",
        "wanting",
        "wanted",
        "thinking",
        "think",
        "thought",
        "about",
        "of",
        "even",
        "once",
        "intend",
        "intending",
        "feel",
        "feeling",
        "a",
        "any",
        "the",
        "had",
        "have",
        "has",
        "been",
        "be",
        "being",
        "am",
        "is",
        "are",
        "was",
        "were",
        "here",
        "do",
        "does",
        "did",
        "in",
        "actively",
        "necessarily",
        "currently",
        "so",
        "quite",
        "exactly",
        "having",
        "will",
        "would",
        "going",
    ]
)
_DENIALS = frozenset(("not", "never", "no", "nor", "neither"))
_SUBJECTS = frozenset(
    ["i", "he", "she", "they", "we", "you", "my", "it", "his", "her", "their", "who", "that", "this"]
)


class RulesBroken(GuideError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The risk rules in {path} cannot be used: {why}. Mend the file; the guide does not run without it."
        )
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of one sentence (or one window of a long one), fillers left out, each followed by a space.

    `text` starts with a space. `starts` and `places` give, for each word, where it stands in `text`
    and in the normalised message.
    """

    text: str
    words: frozenset[str]
    starts: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the normalised message."""
        touched = [place for at, place in zip(self.starts, self.places, strict=True) if start <= at < end]
        return (touched[0][0], touched[-1][1]) if touched else (0, 0)


class PhraseSet(Generic[T]):
    """Many phrases with what each stands for, searched at the cost of those that could match."""

    def __init__(self, phrases: Iterable[tuple[Phrase, T]]) -> None:
        self._index: dict[str, list[int]] = defaultdict(list)
        self._phrases = list(phrases)
        common = self._commonness()
        for number, (phrase, _) in enumerate(self._phrases):
            rarest = min(phrase.needed, key=lambda words: sum(common[word] for word in words))
            for word in rarest:
                self._index[word].append(number)

    def _commonness(self) -> dict[str, int]:
        """How many phrases speak of a word: a stand-in for how often people use it."""
        common: dict[str, int] = defaultdict(int)
        for phrase, _ in self._phrases:
            for words in phrase.needed:
                for word in words:
                    common[word] += 1
        return common

    def find(self, sentence: Sentence) -> Iterator[tuple[T, int, int]]:
        """Every phrase's matches in one sentence, as (what it stands for, start, end) in its text."""
        tried: set[int] = set()
        for word in sentence.words:
            for number in self._index.get(word, ()):
                if number in tried:
                    continue
                tried.add(number)
                phrase, meaning = self._phrases[number]
                if any(needed.isdisjoint(sentence.words) for needed in phrase.needed):
                    continue
                for match in phrase.expression.finditer(sentence.text):
                    yield meaning, match.start(), match.end()

    @property
    def words(self) -> frozenset[str]:
        return frozenset().union(*(phrase.words for phrase, _ in self._phrases))


@dataclass(frozen=True)
class Rule:
    """One reason to refer somebody, with the phrases that show it."""

    id: str
    category: Category
    level: Level
    why: str
    say: tuple[Phrase, ...]
    unless: tuple[Phrase, ...]  # in the same sentence
    denial_counts: bool  # True where "not" before the phrase does not take it back
    yes: tuple[str, ...]
    no: tuple[str, ...]


@dataclass(frozen=True)
class Combination:
    """Weak signs that count when they come together, in one message or over a few turns."""

    id: str
    clues: tuple[frozenset[str], ...]  # one of each
    category: Category
    level: Level


@dataclass(frozen=True)
class Finding:
    """A rule's phrase in a message; `start` and `end` are characters of the normalised text."""

    rule: Rule
    start: int
    end: int


Speech = Literal[
    "takes_back", "is_safe", "ordinary", "unsayable", "asks_if_safe", "asks_if_at_risk", "yes", "no"
]


class Rulebook:
    """All rules of one folder. Reading checks every file; searching compiles phrases as they are needed."""

    def __init__(self, folder: Path = RULES) -> None:
        self._folder = folder
        macros = self._load("macros.yaml")
        verbs = {verb: str(forms).split() for verb, forms in macros.get("verbs", {}).items()}
        self._reader = Reader(_string_lists(macros.get("macros", {})), verbs)
        self._fillers = frozenset(str(macros.get("fillers", "")).split())
        self.rules = tuple(rule for path in sorted(folder.glob("*.yaml")) for rule in self._rules(path))
        if not self.rules:
            raise RulesBroken(folder, "no rules in it")
        self._searched = PhraseSet((phrase, rule) for rule in self.rules for phrase in rule.say)
        self._unless = {
            rule.id: PhraseSet((phrase, True) for phrase in rule.unless) for rule in self.rules if rule.unless
        }
        idioms = self._load("idioms.yaml")
        self._idioms = PhraseSet(
            (phrase, True) for phrase in self._phrases("idioms.yaml", idioms.get("idioms", ()))
        )
        self._read_clues()
        self._read_speech()
        self.normaliser = Normaliser(self._spelling())

    def sentences(self, normal: Normalised) -> list[Sentence]:
        """The sentences of a message, with harmless figures of speech masked."""
        return [self._masked(sentence) for sentence in self._split(normal.text)]

    def findings(self, sentences: Iterable[Sentence]) -> list[Finding]:
        found = []
        for sentence in sentences:
            for rule, start, end in self._searched.find(sentence):
                if self._holds(rule, sentence, start):
                    found.append(Finding(rule, *sentence.span(start, end)))
        return found

    def clues(self, sentences: Iterable[Sentence]) -> set[str]:
        """Names of the weak signs in these sentences."""
        return {
            clue
            for sentence in sentences
            for clue, start, _ in self._clues.find(sentence)
            if not _denied(sentence.text, start)
        }

    def says(self, what: Speech, sentences: Iterable[Sentence]) -> bool:
        return any(
            not (what == "unsayable" and _denied(sentence.text, start))
            for sentence in sentences
            for _, start, _ in self._speech[what].find(sentence)
        )

    def combination(self, clues: set[str]) -> Combination | None:
        """The gravest combination that these clues make up."""
        fitting = [c for c in self.combinations if all(not one.isdisjoint(clues) for one in c.clues)]
        return max(fitting, key=lambda c: LEVELS.index(c.level), default=None)

    def _holds(self, rule: Rule, sentence: Sentence, start: int) -> bool:
        if not rule.denial_counts and _denied(sentence.text, start):
            return False
        return rule.id not in self._unless or next(self._unless[rule.id].find(sentence), None) is None

    def _split(self, text: str) -> Iterator[Sentence]:
        words: list[tuple[str, int]] = []
        at = 0
        for word in text.split(" "):
            if word == BREAK:
                yield from _windows(words)
                words = []
            elif word and word not in self._fillers:
                words.append((word, at))
            at += len(word) + 1
        yield from _windows(words)

    def _masked(self, sentence: Sentence) -> Sentence:
        spans = [(start, end) for _, start, end in self._idioms.find(sentence)]
        if not spans:
            return sentence
        text = sentence.text
        for start, end in spans:
            text = text[:start] + re.sub(r"[^ ]", MASK, text[start:end]) + text[end:]
        return Sentence(text, frozenset(text.split()), sentence.starts, sentence.places)

    # -- reading the files --

    def _load(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        try:
            content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        except (OSError, UnicodeError, yaml.YAMLError) as error:
            raise RulesBroken(path, str(error)) from error
        if not isinstance(content, dict):
            raise RulesBroken(path, "it does not hold a mapping")
        return content

    def _rules(self, path: Path) -> Iterator[Rule]:
        content = self._load(path.name)
        if "category" not in content:
            return
        if content["category"] not in get_args(Category):
            raise RulesBroken(path, f"no category '{content['category']}'")
        reader = self._reader.with_macros(_string_lists(content.get("macros", {})))
        for entry in content.get("rules") or ():
            try:
                yield self._rule(path.name, content["category"], entry, reader)
            except (KeyError, TypeError) as error:
                raise RulesBroken(path, f"a rule lacks or misuses {error}") from error

    def _rule(self, name: str, category: Category, entry: dict[str, Any], reader: Reader) -> Rule:
        unknown = set(entry) - {"id", "level", "why", "say", "unless", "denial", "yes", "no"}
        if unknown:
            raise RulesBroken(
                self._folder / name, f"rule '{entry.get('id')}' has unknown keys {sorted(unknown)}"
            )
        if entry["level"] not in LEVELS[1:]:
            raise RulesBroken(self._folder / name, f"rule '{entry['id']}' has no level '{entry['level']}'")
        return Rule(
            id=entry["id"],
            category=category,
            level=cast(Level, entry["level"]),
            why=entry["why"],
            say=self._phrases(name, entry["say"], reader),
            unless=self._phrases(name, entry.get("unless", ""), reader),
            denial_counts=entry.get("denial") == "counts",
            yes=_lines(entry.get("yes", "")),
            no=_lines(entry.get("no", "")),
        )

    def _phrases(
        self, name: str, sources: str | Sequence[str], reader: Reader | None = None
    ) -> tuple[Phrase, ...]:
        try:
            return tuple((reader or self._reader).read(source) for source in _lines(sources))
        except PhraseError as error:
            raise RulesBroken(self._folder / name, str(error)) from error

    def _read_clues(self) -> None:
        content = self._load("clues.yaml")
        clues: dict[str, str] = content.get("clues", {})
        self._clues = PhraseSet(
            (phrase, clue)
            for clue, sources in clues.items()
            for phrase in self._phrases("clues.yaml", sources)
        )
        combinations = []
        for entry in content.get("combinations", ()):
            groups = tuple(frozenset(group.split(" | ")) for group in entry["clues"])
            unknown = frozenset().union(*groups) - set(clues)
            if unknown:
                raise RulesBroken(self._folder / "clues.yaml", f"no clue named {sorted(unknown)}")
            combinations.append(Combination(entry["id"], groups, entry["category"], entry["level"]))
        self.combinations = tuple(combinations)

    def _read_speech(self) -> None:
        content = self._load("speech.yaml")
        self._speech = {
            kind: PhraseSet((phrase, True) for phrase in self._phrases("speech.yaml", content.get(kind, ())))
            for kind in get_args(Speech)
        }

    def _spelling(self) -> Spelling:
        content = self._load("spelling.yaml")
        sets: list[PhraseSet[Any]] = [self._searched, self._idioms, self._clues]
        sets += [*self._speech.values(), *self._unless.values()]
        spoken = frozenset().union(*(phrases.words for phrases in sets))
        counts = SpellChecker().word_frequency
        real = frozenset(word for word in counts.words() if counts[word] >= COMMON)
        return Spelling(
            known=spoken | self._fillers,
            real=real,
            expansions={str(k): str(v) for k, v in content["expansions"].items()},
            hidden=frozenset(content["hidden"]),
            emoji={str(k): str(v) for k, v in content["emoji"].items()},
            before_verb={str(k): str(v) for k, v in content["before_verb"]["spellings"].items()},
            verbs=frozenset(content["before_verb"]["verbs"].split()),
        )


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which yes, no, on and off are words, since people use them so."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in ("tag:yaml.org,2002:bool",)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _string_lists(content: dict[str, Any]) -> dict[str, list[str]]:
    return {str(name): list(_lines(lines)) for name, lines in content.items()}


def _lines(block: str | Sequence[str]) -> tuple[str, ...]:
    """The lines of a block, or the items of a list; blank lines and # comments are left out."""
    lines = block.splitlines() if isinstance(block, str) else [str(item) for item in block]
    return tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))


def _windows(words: list[tuple[str, int]]) -> Iterator[Sentence]:
    step = WINDOW - OVERLAP
    for first in range(0, max(len(words) - OVERLAP, 1), step):
        window = words[first : first + WINDOW]
        if not window:
            return
        starts, at = [], 1
        for word, _ in window:
            starts.append(at)
            at += len(word) + 1
        yield Sentence(
            text=" " + "".join(word + " " for word, _ in window),
            words=frozenset(word for word, _ in window),
            starts=tuple(starts),
            places=tuple((place, place + len(word)) for word, place in window),
        )


def _denied(text: str, start: int) -> bool:
    """True when the words before `start` take the phrase back: "I am not going to", "he never"."""
    if text[start:].split(" ", 1)[0] in _SUBJECTS:
        return False
    before = text[max(0, start - 80) : start].split()
    for place in range(len(before) - 1, max(-1, len(before) - 7), -1):
        if before[place] in _DENIALS:
            return place == 0 or before[place - 1] not in ("why", "can", "could")
        if before[place] not in _LIGHT:
            return False
    return False
