"""The cases: JSON Lines files with one case a line and a `meta` line first. See cases/README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from chat.types import LEVELS, Category, Turn
from indexer.errors import GuideError

FOLDER = Path(__file__).with_name("cases")
SPLITS = ("dev", "test")
UNANSWERABLE_KINDS = ("near_miss", "out_of_scope", "off_topic", "injection", "harmful")
FOLLOWUP_KINDS = ("needs_context", "topic_shift", "three_turn", "out_of_scope_shift", "no_antecedent")
CONVERSATION_KINDS = ("spread", "persistence", "retraction", "release", "third_party", "long", "clean")
RISK_LABELS = (
    "self_harm_explicit",
    "self_harm_implicit",
    "harm_others",
    "partner_violence",
    "coercive_control_stalking",
    "child_risk",
    "medical_emergency",
)
SAFE_LABELS = ("safe_idiom", "safe_distress", "safe_topic", "safe_third_party_info")
EXPECTED = ("route", "no_route", "either")
# What a field may say, by the first part of the file's name.
ALLOWED: dict[str, dict[str, tuple[str, ...]]] = {
    "unanswerable": {"kind": UNANSWERABLE_KINDS},
    "followups": {"kind": FOLLOWUP_KINDS},
    "safety": {
        "label": RISK_LABELS + SAFE_LABELS,
        "expect": EXPECTED,
        "level": LEVELS,
        "category": ("", *get_args(Category)),
    },
}


class CaseError(GuideError):
    """A case file that cannot be used. The run is broken, not failed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message with its history, and what the right reply is like.

    Fields that a kind of case does not have are empty: see cases/README.md for which has which.
    """

    id: str
    message: str
    history: tuple[Turn, ...] = ()
    topics: tuple[str, ...] = ()  # any of them as the first citation's topic is right
    kind: str = ""
    style: str = ""
    idea: str = ""  # cases of one idea share a source, and count as one cluster
    gate: str = ""
    expect: str = ""  # safety: route, no_route or either
    label: str = ""
    category: str = ""
    level: str = ""
    tags: tuple[str, ...] = ()
    origin: str = ""
    either: bool = False  # both an answer and a referral are right; counts in no figure


@dataclass(frozen=True, slots=True)
class ConversationTurn:
    message: str
    expect: str  # route, no_route, careful or either
    category: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Several messages in order, each with what the screen should make of it."""

    id: str
    turns: tuple[ConversationTurn, ...]
    kind: str = ""
    idea: str = ""


def read_cases(name: str, folder: Path = FOLDER) -> tuple[Case, ...]:
    """Return the cases of `<folder>/<name>.jsonl`; raise `CaseError` with file, line and reason."""
    found: dict[str, Case] = {}
    for line, row in _rows(folder / f"{name}.jsonl"):
        place = f"{name}.jsonl:{line}"
        case = _case(row, place)
        _check_values(case, name, place)
        if case.id in found:
            raise CaseError(f"{place}: the id {case.id} stands twice")
        found[case.id] = case
    return tuple(found.values())


def read_conversations(name: str, folder: Path = FOLDER) -> tuple[Conversation, ...]:
    """Return the conversations of `<folder>/<name>.jsonl`; raise `CaseError` as `read_cases` does."""
    found: dict[str, Conversation] = {}
    for line, row in _rows(folder / f"{name}.jsonl"):
        place = f"{name}.jsonl:{line}"
        talk = _conversation(row, place)
        if talk.id in found:
            raise CaseError(f"{place}: the id {talk.id} stands twice")
        found[talk.id] = talk
    return tuple(found.values())


def hash_cases(names: Sequence[str], folder: Path = FOLDER) -> str:
    """Return a hash of the named case files, twelve hex digits; a file that is missing counts as empty."""
    digest = hashlib.sha256()
    for name in sorted(names):
        path = folder / f"{name}.jsonl"
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.exists() else b""))
    return digest.hexdigest()[:12]


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CaseError(f"{path.name}:{number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise CaseError(f"{path.name}:{number}: a case must be an object")
        if "meta" not in row:
            rows.append((number, row))
    return rows


def _case(row: dict[str, Any], place: str) -> Case:
    try:
        known = {key: row[key] for key in Case.__slots__ if row.get(key) is not None}
        known["history"] = tuple(Turn(t["role"], t["content"]) for t in row.get("history") or [])
        for key in ("topics", "tags"):
            known[key] = _words(row.get(key), key)
        case = Case(**known)
    except KeyError as error:
        raise CaseError(f"{place}: {error} is missing") from error
    except TypeError as error:
        raise CaseError(f"{place}: a field is of the wrong form ({error})") from error
    _check_text(place, id=case.id, message=case.message)
    return case


def _conversation(row: dict[str, Any], place: str) -> Conversation:
    try:
        turns = tuple(
            ConversationTurn(t["message"], t["expect"], t.get("category") or "") for t in row["turns"]
        )
        talk = Conversation(row["id"], turns, row.get("kind") or "", row.get("idea") or "")
    except KeyError as error:
        raise CaseError(f"{place}: {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise CaseError(f"{place}: a field is of the wrong form ({error})") from error
    if not turns:
        raise CaseError(f"{place}: a conversation needs at least one turn")
    _check_text(place, id=talk.id, **{f"turns[{n}].message": t.message for n, t in enumerate(turns)})
    _check_one(place, "kind", talk.kind, CONVERSATION_KINDS)
    for turn in turns:
        _check_one(place, "expect", turn.expect, (*EXPECTED, "careful"))
        _check_one(place, "category", turn.category, ("", *get_args(Category)))
    return talk


def _check_values(case: Case, name: str, place: str) -> None:
    stem = name.split("-")[0]
    for key, allowed in ALLOWED.get(stem, {}).items():
        _check_one(place, key, getattr(case, key), allowed)
    if stem == "answerable" and not case.topics:
        raise CaseError(f"{place}: an answerable case needs topics")
    if stem == "followups":
        without = case.kind in ("out_of_scope_shift", "no_antecedent")
        if bool(case.topics) == without:
            raise CaseError(f"{place}: {case.kind} {'has no' if without else 'needs'} topics")


def _check_one(place: str, key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise CaseError(
            f"{place}: {key} is {value!r}, and must be one of: {', '.join(filter(None, allowed))}"
        )


def _check_text(place: str, **fields: object) -> None:
    for key, value in fields.items():
        if not isinstance(value, str) or not value.strip():
            raise CaseError(f"{place}: a case needs {key} as text")


def _words(value: Any, key: str) -> tuple[str, ...]:
    if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        raise TypeError(f"{key} must be a list of words")
    return tuple(value or ())
