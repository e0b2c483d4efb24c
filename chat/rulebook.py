"""The risk rules as the editors write them: chat/rules/*.yaml, read, checked and ready to search with.

One file per category holds its rules. Beside them: macros.yaml (words that many phrases share),
spelling.yaml (what the normaliser expands), idioms.yaml (harmless figures of speech, masked before any
rule looks), clues.yaml (weak signs that count together) and speech.yaml (how people take things back,
say that they are safe, and what the guide itself must never say).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, get_args

import yaml
from spellchecker import SpellChecker

from chat.normalise import BREAK, Normalised, Normaliser, Spelling
from chat.phrases import END, MASK, Phrase, PhraseError, Reader
from chat.types import LEVELS, Category, Level
from indexer.errors import GuideError

T = TypeVar("T")

RULES = Path(__file__).parent / "rules"
WINDOW = 60  # words searched at once; a sentence without a full stop is cut into windows
COMMON = 100  # a word seen so often in the spell checker's counts (160,000 words) is no slip of a risk word
OVERLAP = 20  # words that two windows share, so that no phrase is cut in two

_LIGHT_WORDS = """
going planning plan trying try ever to want wants wanting wanted thinking think thought about of even once intend
intending feel feeling a any the had have has been be being am is are was were here do does did in actively
necessarily currently exactly having will would
"""  # may stand between a denial and what it denies
_LIGHT = frozenset(_LIGHT_WORDS.split())
_WITHOUT_RULES = ("macros.yaml", "spelling.yaml", "idioms.yaml", "clues.yaml", "speech.yaml")
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
    """Words of one sentence (or one window of a long one), fillers left out, with END after the last.

    `places` gives, for each word, where it stands in the normalised message.
    """

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]

    @property
    def text(self) -> str:
        return " ".join(self.words[:-1])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `words[start:end]` stand in the normalised message."""
        return self.places[start][0], self.places[end - 1][1]


class PhraseSet(Generic[T]):
    """Many phrases with what each stands for, searched at the cost of those that could match.

    A phrase is tried on a sentence that has a word of each set that the phrase needs, and only where
    these words stand about as far apart as in the phrase. The sets are numbered, since macros share them.
    """

    def __init__(self, phrases: Iterable[tuple[Phrase, T]]) -> None:
        self._phrases = list(phrases)
        numbers: dict[frozenset[str], int] = {}
        common: Counter[str] = Counter()  # phrases that speak of a word: how often people use it, roughly
        for phrase, _ in self._phrases:
            for needed in phrase.needed:
                numbers.setdefault(needed.words, len(numbers))
                common.update(needed.words)
        self._sets = list(numbers)
        self._numbers: dict[str, list[int]] = defaultdict(list)
        for words, number in numbers.items():
            for word in words:
                self._numbers[word].append(number)
        self._by_rarest: dict[int, list[_Candidate]] = defaultdict(list)
        for place, (phrase, _) in enumerate(self._phrases):
            rarest_first = sorted(phrase.needed, key=lambda needed: sum(common[w] for w in needed.words))
            checks = [(numbers[n.words], n.fewest_before, n.most_before) for n in rarest_first]
            self._by_rarest[checks[0][0]].append((place, frozenset(number for number, *_ in checks), checks))

    def find(self, sentence: Sentence) -> Iterator[tuple[T, int, int]]:
        """Every phrase's matches in one sentence, as (what it stands for, first word, word after the last)."""
        bits: dict[str, int] = defaultdict(int)  # bit n of a word: it stands at place n
        for at, word in enumerate(sentence.words):
            bits[word] |= 1 << at
        present: set[int] = set()
        for word in bits:
            present.update(self._numbers.get(word, ()))
        fitting = [
            (place, checks)
            for number in present & self._by_rarest.keys()
            for place, needs, checks in self._by_rarest[number]
            if needs <= present
        ]
        fitting.sort(key=itemgetter(0))
        known: dict[_Check, int] = {}
        for place, checks in fitting:
            if starts := self._starts(checks, bits, known):
                phrase, meaning = self._phrases[place]
                for start, end in phrase.find(sentence.words, _places(starts)):
                    yield meaning, start, end

    def _starts(self, checks: list[_Check], bits: Mapping[str, int], known: dict[_Check, int]) -> int:
        """The places, as bits, from which all that a phrase needs is in reach."""
        starts = -1
        for check in checks:
            reach = known.get(check)
            if reach is None:
                number, fewest, most = check
                standing = known.get((number, 0, 0))
                if standing is None:
                    standing = 0
                    for word in self._sets[number].intersection(bits):
                        standing |= bits[word]
                    known[number, 0, 0] = standing
                known[check] = reach = _smeared(standing >> fewest, most - fewest)
            starts &= reach
            if not starts:
                break
        return starts


_Check = tuple[int, int, int]  # a set's number, and the fewest and most words before it in the phrase
_Candidate = tuple[int, frozenset[int], list[_Check]]  # a phrase's place, the sets it needs, the rarest first


def _smeared(bits: int, spread: int) -> int:
    """`bits`, each also set at up to `spread` lower places."""
    done = 0
    while done < spread:
        step = min(done + 1, spread - done)
        bits |= bits >> step
        done += step
    return bits


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


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
    """All rules of one folder. Reading checks every file, and that no category is without rules."""

    def __init__(self, folder: Path = RULES) -> None:
        self._folder = folder
        self._read_macros()
        self.rules = tuple(rule for path in sorted(folder.glob("*.yaml")) for rule in self._rules(path))
        self._check_rules()
        self._searched = PhraseSet((phrase, rule) for rule in self.rules for phrase in rule.say)
        self._unless = {
            rule.id: PhraseSet((phrase, True) for phrase in rule.unless) for rule in self.rules if rule.unless
        }
        with self._explained("idioms.yaml") as idioms:
            phrases = self._phrases("idioms.yaml", idioms["idioms"])
            self._idioms = PhraseSet((phrase, True) for phrase in phrases)
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
            if not _denied(sentence.words, start)
        }

    def says(self, what: Speech, sentences: Iterable[Sentence]) -> bool:
        return any(
            not (what == "unsayable" and _denied(sentence.words, start))
            for sentence in sentences
            for _, start, _ in self._speech[what].find(sentence)
        )

    def combination(self, clues: set[str]) -> Combination | None:
        """The gravest combination that these clues make up."""
        fitting = [c for c in self.combinations if all(not one.isdisjoint(clues) for one in c.clues)]
        return max(fitting, key=lambda c: LEVELS.index(c.level), default=None)

    def _holds(self, rule: Rule, sentence: Sentence, start: int) -> bool:
        if not rule.denial_counts and _denied(sentence.words, start):
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
        masked = list(sentence.words)
        for _, start, end in self._idioms.find(sentence):
            masked[start:end] = [MASK] * (end - start)
        return Sentence(tuple(masked), sentence.places)

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

    @contextmanager
    def _explained(self, name: str) -> Iterator[dict[str, Any]]:
        """The content of a file; whatever is missing from it or misshapen is told with the file's name."""
        try:
            yield self._load(name)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RulesBroken(self._folder / name, f"it lacks or misuses {error}") from error

    def _read_macros(self) -> None:
        with self._explained("macros.yaml") as content:
            verbs = {verb: str(forms).split() for verb, forms in content["verbs"].items()}
            self._reader = Reader(_string_lists(content["macros"]), verbs)
            self._fillers = frozenset(str(content["fillers"]).split())

    def _rules(self, path: Path) -> Iterator[Rule]:
        if path.name in _WITHOUT_RULES:
            return
        with self._explained(path.name) as content:
            if content["category"] not in get_args(Category):
                raise RulesBroken(path, f"no category '{content['category']}'")
            reader = self._reader.with_macros(_string_lists(content.get("macros", {})))
            rules = [self._rule(path.name, content["category"], entry, reader) for entry in content["rules"]]
        yield from rules

    def _check_rules(self) -> None:
        missing = sorted(set(get_args(Category)) - {rule.category for rule in self.rules})
        if missing:
            raise RulesBroken(self._folder, f"no rules for {', '.join(missing)}")
        twice = [name for name, count in Counter(rule.id for rule in self.rules).items() if count > 1]
        if twice:
            raise RulesBroken(self._folder, f"two rules are called '{twice[0]}'")

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
        with self._explained("clues.yaml") as content:
            clues: dict[str, str] = content["clues"]
            self._clues = PhraseSet(
                (phrase, clue)
                for clue, sources in clues.items()
                for phrase in self._phrases("clues.yaml", sources)
            )
            self.combinations = tuple(self._combination(entry, clues) for entry in content["combinations"])

    def _combination(self, entry: dict[str, Any], clues: Container[str]) -> Combination:
        groups = tuple(frozenset(group.split(" | ")) for group in entry["clues"])
        unknown = [clue for group in groups for clue in sorted(group) if clue not in clues]
        if unknown:
            raise RulesBroken(self._folder / "clues.yaml", f"no clue named {unknown}")
        if entry["category"] not in get_args(Category) or entry["level"] not in LEVELS:
            raise RulesBroken(self._folder / "clues.yaml", f"'{entry['id']}' has no such category or level")
        return Combination(entry["id"], groups, entry["category"], entry["level"])

    def _read_speech(self) -> None:
        with self._explained("speech.yaml") as content:
            self._speech = {
                kind: PhraseSet((phrase, True) for phrase in self._phrases("speech.yaml", content[kind]))
                for kind in get_args(Speech)
            }

    def _spelling(self) -> Spelling:
        counts = SpellChecker().word_frequency
        real = frozenset(word for word, count in counts.items() if count >= COMMON)
        with self._explained("spelling.yaml") as content:
            return Spelling(
                known=self._fillers.union(self._reader.words),
                real=real.union(str(content["real"]).split()),
                expansions={str(k): str(v) for k, v in content["expansions"].items()},
                hidden=frozenset(content["hidden"]),
                emoji={str(k): str(v) for k, v in content["emoji"].items()},
                before_verb={str(k): str(v) for k, v in content["before_verb"]["spellings"].items()},
                verbs=frozenset(content["before_verb"]["verbs"].split()),
                after_self=frozenset(str(content["after_self"]).split()),
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
        yield Sentence(
            words=(*(word for word, _ in window), END),
            places=tuple((place, place + len(word)) for word, place in window),
        )


def _denied(words: Sequence[str], start: int) -> bool:
    """True when the words before `start` take the phrase back: "I am not going to", "he never"."""
    if words[start] in _SUBJECTS:
        return False
    for place in range(start - 1, max(-1, start - 7), -1):
        if words[place] in _DENIALS:
            return place == 0 or words[place - 1] not in ("why", "can", "could")
        if words[place] not in _LIGHT:
            return False
    return False
