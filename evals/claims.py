"""The evaluator is evaluated: labelled claims about our own passages, and what the support test says.

Each claim names the stretch of a document that it cites. Some kinds of claim are supported
(verbatim, typography, a clause, a paraphrase), the others are broken in one way each. How often
the test is wrong, kind by kind, stands beside every figure that rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.cases import FOLDER, CaseError, read_rows
from evals.grounding import supports, supports_clause

SUPPORTED_KINDS = ("verbatim", "typography", "clause", "paraphrase")
BROKEN_KINDS = (
    "negation",
    "number",
    "name",
    "antonym",
    "splice",
    "truncation",
    "wrong_citation",
    "fabrication",
)
KINDS = (*SUPPORTED_KINDS, *BROKEN_KINDS)
SupportTest = Callable[[str, Sequence[str]], bool]
# How an answer may quote, and the test that belongs to it. The guide quotes whole sentences.
SUPPORT_TESTS: dict[str, SupportTest] = {"whole sentences": supports, "clauses": supports_clause}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim, the words that it cites, and whether those support it."""

    id: str
    claim: str
    kind: str
    document: str
    quote: str  # stands word for word in the document

    @property
    def supported(self) -> bool:
        return self.kind in SUPPORTED_KINDS


@dataclass(frozen=True, slots=True)
class KindError:
    """How often a support test is wrong on one kind of claim: refusing a supported one, or taking a broken one."""

    kind: str
    supported: bool
    wrong: int
    n: int
    ids: tuple[str, ...]  # of the claims that it judged wrongly


def read_claims(folder: Path = FOLDER) -> tuple[Claim, ...]:
    """Return the claims of `<folder>/claims.jsonl`; none where there is no such file."""
    path = folder / "claims.jsonl"
    if not path.exists():
        return ()
    found: dict[str, Claim] = {}
    for line, row in read_rows(path):
        place = f"{path.name}:{line}"
        try:
            claim = Claim(**row)
        except TypeError as error:
            raise CaseError(f"{place}: a field is missing or unknown ({error})") from error
        if claim.kind not in KINDS:
            raise CaseError(f"{place}: kind is {claim.kind!r}, and must be one of: {', '.join(KINDS)}")
        if claim.id in found:
            raise CaseError(f"{place}: the id {claim.id} stands twice")
        found[claim.id] = claim
    return tuple(found.values())


def errors_by_kind(claims: Iterable[Claim], test: SupportTest = supports) -> tuple[KindError, ...]:
    """Return the errors of a support test, kind by kind in the order of KINDS; kinds without a claim are left out."""
    wrong: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for claim in claims:
        counts[claim.kind] = counts.get(claim.kind, 0) + 1
        if test(claim.claim, [claim.quote]) != claim.supported:
            wrong.setdefault(claim.kind, []).append(claim.id)
    return tuple(
        KindError(
            kind, kind in SUPPORTED_KINDS, len(wrong.get(kind, [])), counts[kind], tuple(wrong.get(kind, []))
        )
        for kind in KINDS
        if kind in counts
    )
