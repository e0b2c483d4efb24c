"""Which nuggets an answer holds, found by their evidence and not by a model.

A nugget is a fact that a good answer holds, with the words of the corpus that say it. In a guide
that quotes, an answer that holds the fact holds those words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evals.cases import Case, Nugget
from evals.grounding import norm


def holds(text: str, nugget: Nugget) -> bool:
    """True when any evidence of `nugget` stands in `text`, apart from typography."""
    plain = norm(text)
    return any(norm(evidence) in plain for evidence in nugget.evidence)


def find_nuggets(nuggets: Sequence[Nugget], sentences: Sequence[str]) -> tuple[bool, ...]:
    """For each nugget, whether the answer made of `sentences` holds it."""
    whole = " ".join(sentences)
    return tuple(holds(whole, nugget) for nugget in nuggets)


def carrying(nuggets: Iterable[Nugget], sentences: Sequence[str]) -> tuple[bool, ...]:
    """For each sentence, whether it carries one of `nuggets`."""
    known = list(nuggets)
    return tuple(any(holds(sentence, nugget) for nugget in known) for sentence in sentences)


def of_subject(case: Case, every: Sequence[Nugget]) -> tuple[Nugget, ...]:
    """The case's own nuggets and those on one of its topics: what a sentence of its answer may carry."""
    topics = set(case.topics)
    near = [nugget for nugget in every if topics & set(nugget.topics)]
    return tuple(dict.fromkeys((*case.nuggets, *near)))
