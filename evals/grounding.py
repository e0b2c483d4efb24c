"""Whether a shown sentence stands in the source that it cites: whole sentences, word for word.

Likeness of meaning is not looked at, because it passes "30 days" for "60 days" and "can" for
"cannot". Only the typography may differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from chat import fixed_texts
from chat.types import Citation, Reply
from evals.metrics import citation_precision, citation_recall, is_needed
from indexer.sentences import reading_form, split_sentences

LONGEST_RUN = 3  # whole sentences in a row that one shown sentence may be
DocumentText = Callable[[str], str]  # document id to its text; KeyError for an unknown one

_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
        "\u2026": "...",
        "\ufb01": "fi",
        "\ufb02": "fl",
    }
)
_SPACE = re.compile(r"\s+")
_MARKS = re.compile(r"\s*(?:\[\d+\])+")
_MARK = re.compile(r"\[(\d+)\]")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+")
_BLOCKS = re.compile(r"\n\s*\n|\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])")
# Words of a sentence without which a part of it may say something else.
_TURNS = re.compile(
    r"n['\u2019]t\b|\b(?:not|no|nor|never|none|nobody|nothing|neither|without|hardly|cannot|if|unless|until|when|"
    r"where|while|although|though|but|except|only|than|whether|may|might|could|would|seems?|tends?|argues?|"
    r"says?|said|claims?|believes?|thinks?|calls?|according|in one|in a)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…]['\")\]’”]*$")


@dataclass(frozen=True, slots=True)
class SentenceVerdict:
    """What was found for one shown sentence."""

    text: str
    shown: int  # numbers shown with it
    resolved: int  # of these, how many name a source that stands where it says
    supported: bool
    needed: tuple[bool, ...]  # for each number, whether it is needed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found for one answer. Every share of an answer without sentences is 0."""

    sentences: tuple[SentenceVerdict, ...]
    nothing_else: bool  # the text shows its sentences, their numbers and fixed words, no more

    @property
    def recall(self) -> float:
        return citation_recall([s.supported for s in self.sentences])

    @property
    def precision(self) -> float:
        return citation_precision([n for s in self.sentences for n in s.needed])

    @property
    def coverage(self) -> float:
        """Sentences with at least one number that resolves / sentences."""
        return citation_recall([s.resolved > 0 for s in self.sentences])

    @property
    def validity(self) -> float:
        """Numbers that resolve / numbers shown."""
        shown = sum(s.shown for s in self.sentences)
        return sum(s.resolved for s in self.sentences) / shown if shown else 0.0

    @property
    def grounded(self) -> bool:
        """True when there is a sentence and every one is supported."""
        return bool(self.sentences) and all(s.supported for s in self.sentences)


def norm(text: str) -> str:
    """Return `text` with typography made plain: quotes, dashes, dots, ligatures, spaces, invisible signs.

    Letters, digits and their case stay as they are, so "10²" is not "102" and "US" is not "us".
    """
    plain = unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY)
    return _SPACE.sub(" ", plain).strip()


@lru_cache(maxsize=4096)
def whole_sentences(quote: str) -> tuple[str, ...]:
    """Return the whole sentences of a stretch of Markdown, normalised, in reading order."""
    found = []
    for block in _BLOCKS.split(quote):
        body = _ITEM.sub("", block, count=1) if _ITEM.match(block) else block
        found += [norm(reading_form(body[s.start : s.end])) for s in split_sentences(body, 0, len(body))]
    return tuple(found)


def supports(sentence: str, quotes: Sequence[str]) -> bool:
    """True when norm(sentence) equals one to three whole sentences in a row of one of the quotes.

    The support test of ALCE for a guide that quotes. Nothing supports a blank sentence.
    """
    wanted = norm(sentence)
    return bool(wanted) and any(wanted in _runs(quote) for quote in quotes)


def supports_clause(claim: str, quotes: Sequence[str]) -> bool:
    """True when the claim is a part of one whole sentence whose rest does not turn it round.

    The support test for a guide that quotes clauses (a "partial quotation"): word for word, and
    what is left out before and behind carries no negation, condition, contrast or attribution.
    A whole sentence is its own largest part.
    """
    wanted = norm(claim).rstrip(".,;:!?")
    if supports(claim, quotes) or not wanted:
        return bool(wanted)
    part = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)", re.IGNORECASE)
    for sentence in {s for quote in quotes for s in whole_sentences(quote)}:
        for found in part.finditer(sentence):
            same = found.group()[1:] == wanted[1:]  # only the first letter may change its case
            if same and not _TURNS.search(f"{sentence[: found.start()]} | {sentence[found.end() :]}"):
                return True
    return False


def stands(citation: Citation, document_text: str) -> bool:
    """True when the quote stands at start:end of its document, and begins and ends with a sentence."""
    if not citation.quote or document_text[citation.start : citation.end] != citation.quote:
        return False
    before, after = document_text[: citation.start], document_text[citation.end :]
    line = before.rsplit("\n", 1)[-1]
    opens = not line.strip() or bool(_ITEM.fullmatch(line)) or (line[-1].isspace() and _ends(line))
    return opens and (_ends(citation.quote) or not after or after[0] == "\n")


def judge_reply(reply: Reply, document_text: DocumentText) -> Verdict:
    """Judge every shown sentence of `reply` against the quotes that its numbers name."""
    quotes: dict[int, str] = {}
    for citation in reply.citations:
        if citation.n not in quotes and _resolves(citation, document_text):
            quotes[citation.n] = citation.quote
    sentences = tuple(_judge(s.text, s.citations, quotes) for s in reply.sentences)
    return Verdict(sentences, _shows_nothing_else(reply))


def _judge(text: str, numbers: Sequence[int], quotes: dict[int, str]) -> SentenceVerdict:
    named = [[quotes[n]] if n in quotes else [] for n in numbers]
    together = supports(text, [q for own in named for q in own])
    needed = []
    for place, own in enumerate(named):
        others = [q for other, qs in enumerate(named) if other != place for q in qs]
        needed.append(is_needed(supports(text, own), supports(text, others), together))
    return SentenceVerdict(text, len(numbers), sum(map(len, named)), together, tuple(needed))


def _resolves(citation: Citation, document_text: DocumentText) -> bool:
    try:
        return stands(citation, document_text(citation.document))
    except KeyError:
        return False


def _shows_nothing_else(reply: Reply) -> bool:
    """A referral's own words are fixed and chosen by the safety desk; they are not looked at here."""
    if reply.kind == "referral":
        return True
    shown = norm(_MARKS.sub("", re.sub(r"^- ", "", reply.text, flags=re.MULTILINE)))
    for fixed in (fixed_texts.SUPPORT_LINE, fixed_texts.CUT_NOTE, fixed_texts.ASIDE, fixed_texts.UNSURE):
        shown = shown.replace(norm(fixed), "")
    same_words = " ".join(shown.split()) == norm(_MARKS.sub("", " ".join(s.text for s in reply.sentences)))
    marks = [int(n) for n in _MARK.findall(reply.text)]
    own_marks = [int(n) for s in reply.sentences for n in _MARK.findall(s.text)]
    return same_words and len(marks) == sum(len(s.citations) for s in reply.sentences) + len(own_marks)


@lru_cache(maxsize=4096)
def _runs(quote: str) -> frozenset[str]:
    sentences = whole_sentences(quote)
    return frozenset(
        " ".join(sentences[first : first + length])
        for first in range(len(sentences))
        for length in range(1, LONGEST_RUN + 1)
    )


def _ends(text: str) -> bool:
    return bool(_SENTENCE_END.search(text.rstrip()))
