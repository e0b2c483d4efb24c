"""Mending what is safe to mend: white space, line ends and quotation marks of Markdown files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.lint_finding import Finding, markdown_files

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[^\n]*$", re.DOTALL | re.MULTILINE)
_CURLY = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_CURLY_MARK = re.compile("[\u2018\u2019\u201c\u201d]")


@dataclass(frozen=True, slots=True)
class Mended:
    """One file that was changed, and how."""

    path: str
    changes: tuple[str, ...]

    def __str__(self) -> str:
        return f"mended {self.path}: {', '.join(self.changes)}"


def mend_folder(folder: Path) -> list[Mended]:
    """Mend every Markdown file below `folder` and say what changed. Other files stay as they are.

    A file that is not UTF-8 is left alone; the check names it.
    """
    mended = []
    for name, text in markdown_files(folder, as_it_is=True):
        better, changes = mend(text)
        if changes:
            (folder / name).write_bytes(better.encode("utf-8"))
            mended.append(Mended(name, tuple(changes)))
    return mended


def check_tidy(folder: Path) -> Iterator[Finding]:
    """What `mend_folder` would change, one finding a file."""
    for name, text in markdown_files(folder, as_it_is=True):
        changes = mend(text)[1]
        if changes:
            yield Finding(name, 0, "untidy", ", ".join(changes), "Run: guide-index check --fix")


def mend(text: str) -> tuple[str, list[str]]:
    """Return the mended text and what was changed, nothing where it was in order.

    Front matter and fenced code keep their quotation marks and blank lines: there a straight
    mark could end a YAML string, and an empty line may be part of the code.
    """
    changes = []
    if "\r" in text:
        changes.append("line ends of another system")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    stripped = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    if stripped != text:
        count = sum(a != b for a, b in zip(text.split("\n"), stripped.split("\n"), strict=True))
        changes.append(_counted(count, "line with trailing spaces", "lines with trailing spaces"))
        text = stripped
    parts = list(_parts(text))
    curly = sum(len(_CURLY_MARK.findall(part)) for part, is_prose in parts if is_prose)
    blank = sum(len(re.findall(r"\n{3,}", part)) for part, is_prose in parts if is_prose)
    text = "".join(_straighten(part) if is_prose else part for part, is_prose in parts)
    if curly:
        changes.append(_counted(curly, "curly quotation mark", "curly quotation marks"))
    if blank:
        changes.append(_counted(blank, "double blank line", "double blank lines"))
    if text.strip() and (not text.endswith("\n") or text.endswith("\n\n")):
        changes.append("the end of the file")
        text = text.rstrip("\n") + "\n"
    return text, changes


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield stretches of the file in order, and whether each is prose."""
    position = 0
    front = _FRONT_MATTER.match(text)
    if front:
        yield front.group(), False
        position = front.end()
    for code in _CODE.finditer(text, position):
        yield text[position : code.start()], True
        yield code.group(), False
        position = code.end()
    yield text[position:], True


def _straighten(prose: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", prose.translate(_CURLY))


def _counted(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many}"
