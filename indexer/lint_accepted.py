"""Findings that an editor has looked at and lets stand, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.documents import decode
from indexer.errors import DocumentError
from indexer.lint_finding import Finding, read_yaml

ACCEPTED = "accepted.yaml"
_FIELDS = ("file", "check", "what", "reason")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One row of accepted.yaml: `what` is a stretch of the finding's own words."""

    path: str
    check: str
    what: str
    reason: str
    line: int

    def covers(self, finding: Finding) -> bool:
        return (finding.path, finding.check) == (self.path, self.check) and self.what in finding.why


def read_accepted(path: Path) -> list[Acceptance]:
    """Return the rows in order; a missing file gives none. Each row needs all four fields."""
    data = read_yaml(path)
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise DocumentError(path.name, f"must hold a list of rows with {', '.join(_FIELDS)}", 1)
    text = decode(path.name, path.read_bytes())
    lines = [n for n, line in enumerate(text.split("\n"), 1) if re.match(r"-\s", line)]
    accepted = []
    for number, row in enumerate(data):
        line = lines[number] if number < len(lines) else 0
        values = [str(row.get(field) or "").strip() for field in _FIELDS]
        if not all(values):
            missing = ", ".join(f for f, value in zip(_FIELDS, values, strict=True) if not value)
            raise DocumentError(path.name, f"an acceptance without {missing}", line)
        file, check, what, reason = values
        accepted.append(Acceptance(file, check, what, reason, line))
    return accepted


def sort_out(
    findings: Sequence[Finding], accepted: Sequence[Acceptance], skipped: frozenset[str]
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that stand and those that are accepted.

    An acceptance that covers nothing is a finding itself, unless its check was skipped.
    """
    standing: list[Finding] = []
    let_be: list[Finding] = []
    used: set[int] = set()
    for finding in findings:
        rows = [n for n, row in enumerate(accepted) if row.covers(finding)]
        used.update(rows)
        (let_be if rows else standing).append(finding)
    for number, row in enumerate(accepted):
        if number not in used and row.check not in skipped:
            why = f'nothing in {row.path} is found any more for "{row.what[:60]}"'
            standing.append(Finding(ACCEPTED, row.line, "acceptance", why, "Take the row out."))
    return standing, let_be
