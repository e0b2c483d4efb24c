"""What a person wrote, in the plain spelling that the phrase rules are written in.

People in distress type fast, and some hide the word they mean. This module undoes look-alike letters,
curly apostrophes, invisible characters, s-p-a-c-i-n-g, leetspeak, repeated letters, chat abbreviations,
"killmyself" in one word and one typing error per word, and remembers where in the message each
character came from.

Left as they are: ordinary words, names with a capital inside a sentence, numbers and addresses of pages.
Not undone: two errors in one word, languages other than English.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, pairwise

from confusable_homoglyphs import confusables
from rapidfuzz.distance import OSA

BREAK = "."  # stands between two sentences of a normalised text

_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u2032\u00b4\uff07`"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_STOPS = {"\u2028": "\n", "\u2029": "\n", "\u0085": "\n", "\u3002": ".", "\u2026": "..."}
_FILLERS = "\u115f\u1160\u3164\uffa0"  # letters to Unicode, nothing to the eye
_LETTER_NAME = re.compile(r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL )?([A-Z])(?: WITH [A-Z ]+)?")
_LEET_MESSAGE = 2  # leet words after which lone digits of a message are taken for letters too
_SMALL_WORDS = frozenset(("of", "or", "on", "in", "if", "it", "is", "at", "and", "im"))
_SHORTEST_REPAIRED = 4  # letters; shorter words have too many real neighbours
_LONGEST_WORD = 20  # letters; nobody means a known word by more
_LEET = str.maketrans("013457@$!|+", "oieastasilt")
_LEET_L = str.maketrans("013457@$!|+", "oleastaslit")

_TOKEN = re.compile(
    r"https?://\S+|www\.\S+|[\w@$*!#|'+]+|[.?;\n]+|[^\w\s]",
    re.ASCII | re.IGNORECASE,
)
_SPACED = re.compile(r"(?<![\w'])[a-z0-9@$!](?:[\s.\-_*/\\|~,]{1,3}[a-z0-9@$!']){2,}(?!\w)", re.ASCII)
_GLUED = re.compile(r"[^!|+@#]+|!")  # the pieces of "stop!please" and "him|her"
_SIGNS = "*!#|'+_@"  # around a word: emphasis and quotation
_STARRED = re.compile(r"[a-z]{1,2}\*{2,}[a-z]*")  # "k***", which is no emphasis
_NUMBER = re.compile(r"[\d$]+[a-z]{0,3}|[mf]\d+", re.ASCII)  # "27f", "3am", "20mg", "m27", "$50"
_CHAT_LETTERS = frozenset("iaurnycbkwmdxo24")  # "u r a c" is four words and no spaced word
_LONE_WORDS = frozenset("iau")
_WIDE_GAP = 2  # what a gap inside a word costs then
_UNKNOWN_LETTER = 2.5  # what a letter outside any word costs when spaced letters are cut; a word costs 1
_RUN = re.compile(r"(.)\1+")
_LONG_RUN = re.compile(r"(.)\1{2,}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text` is lower-case words with single spaces; a lone "." parts two sentences.

    `origins[i]` is the index in the message of what `text[i]` came from. Where one written word stands
    for several, each of those that has two letters or more leads back to the whole of it.
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
    after_self: frozenset[str] = frozenset()  # "my self esteem" is not "myself esteem"


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
        self._cuttable = frozenset(
            word for word in (*spelling.known, *spelling.expansions) if word.isalpha() and len(word) > 1
        )
        self._cuttable -= {word for word in spelling.expansions if len(word) == 2 and word != "im"}
        self._cuttable |= _LONE_WORDS
        self._masked: dict[tuple[str, int], list[str]] = defaultdict(list)  # by first letter and length
        self._near: dict[str, set[str]] = defaultdict(set)  # a word with one letter left out -> words
        self._skeletons: dict[str, list[str]] = defaultdict(list)  # without repetitions -> words
        for word in sorted(spelling.known):
            self._skeletons[_RUN.sub(r"\1", word)].append(word)
            self._masked[word[:1], len(word)].append(word)
            if len(word) >= _SHORTEST_REPAIRED:
                self._make_near(word)
        for word, words in spelling.expansions.items():
            if " " in words and word.isalpha() and len(word) > _SHORTEST_REPAIRED:  # "wouldnt", "gonna"
                self._make_near(word)

    def _make_near(self, word: str) -> None:
        for variant in _deletions(word):
            self._near[variant].add(word)

    def __call__(self, message: str) -> Normalised:
        characters, origins = self._fold(message)
        words = self._joined(self._words("".join(characters)))
        return self._write(words, origins, message)

    def _fold(self, message: str) -> tuple[Sequence[str], Sequence[int]]:
        """Plain lower-case characters, each with its index in the message."""
        if message.isascii() and "`" not in message:
            return message.lower(), range(len(message))
        characters: list[str] = []
        origins: list[int] = []
        emoji = self.spelling.emoji
        for index, character in enumerate(message):
            if character.isascii():
                plain = "'" if character == "`" else character.lower()
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
        places = [
            at for at in range(run.start(), run.end()) if run.string[at].isalnum() or run.string[at] in "@$!'"
        ]
        gaps = [after - before for before, after in pairwise(places)]
        narrow = min(gaps)
        wide = {after for after, gap in zip(places[1:], gaps, strict=True) if gap > narrow}
        places = [at for at in places if run.string[at] != "'"]
        letters = self._decoded("".join(run.string[at] for at in places))
        words = _cut(letters, {n for n, at in enumerate(places) if at in wide}, self._cuttable, self._settled)
        unknown = sum(len(word) for word in words if word not in self._cuttable and word not in self._settled)
        if unknown * 3 > len(letters):
            words = [letters] if _is_one_word(letters) else []
        if not any(len(word) > 2 for word in words):
            return None
        ends = list(accumulate(len(word) for word in words))
        return [
            _Word(word, places[end - len(word)], places[end - 1] + 1)
            for word, end in zip(words, ends, strict=True)
        ]

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
        left = len(token) - len(token.lstrip(_SIGNS))
        core = token[left:]
        tail = core if not left and _STARRED.fullmatch(core) else core.rstrip(_SIGNS)
        if len(token) > 2 and token[:left].count("@") == 1 and self._decoded(token) in self.spelling.known:
            left, core, tail = 0, token, token
        offset = at + left
        for piece in tail.split("_"):
            yield from self._unglued(piece, offset)
            offset += len(piece) + 1
        if "!" in core[len(tail) :]:
            yield _Word(BREAK, at + left + len(tail), at + len(token))

    def _unglued(self, piece: str, at: int) -> Iterable[_Word]:
        """ "stop!please" as two words and a break, where it does not hide a word that the rules know."""
        parts = list(_GLUED.finditer(piece))
        if len(parts) > 1 and "*" not in piece and self._repaired(piece) not in self._settled:
            for part in parts:
                text = part.group()
                yield _Word(BREAK if text == "!" else text, at + part.start(), at + part.end())
        elif piece:
            yield _Word(piece, at, at + len(piece))

    def _joined(self, words: list[_Word]) -> list[_Word]:
        """ "su icide" and "su.icide" as one word, and "don t" as "dont"."""
        joined: list[_Word] = []
        for place, word in enumerate(words):
            following = words[place + 1].text if place + 1 < len(words) else ""
            if len(joined) > 1 and joined[-1].text == BREAK and joined[-1].end - joined[-2].end == 1:
                first, between = joined[-2], 1
            elif joined:
                first, between = joined[-1], 0
            if joined and self._belong(first.text, word.text, following) and word.start - first.end < 3:
                del joined[len(joined) - 1 - between :]
                word = _Word(first.text + word.text, first.start, word.end)
            joined.append(word)
        return joined

    def _belong(self, first: str, second: str, following: str) -> bool:
        together = first + second
        if second in ("t", "m", "s", "d", "re", "ve", "ll") and (
            together in self.spelling.expansions or together in self.spelling.before_verb
        ):
            return True
        if (first, second) == ("my", "self") and following in self.spelling.after_self:
            return False
        return together in self.spelling.hidden and BREAK not in (first, second)

    def _write(self, words: list[_Word], origins: Sequence[int], message: str) -> Normalised:
        text: list[str] = []
        sources: list[int] = []
        before = BREAK
        if sum(map(self._is_leet, words)) >= _LEET_MESSAGE:
            words = [_Word(self._decoded(word.text), word.start, word.end) for word in words]
        for place, word in enumerate(words):
            following = words[place + 1].text if place + 1 < len(words) else ""
            written = message[origins[word.start] : origins[word.end - 1] + 1]
            spelt = word.text
            if spelt != BREAK:
                spelt = self._settle(spelt, following, before != BREAK and _is_name(written))
            before = word.text
            if not spelt:
                continue
            if text:
                text.append(" ")
                sources.append(sources[-1])
            text.append(spelt)
            sources.extend(self._sources(word, spelt, origins))
        return Normalised("".join(text), tuple(sources))

    def _is_leet(self, word: _Word) -> bool:
        """ "0f" and "mys3lf" are, "27f" and "15" are not."""
        if word.text.isalpha() or not any(c.isalpha() for c in word.text):
            return False
        decoded = self._decoded(word.text)
        return decoded in (self.spelling.known if not _NUMBER.fullmatch(word.text) else _SMALL_WORDS)

    def _sources(self, word: _Word, spelt: str, origins: Sequence[int]) -> Iterable[int]:
        """Where each letter came from; each of several words for one came from the whole of that one."""
        if " " not in spelt:
            yield from (origins[min(word.start + i, word.end - 1)] for i in range(len(spelt) - 1))
            yield origins[word.end - 1]
            return
        for letter, before in zip(spelt, f" {spelt}", strict=False):
            yield origins[word.start if before == " " and letter != " " else word.end - 1]

    def _settle(self, word: str, following: str, is_name: bool = False) -> str:
        """The word or words that a spelling stands for, in the rules' own spelling.

        In a name only swapped letters are mended: "Killian" stays, "Tindre" does not.
        """
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
        if is_name and sorted(repaired) != sorted(word):
            return word
        return spelling.expansions.get(repaired, repaired)

    def _without_apostrophe(self, word: str) -> str:
        """ "husband's" as "husband 's"; "don't" and its like stand among the expansions."""
        bare = self._decoded(word.replace("'", ""))
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
            owner = self._settle(word[:-2].replace("'", ""), "")
            spellings = (self.spelling.expansions.get(owner + ending, "") for ending in ("'s", "s"))
            return next((full for full in spellings if " " in full), f"{owner} 's")
        return self._settle(bare, "") if bare else ""

    def _repaired(self, word: str) -> str:
        """The known word that this one was probably meant to be, or the word itself."""
        if word in self._settled or word in self.spelling.expansions:
            return word
        if "*" in word or "#" in word:
            return self._unmasked(word)
        if not word.isalpha():
            return self._without_digits(word)
        short = _LONG_RUN.sub(r"\1\1", word)
        if short in self._settled or short in self.spelling.expansions:
            return short
        skeleton = _RUN.sub(r"\1", word)
        if skeleton != word and (whole := self._skeletons.get(skeleton)):
            return min(whole, key=lambda known: (OSA.distance(known, word), known))
        if skeleton != word and skeleton in self.spelling.expansions:
            return skeleton
        nearest = self._nearest(short)
        return nearest if nearest != short else self._unglued_letters(short, nearest)

    def _without_digits(self, word: str) -> str:
        """ "mys3lf" as "myself", while "27f" stays."""
        decoded = self._decoded(word)
        if decoded in self.spelling.hidden:
            return decoded
        if _NUMBER.fullmatch(word) or not any(c.isalpha() for c in word):
            return word.replace("$", "")
        if decoded in self._settled or decoded in self.spelling.expansions:
            return decoded
        nearest = self._nearest(decoded)
        return nearest if nearest in self.spelling.known else self._unglued_letters(decoded, word)

    def _unglued_letters(self, word: str, otherwise: str) -> str:
        """ "killmyself" in two words, where one of them is a word of danger."""
        if not 6 <= len(word) <= 2 * _LONGEST_WORD:
            return otherwise
        cut = _cut(word, frozenset(), self._cuttable, frozenset())
        if self._cuttable.issuperset(cut) and not self.spelling.hidden.isdisjoint(cut):
            return " ".join(self.spelling.expansions.get(part, part) for part in cut)
        return otherwise

    def _unmasked(self, word: str) -> str:
        """ "s**cide" and "k*ll": a known word of this length, else a hidden one that is longer or shorter."""
        stars = word.translate(_LEET).replace("#", "*")[:_LONGEST_WORD]
        fitting = [known for known in self._masked[stars[:1], len(stars)] if _fits(known, stars)]
        hidden = [known for known in fitting if known in self.spelling.hidden]
        if hidden or len(fitting) == 1:
            return min(hidden or fitting)
        head, end = stars[: stars.index("*")], stars[stars.rindex("*") + 1 :]
        loose = [
            known
            for known in self.spelling.hidden
            if len(head) > 0
            and abs(len(known) - len(stars)) <= 2
            and known.startswith(head)
            and known.endswith(end)
        ]
        plain = stars.replace("*", "")
        return min(
            loose, key=lambda known: (abs(len(known) - len(stars)), known), default=self._nearest(plain)
        )

    def _nearest(self, word: str) -> str:
        """One slip away: a letter left out, put in, changed, or two swapped. The first letter is kept
        unless it was swapped with the second. Of three letters, the last two may be swapped and nothing else."""
        if len(word) == 3:
            swapped = word[0] + word[2] + word[1]
            return swapped if swapped in self.spelling.known or swapped in self.spelling.expansions else word
        if not _SHORTEST_REPAIRED <= len(word) <= _LONGEST_WORD:
            return word
        candidates = set(self._near.get(word, ()))
        for variant in _deletions(word):
            candidates |= self._near.get(variant, set())
        near = [
            known
            for known in candidates
            if known[0] in word[:2] and OSA.distance(known, word, score_cutoff=1) <= 1
        ]
        return min(near, key=lambda known: self._unlikeliness(known, word), default=word)

    def _unlikeliness(self, known: str, word: str) -> tuple[bool, bool, bool, bool, int, str]:
        """Two swapped letters are the commonest slip; then a doubled or single one; then any other."""
        return (
            known not in self.spelling.known,
            known[0] != word[0],
            sorted(known) != sorted(word),
            set(known) != set(word),
            abs(len(known) - len(word)),
            known,
        )


def _cut(letters: str, wide: Container[int], words: Container[str], longer: Container[str]) -> list[str]:
    """Letters without spaces, cut into the fewest of `words`, or of `longer` with three letters or more.

    `wide` tells where a wide gap stands before a letter: a word across it counts for more, and the
    letters between two gaps that belong to no word make up one. Of equals, the cut with the longest words.
    """
    cheapest, back = [0.0], [0]
    for end in range(1, len(letters) + 1):
        cost, start = cheapest[end - 1] + _UNKNOWN_LETTER, end - 1
        crossed = 0
        for earlier in range(end - 1, max(-1, end - 1 - _LONGEST_WORD), -1):
            word = letters[earlier:end]
            price = cheapest[earlier] + 1 + _WIDE_GAP * crossed - len(word) ** 2 / 1_000
            if price < cost and (word in words or (len(word) > 2 and word in longer)):
                cost, start = price, earlier
            crossed += earlier in wide
        cheapest.append(cost)
        back.append(start)
    cut: list[str] = []
    end, open_start = len(letters), -1
    while end:
        start = back[end]
        lone = end - start == 1 and letters[start] not in _LONE_WORDS
        if lone and open_start == end and end not in wide:
            cut[-1] = letters[start] + cut[-1]
        else:
            cut.append(letters[start:end])
        open_start = start if lone else -1
        end = start
    return cut[::-1]


def _is_one_word(letters: str) -> bool:
    return (
        4 <= len(letters) <= _LONGEST_WORD
        and letters.isalpha()
        and len(set(letters)) > 2
        and not _CHAT_LETTERS.issuperset(letters)
    )


def _fits(known: str, stars: str) -> bool:
    return all(star in ("*", letter) for star, letter in zip(stars, known, strict=True))


def _is_name(written: str) -> bool:
    """ "Crete", not "KILL" and not "I"."""
    return (
        len(written) > 1
        and written.isalpha()
        and written[0].isupper()
        and written[1:].islower()
        and _LONG_RUN.search(written) is None
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
    if character in _STOPS:
        return _STOPS[character]
    if unicodedata.category(character) in ("Cf", "Mn", "Me", "Cc") or character in _FILLERS:
        return ""
    if boxed := _boxed_letter(character):
        return boxed
    lower = character.lower()
    if like := _look_alike(lower) or _look_alike(character.upper()) or _named_letter(character):
        return like
    decomposed = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    if plain != character and plain:
        return "".join(c if c.isascii() else _look_alike(c) or c for c in plain)
    return plain if plain.isalpha() else " "


def _named_letter(character: str) -> str:
    """Small capitals and letters with a stroke, which Unicode only names as such."""
    name = _LETTER_NAME.fullmatch(unicodedata.name(character, ""))
    return name[1].lower() if name else ""


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
