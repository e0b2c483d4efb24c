"""The words that claim more than anybody knows, and what must never stand in the corpus: data only.

Each forbidden word has the contexts in which it is right, and the reason. A context counts
where it covers the forbidden word in the same sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A context in which a forbidden word may stand."""

    context: re.Pattern[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A wording that the ladder of evidence has no room for."""

    pattern: re.Pattern[str]
    why: str
    advice: str
    allowed: tuple[Allowed, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """Something that is often told wrongly: where `when` stands in a section, `must` stands there too.

    With `cites` it holds for the sections that name this reference. `beside` names reference keys
    that go together: a section with the first has the others.
    """

    name: str
    advice: str
    when: re.Pattern[str] | None = None
    must: re.Pattern[str] | None = None
    must_not: re.Pattern[str] | None = None
    cites: str = ""
    beside: tuple[str, ...] = ()


FORBIDDEN = (
    Forbidden(
        _words(
            r"\bproven\b|\b(research|study|studies|science|it) (has |have )?prove[sd]?\b|scientific proof"
        ),
        "nothing about heartbreak has been shown for certain",
        "Say what was found, in how many people.",
        (
            Allowed(_words(r"\bno scientific proof"), "says that there is none"),
            Allowed(_words(r"unfair sentences say.* proves no contact"), "quoted as what not to say"),
        ),
    ),
    Forbidden(
        _words(r"\balways\b"), "no finding holds each time", "Say how often, or for whom, and in which study."
    ),
    Forbidden(
        _words(r"\bnever works\b|\bnothing works\b|\bworks for (everyone|everybody)\b"),
        "no way of coping helps all or none",
        "Say whom it helped, and whom it did not.",
    ),
    Forbidden(
        _words(r"\bthe (only|sole) (way|answer|approach|cure|option|thing that (works|helps))\b"),
        "other ways have not been ruled out",
        'Say "one way is".',
    ),
    Forbidden(
        _words(
            r"\b(science|scientists?) (says?|shows?|tells?|agrees?|knows?)\b|\bscience-backed\b"
            r"|\b(research|studies|experts) (shows?|agree|confirms?)\b"
        ),
        "a voice that is nobody's cannot be checked",
        'Say "studies link", or name the study and its size.',
        (Allowed(_words(r"\ba few small \w+ studies show"), "says how few and how small they are"),),
    ),
    Forbidden(
        _words(r"\b(everyone|everybody|we all) knows?\b|\bit is well known\b"),
        "what all know needs no guide, and often is not so",
        "Name who says it.",
    ),
    Forbidden(
        _words(r"\bguarantee[ds]?\b|\b100 ?(%|per ?cent)|\bwithout (any )?doubt\b|\bmiracle\b|\bcures?\b"),
        "it is a promise that nobody can keep",
        "Leave it out.",
    ),
    Forbidden(
        _words(r"\b(brain )?chemicals?\b|\b(serotonin|oxytocin|endorphins?|adrenaline)\b"),
        "brain chemicals explain nothing that was measured after a breakup",
        "Speak of the feeling, or of what people did.",
        (
            Allowed(_words(r"not which chemical is at work"), "says what scans cannot see"),
            Allowed(_words(r"how many days a brain chemical needs"), "an example of what not to trust"),
            Allowed(_words(r"removes a chemical.* have no study"), "says that no study is behind it"),
            Allowed(_words(r"nobody measured brain chemicals"), "says that nobody measured them"),
        ),
    ),
    Forbidden(
        _words(r"\bdopamine\b|\bdetox\w*\b"),
        "no study measured dopamine in people who had been left",
        'Say "areas involved in reward and craving", with the number of people.',
        (
            Allowed(_words(r"cannot tell you that .* dopamine"), "says what scans cannot tell"),
            Allowed(_words(r"one study that did measure dopamine"), "the one study that measured it"),
        ),
    ),
    Forbidden(
        _words(r"\bcortisol\b"),
        "movement does not burn off a hormone",
        "Say that moving may help the mood.",
        (
            Allowed(_words(r"you may read that exercise .* cortisol"), "the story that is then corrected"),
            Allowed(_words(r"\braised cortisol"), "what the studies found"),
            Allowed(_words(r"forget the story about cortisol"), "the heading of the correction"),
        ),
    ),
    Forbidden(
        _words(
            r"\brewir\w+\b|\bneural pathways?\b|\byour brain is (addicted|hooked)\b|\bresets? the brain\b"
        ),
        "it dresses a guess as brain science",
        "Say what people felt or did.",
    ),
    Forbidden(
        _words(
            r"\b(heal\w*|recover\w*|get over|feel better|hurt\w*)\b[^.]*\b(in|after|within|by)"
            r" (day )?(\d+|twenty-one|thirty|sixty|ninety)( days)?\b(?! (months|years|minutes))"
        ),
        "no number of days heals",
        "Give the average of a study and say that it sets no date.",
        (Allowed(_words(r"\bage 20 to 25\b"), "an age"),),
    ),
    Forbidden(
        _words(
            r"\bnarcissists? (can|cannot|can't|will|are|never|don't|do not)\b|\bthey (can|will) never change\b"
        ),
        "nobody can say this of all, nor of somebody whom they have not met",
        "Describe what the person did.",
    ),
)

# These may stand nowhere below corpus/, not even in a question that somebody asks.
NEVER = (
    (_words(r"\b73 ?(%|per ?cent|in a hundred)"), "a figure whose study cannot be found"),
    (_words(r"\b(23|71) ?(%|per ?cent|in a hundred)(?!.*\bstalk)"), "a figure whose study cannot be found"),
    (_words(r"\bthree times (more|as) likely\b"), "a figure whose study cannot be found"),
    (_words(r"\bcortisol\b.*\b(30|thirty) days\b|\b(30|thirty) days\b.*\bcortisol\b"), "a made-up day count"),
    (_words(r"\b(\d+|thirty|sixty|ninety|twenty-one) days\b.*\bdopamine\b"), "a made-up day count"),
    (_words(r"\bdopamine\b.*\b(\d+|thirty|sixty|ninety|twenty-one) days\b"), "a made-up day count"),
    (_words(r"\bEvans, ?W\b|\bWendy\b|\bW\. ?T\. ?Evans\b"), "the author's name is Melanie Tonia Evans"),
    (_words(r"\bLue,? \(?2012\)?(?!/2013)"), "editions of the book carry 2012 and 2013"),
)

CORRECTIONS = (
    Correction(
        "the study of 122 separated adults looked at meetings in person only",
        "Say that it was about meeting.",
        when=_words(r"\b122\b.*\bseparated\b"),
        must=_words(r"\bmeet\w*|\bmet\b|in person|face[- ]to[- ]face|\b(saw|seeing) the(ir)? ex"),
    ),
    Correction(
        "the students of 2008 were right about the pace and wrong about the start",
        "Say that the beginning was less hard than feared.",
        must_not=_words(r"(?<!as if people )\b(misjudge|overestimate|misread)d? how long\b"),
    ),
    Correction(
        "the likeness of heartbreak and pain was corrected by a later paper",
        "Cite woo-2014 beside kross-2011.",
        beside=("kross-2011", "woo-2014"),
    ),
    Correction(
        "press reports disagree on the number of women",
        'Say "about ten women".',
        cites="najib-2004",
        must=_words(r"\babout ten women\b"),
    ),
    Correction(
        "the slot machine is an analogy",
        "Say in the same section where the comparison comes from, or that it is untested.",
        when=_words(r"\bslot machines?\b"),
        must=_words(r"\blearning (research|experiments)|analogy|borrowed|nobody has shown"),
    ),
    Correction(
        "avoiding reminders is not shown to speed recovery",
        "Say that it has not been shown, and that lasting avoidance went with more grief.",
        when=_words(r"\bavoid\w* (the )?reminders\b"),
        must=_words(r"\bnot been shown\b|\bno study\b"),
    ),
    Correction(
        "prolonged grief disorder is a diagnosis after a death only",
        "Say that it is for deaths.",
        when=_words(r"\bprolonged grief\b"),
        must=_words(r"\bdeaths?\b"),
    ),
    Correction(
        "seeing a slip as total failure was studied in addiction",
        "Say that it is borrowed from there.",
        when=_words(r"\btotal failure\b"),
        must=_words(r"\baddiction\b|\bhabits\b"),
    ),
    Correction(
        "sixty days is a convention",
        "Say that it is a rule of thumb or that no study tests it.",
        when=_words(r"\bsixty days (is|are)\b"),
        must=_words(r"rule of thumb|\bno study\b|neither number"),
    ),
)
