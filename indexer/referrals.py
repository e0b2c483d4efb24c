"""Referral texts and helplines: what a person at risk is given instead of an answer.

Both readers are strict, because a mistake here is met by somebody in danger: they name the
file, the line and the reason, and give nothing back that is not whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from indexer.errors import DocumentError
from indexer.types import Helpline

REFERRALS = (
    "self_harm",
    "self_harm_other",
    "harm_others",
    "partner_violence",
    "stalking_control",
    "images_devices",
    "pursuit_by_user",
    "child_risk",
    "medical_emergency",
    "legal_order",
    "limits",
)
PURPOSES = ("emergency", "suicide", "domestic_violence", "stalking", "child", "images")
CONFIDENCES = ("high", "medium", "low")
WORDINGS = 4  # the fewest in a part: risk lasts for several turns and no two of them may say the same
INTERNATIONAL = "INT"
STALE_AFTER_DAYS = 365

_REFERRAL_KEYS = ("title", "category", "block", "helplines", "reviewed")
_COUNTRY_KEYS = ("code", "name", "note", "emergency", "lines")
_LINE_KEYS = (
    *("service", "purpose", "phone", "dial", "text", "web"),
    *("hours", "source", "checked", "confidence", "note"),
)
_PHONE_LIKE = re.compile(r"\d[\d\s().+-]*\d\d|\b\d{3,}\b")  # three digits or more; "under 18" passes
_LINE = "__line__"


@dataclass(frozen=True, slots=True)
class Referral:
    """One file of corpus/referrals: the texts for one kind of risk.

    `crisis` and `concern` hold at least four wordings each, or none where the file lacks the part;
    one of the two is always there. Paragraphs of a wording are parted by a blank line.
    """

    category: str  # one of REFERRALS, and the file's name
    title: str
    block: str  # the safety blocks that the texts carry out, such as "S1, S3"; for editors
    helplines: tuple[str, ...]  # purposes to show beside the text, in order
    reviewed: str  # ISO date
    crisis: tuple[str, ...]
    concern: tuple[str, ...]

    def wordings(self, level: str) -> tuple[str, ...]:
        """The texts for `level`; a part that the file lacks is replaced by the other one."""
        if level == "crisis":
            return self.crisis or self.concern
        return self.concern or self.crisis


@dataclass(frozen=True, slots=True)
class HelplineEntry(Helpline):
    """A helpline as it stands in corpus/helplines.yaml, with what only a telephone or an editor needs."""

    dial: tuple[str, ...] = ()  # digits only, as printed, without a country prefix; each stands in `phone`
    confidence: str = "medium"  # high, medium or low; never shown


def read_referrals(folder: Path) -> dict[str, Referral]:
    """Return every referral by category; raise `DocumentError` where one is missing or incomplete."""
    if not folder.is_dir():
        raise DocumentError(str(folder), "there is no such folder; the referral texts belong there")
    referrals: dict[str, Referral] = {}
    for path in sorted(folder.glob("*.md")):
        if path.stem.lower() != "readme":
            referrals[path.stem] = _read_referral(path)
    for category in REFERRALS:
        if category not in referrals:
            raise DocumentError(str(folder), f"the category {category} has no text; write {category}.md")
    return referrals


def read_helplines(path: Path) -> dict[str, tuple[Helpline, ...]]:
    """Return each country's lines by code, the emergency entry first; `INT` is always among them.

    Every entry is a `HelplineEntry`. Raises `DocumentError` on the first fault.
    """
    data = _load_yaml(path, _read_text(path), first_line=1)
    countries = data.get("countries") if isinstance(data, dict) else None
    if not isinstance(countries, list) or not countries:
        raise DocumentError(str(path), "`countries` must be a list with at least one country")
    helplines: dict[str, tuple[Helpline, ...]] = {}
    for country in countries:
        fields = _Fields(path, country, "a country")
        code = fields.text("code")
        if not re.fullmatch(r"[A-Z]{2}|INT", code):
            raise fields.error(f"code must be two capital letters or INT, got {code!r}")
        if code in helplines:
            raise fields.error(f"the country {code} stands here twice")
        helplines[code] = _read_country(path, fields, code)
    if INTERNATIONAL not in helplines:
        raise DocumentError(str(path), "the entry INT is missing; it serves whoever names no country")
    return helplines


def stale_helplines(
    helplines: Mapping[str, Iterable[Helpline]], today: date, days: int = STALE_AFTER_DAYS
) -> list[Helpline]:
    """Return the lines that nobody has checked for more than `days` days, the oldest first."""
    lines = [line for entries in helplines.values() for line in entries]
    stale = [line for line in lines if (today - date.fromisoformat(line.checked)).days > days]
    return sorted(stale, key=lambda line: (line.checked, line.country, line.service))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(str(path), f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DocumentError(str(path), "is not UTF-8 text") from error


# Referral texts


def _read_referral(path: Path) -> Referral:
    text = _read_text(path)
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in lines[1:]:
        raise DocumentError(str(path), "a referral begins with front matter between two lines of ---", 1)
    end = lines.index("---", 1)
    data = _load_yaml(path, "\n".join(lines[1:end]), first_line=2)
    fields = _Fields(path, data, "the front matter")
    fields.allow(_REFERRAL_KEYS)
    category = fields.text("category")
    if category not in REFERRALS:
        raise fields.error(f"unknown category {category!r}; one of {', '.join(REFERRALS)}")
    if category != path.stem:
        raise fields.error(f"the category is {category}, so the file must be called {category}.md")
    parts = _read_parts(path, lines, end + 1)
    return Referral(
        category=category,
        title=fields.text("title"),
        block=fields.text("block"),
        helplines=fields.purposes("helplines"),
        reviewed=fields.day("reviewed"),
        crisis=parts.get("crisis", ()),
        concern=parts.get("concern", ()),
    )


def _read_parts(path: Path, lines: list[str], start: int) -> dict[str, tuple[str, ...]]:
    """The wordings under `## Crisis` and `## Concern`, each opened by `### 1`, `### 2` and so on."""
    parts: dict[str, list[list[str]]] = {}
    where: dict[str, int] = {}
    part = ""
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith("### "):
            if not part:
                raise DocumentError(str(path), "a wording stands before `## Crisis` or `## Concern`", number)
            if line[4:].strip() != str(len(parts[part]) + 1):
                raise DocumentError(str(path), f"expected `### {len(parts[part]) + 1}`, got `{line}`", number)
            parts[part].append([])
        elif line.startswith("#"):
            part = line.removeprefix("## ").strip().lower()
            if part not in ("crisis", "concern") or part in parts:
                raise DocumentError(str(path), "a part is `## Crisis` or `## Concern`, each once", number)
            parts[part], where[part] = [], number
        elif line.strip():
            if not part or not parts[part]:
                raise DocumentError(str(path), "text stands outside a wording (`### 1`)", number)
            if _PHONE_LIKE.search(line):
                raise DocumentError(
                    str(path), "a number that could be dialled; those belong in helplines.yaml", number
                )
            parts[part][-1].append(line.strip())
    if not parts:
        raise DocumentError(str(path), "neither `## Crisis` nor `## Concern` stands in it")
    return {name: _finished_wordings(path, name, parts[name], where[name]) for name in parts}


def _finished_wordings(path: Path, part: str, drafts: list[list[str]], line: int) -> tuple[str, ...]:
    for number, paragraphs in enumerate(drafts, 1):
        if not paragraphs:
            raise DocumentError(str(path), f"wording {number} of {part} is empty", line)
    if len(drafts) < WORDINGS:
        raise DocumentError(
            str(path), f"{part} has {len(drafts)} wordings and needs {WORDINGS}, so that turns differ", line
        )
    wordings = tuple("\n\n".join(paragraphs) for paragraphs in drafts)
    if len(set(wordings)) < len(wordings):
        raise DocumentError(str(path), f"two wordings of {part} are the same", line)
    return wordings


# Helplines


def _read_country(path: Path, fields: _Fields, code: str) -> tuple[Helpline, ...]:
    fields.allow(_COUNTRY_KEYS)
    name = fields.text("name")
    emergency = _Fields(path, fields.data.get("emergency"), f"emergency of {code}", fields.line)
    entries = [_read_line(emergency, code, name, "emergency", "emergency number")]
    lines = fields.data.get("lines")
    if not isinstance(lines, list):
        raise fields.error(f"`lines` of {code} must be a list")
    for item in lines:
        line = _Fields(path, item, f"a line of {code}", fields.line)
        purpose = line.text("purpose")
        if purpose not in PURPOSES or purpose == "emergency":
            raise line.error(f"unknown purpose {purpose!r}; one of {', '.join(PURPOSES[1:])}")
        entries.append(_read_line(line, code, name, purpose, line.text("service")))
    return tuple(entries)


def _read_line(fields: _Fields, code: str, country: str, purpose: str, service: str) -> HelplineEntry:
    fields.allow(_LINE_KEYS)
    phone, text, web = (fields.optional_text(key) for key in ("phone", "text", "web"))
    if not (phone or text or web):
        raise fields.error(f"{service} can be reached by nothing: give phone, text or web")
    if web and (urlsplit(web).scheme != "https" or not urlsplit(web).hostname):
        raise fields.error(f"web must be an https address, got {web!r}")
    confidence = fields.optional_text("confidence") or "medium"
    if confidence not in CONFIDENCES:
        raise fields.error(f"confidence must be one of {', '.join(CONFIDENCES)}, got {confidence!r}")
    return HelplineEntry(
        country=code,
        country_name=country,
        service=service,
        purpose=purpose,
        phone=phone,
        text=text,
        web=web,
        hours=fields.text("hours"),
        source=fields.text("source"),
        checked=fields.day("checked"),
        dial=_read_dial(fields, phone),
        confidence=confidence,
    )


def _read_dial(fields: _Fields, phone: str | None) -> tuple[str, ...]:
    given = fields.data.get("dial", [])
    dial = [given] if isinstance(given, str) else given
    if not isinstance(dial, list) or not all(isinstance(d, str) and re.fullmatch(r"\d+", d) for d in dial):
        raise fields.error("dial must be digits only, in quotes")
    if phone and not dial:
        raise fields.error(f"the phone {phone} has no dial: write the digits that a telephone needs")
    for digits in dial:
        if not find_number(digits, phone or ""):
            raise fields.error(f"dial {digits} does not stand in the phone {phone!r}")
    return tuple(dial)


def find_number(digits: str, phone: str) -> re.Match[str] | None:
    """Where `digits` stand in `phone`, however it is spaced; None when they do not."""
    return re.search(r"(?<!\d)" + r"[ ().-]*".join(digits) + r"(?!\d)", phone)


# YAML with line numbers


class _Fields:
    """One YAML mapping with the file and line to name when something in it is wrong."""

    def __init__(self, path: Path, data: object, what: str, line: int = 0) -> None:
        self.path = path
        self.what = what
        if not isinstance(data, dict):
            raise DocumentError(str(path), f"{what} must be a list of `key: value` lines", line)
        self.data: dict[Any, Any] = data
        self.line: int = data.get(_LINE, line)

    def error(self, why: str) -> DocumentError:
        return DocumentError(str(self.path), why, self.line)

    def allow(self, keys: tuple[str, ...]) -> None:
        """Refuse a key that nobody reads: a slip such as `hour` would otherwise go unseen."""
        for key in self.data:
            if key not in keys and key != _LINE:
                raise self.error(f"unknown key {key!r} in {self.what}; one of {', '.join(keys)}")

    def text(self, key: str) -> str:
        value = self.optional_text(key)
        if value is None:
            raise self.error(f"{self.what} has no {key}")
        return value

    def optional_text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(f"{key} must be text: put it in quotes, got {value!r}")
        if not value.strip():
            raise self.error(f"{self.what} has an empty {key}")
        return value.strip()

    def day(self, key: str) -> str:
        """An ISO date, which YAML may have read as a date already."""
        value = self.data.get(key)
        if value is None:
            raise self.error(f"{self.what} has no {key}")
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            raise self.error(f"{key} must be a day like 2026-11-23, got {value!r}") from None

    def purposes(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key)
        if not isinstance(value, list) or not value:
            raise self.error(f"{self.what} needs {key}: a list of purposes, such as [emergency, suicide]")
        for purpose in value:
            if purpose not in PURPOSES:
                raise self.error(f"unknown purpose {purpose!r}; one of {', '.join(PURPOSES)}")
        return tuple(value)


class _LineLoader(yaml.SafeLoader):
    """Reads mappings with the line they begin at, and refuses a key that stands twice."""


def _construct_mapping(loader: _LineLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.MarkedYAMLError(problem=f"{key} stands here twice", problem_mark=node.start_mark)
    mapping[_LINE] = node.start_mark.line + 1
    return mapping


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def _load_yaml(path: Path, text: str, first_line: int) -> Any:
    """The YAML in `text`, whose first line is line `first_line` of the file."""
    try:
        data = yaml.load(text, Loader=_LineLoader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + first_line if mark else first_line
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise DocumentError(str(path), f"bad YAML: {problem}", line) from error
    except ValueError as error:  # a date such as 2026-13-01
        raise DocumentError(str(path), f"bad YAML: {error}", first_line) from error
    return _shift_lines(data, first_line - 1)


def _shift_lines(data: Any, by: int) -> Any:
    if by and isinstance(data, dict) and _LINE in data:
        data[_LINE] += by
    return data
