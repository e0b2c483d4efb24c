"""Mends slips of the keyboard and text-speak in a question before it is looked up.

A word that neither the corpus nor ordinary English knows is taken for the nearest word of the corpus, one
letter away (two in a long word); of several equally near the one that is used most. The person's own
words stay what they are everywhere else: the screen, the window and the conversation see what was typed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA
from spellchecker import SpellChecker

SHORTEST = 4  # letters; a shorter word has too many neighbours
LONG = 7  # letters from which two slips are mended
TEXT_SPEAK: Mapping[str, str] = {
    "u": "you", "ur": "your", "r": "are", "y": "why", "n": "and", "b": "be", "c": "see", "k": "ok",
    "bk": "back", "wat": "what", "wot": "what", "wats": "what is", "wots": "what is", "nxt": "next",
    "jus": "just", "juss": "just", "tht": "that", "dat": "that", "dis": "this", "da": "the", "wiv": "with",
    "wid": "with", "w": "with", "hav": "have", "av": "have", "shud": "should", "cud": "could",
    "wud": "would", "gona": "going to", "gonna": "going to", "gna": "going to", "wana": "want to",
    "wanna": "want to", "gotta": "have to", "lemme": "let me", "gimme": "give me", "cos": "because",
    "coz": "because", "cuz": "because", "bcz": "because", "bc": "because", "tho": "though", "thru": "through",
    "pls": "please", "plz": "please", "ppl": "people", "msg": "message", "msgs": "messages", "txt": "text",
    "txts": "texts", "txtd": "texted", "txtin": "texting", "txting": "texting", "gf": "girlfriend",
    "bf": "boyfriend", "bday": "birthday", "insta": "instagram", "ig": "instagram", "fb": "facebook",
    "snap": "snapchat", "wk": "week", "wks": "weeks", "mth": "month", "mths": "months", "yr": "year",
    "yrs": "years", "hr": "hour", "hrs": "hours", "2day": "today", "2nite": "tonight", "2moro": "tomorrow",
    "tmrw": "tomorrow", "tmr": "tomorrow", "b4": "before", "gr8": "great", "m8": "mate", "l8r": "later",
    "4ever": "forever", "nc": "no contact", "rn": "right now", "idk": "i do not know", "dunno": "do not know",
    "thx": "thanks", "abt": "about", "sth": "something", "smth": "something", "evry": "every", "ve": "have",
    "frm": "from", "wen": "when", "wer": "were", "thn": "then", "im": "i am", "ive": "i have", "id": "i would",
    "dont": "do not", "cant": "cannot", "wont": "will not", "didnt": "did not", "doesnt": "does not",
    "isnt": "is not", "hes": "he is", "shes": "she is", "thats": "that is", "whats": "what is",
    "theyre": "they are", "hav2": "have to", "togetha": "together", "luv": "love", "bak": "back", "stil": "still", "wit": "with", "be4": "before", "kno": "know",
    "knw": "know", "nite": "night", "alot": "a lot",
}  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\w+")


@lru_cache(maxsize=1)
def _english() -> SpellChecker:
    return SpellChecker()


class Speller:
    """Mends words towards those of one corpus."""

    def __init__(self, texts: Iterable[str], wordings: Iterable[str] = ()) -> None:
        """`texts`: of the corpus, taken to be spelt well. `wordings`: as people ask, slips and all."""
        english = _english()
        written = Counter(word for text in texts for word in _LETTERS.findall(text.lower()))
        asked = Counter(word for text in wordings for word in _LETTERS.findall(text.lower()))
        use = {
            word: math.log(written[word] + asked[word] + 1)
            + math.log(english.word_usage_frequency(word) + 1e-7)
            for word in {*written, *(w for w in asked if w in english)}
        }
        self._known = frozenset(use)
        self._words = sorted((w for w in use if len(w) >= SHORTEST), key=lambda word: (-use[word], word))

    def mend(self, text: str) -> str:
        """Return `text` in lower case with its slips mended, or unchanged where there are none."""
        lowered = text.lower().replace("\u2019", "'")
        mended = _WORD.sub(lambda found: self._mend_word(found.group()), lowered)
        return text if mended == lowered else mended

    def _mend_word(self, word: str) -> str:
        if word in TEXT_SPEAK:
            return TEXT_SPEAK[word]
        if word.endswith("in") and word not in _english() and word + "g" in self._known:
            return word + "g"
        if len(word) < SHORTEST or not word.isalpha() or word in self._known or word in _english():
            return word
        allowed = 2 if len(word) >= LONG else 1
        near = process.extract(
            word, self._words, scorer=OSA.distance, score_cutoff=allowed, limit=None
        )  # sorted by distance; the words stand in the order of their use
        return near[0][0] if near else word
