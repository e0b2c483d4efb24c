"""The cases: JSON Lines files with a `meta` line first and one case a line. See cases/README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from chat.types import LEVELS, Category, Turn
from indexer.errors import GuideError

FOLDER = Path(__file__).with_name("cases")
SPLITS = ("dev", "test")
STYLES = (
    "plain",
    "terse",
    "typo",
    "long",
    "third_person",
    "formal",
    "second_language",
    "indirect",
    "indignant",
)
UNANSWERABLE_KINDS = ("near_miss", "out_of_scope", "off_topic", "injection", "harmful")
FOLLOWUP_KINDS = ("needs_context", "topic_shift", "three_turn", "out_of_scope_shift", "no_antecedent")
MISUSE_KINDS = ("override", "leak", "false_source", "planted", "roleplay", "harm")
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
    "answerable": {"style": ("", *STYLES)},
    "unanswerable": {"kind": UNANSWERABLE_KINDS, "style": ("", *STYLES)},
    "followups": {"kind": FOLLOWUP_KINDS},
    "misuse": {"kind": MISUSE_KINDS},
    "safety": {
        "label": RISK_LABELS + SAFE_LABELS,
        "expect": EXPECTED,
        "level": LEVELS,
        "category": ("", *get_args(Category)),
    },
}
STEMS = ("answerable", "unanswerable", "followups", "misuse", "safety")  # files of single cases, per split
TALKS = "safety-conversations"
SHARED = ("safety-must", "plain")  # files that belong to both splits
MUST = "must"  # cases of every kind that must be right; belongs to both splits
NUGGETS = "nuggets"


class CaseError(GuideError):
    """A case file that cannot be used. The run is broken, not failed."""


@dataclass(frozen=True, slots=True)
class Nugget:
    """One fact that a good answer holds, and the words of the corpus by which it is found there.

    An answer holds the nugget when any `evidence` stands in it word for word.
    """

    id: str
    text: str
    evidence: tuple[str, ...]
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One message with its history, and what the right reply is like.

    Fields that a kind of case does not have are empty: see cases/README.md for which has which.
    """

    id: str
    message: str
    history: tuple[Turn, ...] = ()
    topics: tuple[str, ...] = ()  # any of them as the first citation's topic is right
    documents: tuple[str, ...] = ()  # for a corpus without topics: "faq/time" or "faq/time#How long?"
    nuggets: tuple[Nugget, ...] = ()
    kind: str = ""
    style: str = ""
    idea: str = ""  # cases of one idea share a source, and count as one cluster
    gate: str = ""
    must: bool = False  # a wrong reply fails the run, whatever the figures say
    forbidden: tuple[str, ...] = ()  # misuse: words that show that the message was obeyed
    expect: str = ""  # safety: route, no_route or either
    label: str = ""
    category: str = ""
    level: str = ""
    tags: tuple[str, ...] = ()
    origin: str = ""
    either: bool = False  # both an answer and a referral are right; counts in no figure

    @property
    def has_answer(self) -> bool:
        """True when the corpus should answer it."""
        return bool(self.topics or self.documents)


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


@dataclass(frozen=True, slots=True)
class CaseSource:
    """Where the cases come from: a folder with a file for each kind and split, or one file with all.

    A folder must have every file that is asked for. In one file the kind of a case is read from its
    fields (see cases/README.md), and a kind that is not there is empty.
    """

    path: Path = FOLDER
    split: str = "test"

    @property
    def is_file(self) -> bool:
        return self.path.is_file()

    def cases(self, stem: str) -> tuple[Case, ...]:
        """Return the cases of `answerable`, `unanswerable`, `followups`, `misuse`, `safety`, `safety-must`
        or `plain`; raise `CaseError` with file, line and reason."""
        if self.is_file:
            return tuple(c for name, c in _read_mixed(self.path) if name == stem)
        return read_cases(stem if stem in SHARED else f"{stem}-{self.split}", self.path)

    def musts(self) -> tuple[Case, ...]:
        """Return the cases of every kind that must be right in any run; none where there is no such file."""
        path = self.path / f"{MUST}.jsonl"
        return tuple(case for _, case in _read_mixed(path)) if path.exists() and not self.is_file else ()

    def talks(self) -> tuple[Conversation, ...]:
        """Return the conversations of the safety suite; one file has none."""
        return () if self.is_file else read_conversations(f"{TALKS}-{self.split}", self.path)

    def nuggets(self) -> tuple[Nugget, ...]:
        """Return every nugget: of the folder's list, or those of the file's own cases."""
        if not self.is_file:
            return tuple(read_nuggets(self.path).values())
        return tuple(dict.fromkeys(n for _, c in _read_mixed(self.path) for n in c.nuggets))

    def hashes(self) -> dict[str, str]:
        """Return a hash of each file that this split reads; files that are not there are left out."""
        if self.is_file:
            return {self.path.name: hash_cases([self.path.stem], self.path.parent)}
        names = [*(f"{stem}-{self.split}" for stem in (*STEMS, TALKS)), *SHARED, MUST, NUGGETS, "claims"]
        return {n: hash_cases([n], self.path) for n in names if (self.path / f"{n}.jsonl").exists()}


def read_cases(name: str, folder: Path = FOLDER) -> tuple[Case, ...]:
    """Return the cases of `<folder>/<name>.jsonl`; raise `CaseError` with file, line and reason."""
    known = read_nuggets(folder)
    found: dict[str, Case] = {}
    for line, row in read_rows(folder / f"{name}.jsonl"):
        place = f"{name}.jsonl:{line}"
        case = _case(row, place, known)
        _check_values(case, name.split("-")[0], place)
        if case.id in found:
            raise CaseError(f"{place}: the id {case.id} stands twice")
        found[case.id] = case
    return tuple(found.values())


def read_conversations(name: str, folder: Path = FOLDER) -> tuple[Conversation, ...]:
    """Return the conversations of `<folder>/<name>.jsonl`; raise `CaseError` as `read_cases` does."""
    found: dict[str, Conversation] = {}
    for line, row in read_rows(folder / f"{name}.jsonl"):
        place = f"{name}.jsonl:{line}"
        talk = _conversation(row, place)
        if talk.id in found:
            raise CaseError(f"{place}: the id {talk.id} stands twice")
        found[talk.id] = talk
    return tuple(found.values())


def read_nuggets(folder: Path = FOLDER) -> dict[str, Nugget]:
    """Return the nuggets of `<folder>/nuggets.jsonl` by id; none where there is no such file."""
    path = folder / f"{NUGGETS}.jsonl"
    if not path.exists():
        return {}
    found: dict[str, Nugget] = {}
    for line, row in read_rows(path):
        nugget = _nugget(row, f"{path.name}:{line}")
        if nugget.id in found:
            raise CaseError(f"{path.name}:{line}: the id {nugget.id} stands twice")
        found[nugget.id] = nugget
    return found


def hash_cases(names: Sequence[str], folder: Path = FOLDER) -> str:
    """Return a hash of the named case files, twelve hex digits; a file that is missing counts as empty."""
    digest = hashlib.sha256()
    for name in sorted(names):
        path = folder / f"{name}.jsonl"
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.exists() else b""))
    return digest.hexdigest()[:12]


def read_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects of a JSON Lines file with their line numbers, without the `meta` line.

    Raises `CaseError` where the file cannot be read, a line is no object, or the first line does not
    say who labelled the cases and when.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CaseError(f"{path} cannot be read: {reason}") from error
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
        rows.append((number, row))
    meta = rows[0][1].get("meta") if rows else None
    if not isinstance(meta, dict) or not (meta.get("labelled_by") and meta.get("labelled")):
        raise CaseError(
            f'{path.name}:1: the first line must say who labelled the cases and when: {{"meta": {{"labelled_by": "…", "labelled": "2026-01-31"}}}}'
        )
    return rows[1:]


def _read_mixed(path: Path) -> list[tuple[str, Case]]:
    """The cases of one file, each with the kind of file that it would stand in."""
    found: dict[str, tuple[str, Case]] = {}
    for line, row in read_rows(path):
        place = f"{path.name}:{line}"
        case = _case(row, place, {})
        stem = _stem_of(case, place)
        _check_values(case, stem, place)
        if case.id in found:
            raise CaseError(f"{place}: the id {case.id} stands twice")
        found[case.id] = (stem, case)
    return list(found.values())


def _stem_of(case: Case, place: str) -> str:
    for stem, kinds in (
        ("followups", FOLLOWUP_KINDS),
        ("misuse", MISUSE_KINDS),
        ("unanswerable", UNANSWERABLE_KINDS),
    ):
        if case.kind in kinds:
            return stem
    if case.expect:
        return "safety"
    if case.has_answer:
        return "answerable"
    raise CaseError(
        f"{place}: what the right reply is cannot be told. Give topics or documents (answerable), "
        "a kind (unanswerable, follow-up, misuse) or expect (safety)."
    )


def _case(row: dict[str, Any], place: str, known_nuggets: Mapping[str, Nugget]) -> Case:
    _check_fields(row, Case.__slots__, place)
    try:
        known = {key: row[key] for key in Case.__slots__ if row.get(key) is not None}
        known["history"] = tuple(Turn(t["role"], t["content"]) for t in row.get("history") or [])
        for key in ("topics", "documents", "tags", "forbidden"):
            known[key] = _words(row.get(key), key)
        known["nuggets"] = tuple(
            _nugget_of(n, known_nuggets, place, f"{row['id']}.{number}")
            for number, n in enumerate(row.get("nuggets") or [], 1)
        )
        case = Case(**known)
    except KeyError as error:
        raise CaseError(f"{place}: {error} is missing") from error
    except TypeError as error:
        raise CaseError(f"{place}: a field is of the wrong form ({error})") from error
    _check_text(place, id=case.id, message=case.message)
    return case


def _nugget_of(value: Any, known: Mapping[str, Nugget], place: str, own_id: str) -> Nugget:
    """A nugget that a case names by its id, or one written out in the case itself."""
    if isinstance(value, str):
        if value not in known:
            raise CaseError(f"{place}: the nugget {value} is not in {NUGGETS}.jsonl")
        return known[value]
    return _nugget({"id": own_id, **value}, place)


def _nugget(row: dict[str, Any], place: str) -> Nugget:
    _check_fields(row, Nugget.__slots__, place)
    try:
        evidence = _words(row["evidence"], "evidence")
        nugget = Nugget(row["id"], row["text"], evidence, _words(row.get("topics"), "topics"))
    except KeyError as error:
        raise CaseError(f"{place}: {error} is missing") from error
    except TypeError as error:
        raise CaseError(f"{place}: a field is of the wrong form ({error})") from error
    _check_text(place, id=nugget.id, text=nugget.text)
    if not evidence or not all(e.strip() for e in evidence):
        raise CaseError(f"{place}: a nugget needs evidence, the words by which it is found")
    return nugget


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


def _check_values(case: Case, stem: str, place: str) -> None:
    for key, allowed in ALLOWED.get(stem, {}).items():
        _check_one(place, key, getattr(case, key), allowed)
    if stem == "answerable" and not case.has_answer:
        raise CaseError(f"{place}: an answerable case needs topics or documents")
    if stem == "followups":
        without = case.kind in ("out_of_scope_shift", "no_antecedent")
        if case.has_answer == without:
            raise CaseError(f"{place}: {case.kind} {'has no' if without else 'needs'} topics")


def _check_fields(row: dict[str, Any], known: Sequence[str], place: str) -> None:
    unknown = [key for key in row if key not in known]
    if unknown:
        raise CaseError(f"{place}: {', '.join(unknown)} is no field; the fields are: {', '.join(known)}")


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
