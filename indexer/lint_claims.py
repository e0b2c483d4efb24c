"""The register of claims and the texts that carry them, held together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.documents import decode
from indexer.errors import DocumentError
from indexer.lint_finding import Finding, read_yaml, section_text
from indexer.types import Document, Reference, Section

CLAIMS = "claims.yaml"
WHOSE = ("author", "study", "practice", "value")
# The rungs of the ladder, from the firmest; `corrected` is told otherwise elsewhere, and the carrying
# passage puts it right; `signpost` says where to read on.
STRENGTHS = (
    "several studies",
    "small studies",
    "borrowed",
    "author",
    "practice",
    "untested",
    "corrected",
    "signpost",
)
_ID = re.compile(r"[A-Z]\d+")


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the register: what is said, by whom, how firmly, and where."""

    claim_id: str
    claim: str
    whose: str
    strength: str
    references: tuple[str, ...]
    carried_by: tuple[str, ...]  # document id, `#`, and a heading or the section's own id
    line: int


def read_claims(path: Path) -> list[Claim]:
    """Return the register in its order; a missing file gives none, a broken one raises `DocumentError`."""
    data = read_yaml(path)
    if data is None:
        return []
    if not isinstance(data, list):
        raise DocumentError(path.name, "must hold a list of claims", 1)
    lines = _lines_of_rows(decode(path.name, path.read_bytes()))
    return [_claim(path.name, row, lines) for row in data]


def _lines_of_rows(text: str) -> dict[str, int]:
    rows = re.compile(r"\s*-\s+id:\s*(\S+)")
    return {m.group(1): n for n, line in enumerate(text.split("\n"), 1) if (m := rows.match(line))}


def _claim(name: str, row: Any, lines: dict[str, int]) -> Claim:
    if not isinstance(row, dict) or not _ID.fullmatch(str(row.get("id"))):
        raise DocumentError(name, "each claim needs an `id` such as A12")
    key = str(row["id"])
    for field in ("references", "carried_by"):
        if not isinstance(row.get(field, []), list):
            raise DocumentError(name, f"{key}: `{field}` must be a list", lines.get(key, 0))
    return Claim(
        claim_id=key,
        claim=str(row.get("claim") or "").strip(),
        whose=str(row.get("whose") or ""),
        strength=str(row.get("strength") or ""),
        references=tuple(str(r) for r in row.get("references", [])),
        carried_by=tuple(str(c) for c in row.get("carried_by", [])),
        line=lines.get(key, 0),
    )


def check_claims(
    claims: Sequence[Claim], documents: Sequence[Document], references: dict[str, Reference]
) -> Iterator[Finding]:
    """Each claim is whole, stands in the passages that it names, and rests on what they rest on."""
    by_id = {d.document_id: d for d in documents}
    seen: set[str] = set()
    for claim in claims:
        faults = [*_row_faults(claim, seen, references)]
        carriers, missing = _carriers(claim, by_id)
        faults += [
            (f"{place} is no section", "Name the document, # and its heading or id.") for place in missing
        ]
        if not claim.carried_by:
            faults.append(("no passage carries it", "Say it in the fitting section, and name that."))
        elif not missing:
            faults += _unbacked(claim, carriers, references)
        yield from (
            Finding(CLAIMS, claim.line, "claim", f"{claim.claim_id}: {why}", do) for why, do in faults
        )
        seen.add(claim.claim_id)


def _row_faults(claim: Claim, seen: set[str], references: dict[str, Reference]) -> Iterator[tuple[str, str]]:
    if claim.claim_id in seen:
        yield "the id stands here twice", "Give each claim its own."
    if not claim.claim:
        yield "no words", "Write the claim in one sentence."
    if claim.whose not in WHOSE:
        yield f"`whose: {claim.whose}` is not known", f"Use one of {', '.join(WHOSE)}."
    if claim.strength not in STRENGTHS:
        yield f"`strength: {claim.strength}` is not on the ladder", f"Use one of {', '.join(STRENGTHS)}."
    for key in claim.references:
        if key not in references:
            yield f"no reference `{key}`", "Add it to references.yaml."


def _carriers(
    claim: Claim, documents: dict[str, Document]
) -> tuple[list[tuple[Document, Section]], list[str]]:
    """Return the sections that a claim names, and the places that do not exist."""
    found, missing = [], []
    for place in claim.carried_by:
        name, _, anchor = place.partition("#")
        document = documents.get(name)
        section = next((s for s in document.sections if _is_called(s, anchor)), None) if document else None
        if document and section:
            found.append((document, section))
        else:
            missing.append(place)
    return found, missing


def _is_called(section: Section, anchor: str) -> bool:
    return bool(anchor) and (
        section.mark == anchor or (bool(section.heading) and section.heading[-1] == anchor)
    )


def _unbacked(
    claim: Claim, carriers: Sequence[tuple[Document, Section]], references: dict[str, Reference]
) -> Iterator[tuple[str, str]]:
    """References that no carrying passage names, and authors whose names none of them gives."""
    named = {key for document, section in carriers for key in (*section.references, *document.references)}
    text = " ".join(section_text(document, section) for document, section in carriers)
    for key in claim.references:
        reference = references.get(key)
        if reference and key not in named:
            yield f"no carrying passage names `{key}`", "Add the reference there, or take it out here."
        elif claim.whose == "author" and reference and reference.kind == "author":
            surname = reference.authors.split(",")[0]
            if surname not in text:
                yield f"no carrying passage names {surname}", "An author's view is told as the author's."
