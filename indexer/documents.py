"""The corpus folder: which files are documents, of which kind, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from indexer.errors import DocumentError, GuideError
from indexer.markdown import read_markdown
from indexer.pdf import read_pdf
from indexer.types import KINDS, Document, Kind, Reference

MARKDOWN_SUFFIXES = (".md", ".markdown")
SUFFIXES = (*MARKDOWN_SUFFIXES, ".pdf")
NOT_CONTENT = ("README.md", "LICENSE.md")
NOT_RETRIEVED = ("referrals",)  # chosen by the risk screen, never retrieved


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was read: the good documents in order of id, and one error for each bad file."""

    documents: tuple[Document, ...]
    problems: tuple[DocumentError, ...]


def read_documents(folder: Path) -> Corpus:
    """Read every article, FAQ, note and boundary below `folder`.

    A file that cannot be read is named in `problems` and left out. A missing folder raises.
    A PDF beside a Markdown file of the same name is its printed copy: never a document of its own,
    so that nothing is found twice, and a problem when it does not say the same.
    """
    if not folder.is_dir():
        raise GuideError(f"No corpus folder at {folder}. Name one with --corpus DIR or GUIDE_CORPUS.")
    documents: dict[str, Document] = {}
    problems: list[DocumentError] = []
    for path in _content_files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            document = read_document(path, name)
            twin = documents.get(document.document_id)
            if _is_copy(path):
                _check_copy(document, twin)
                continue
            if twin:
                raise DocumentError(name, f"{twin.path} has the same name; rename one of the two")
            documents[document.document_id] = document
        except DocumentError as problem:
            problems.append(problem)
    return Corpus(tuple(documents[key] for key in sorted(documents)), tuple(problems))


def read_document(path: Path, name: str) -> Document:
    """Read one file; `name` is its path below the corpus folder. Raises `DocumentError`."""
    kind = _kind_of(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DocumentError(name, f"cannot be read: {error.strerror}") from error
    if not data.strip():
        raise DocumentError(name, "the file is empty")
    if path.suffix.lower() == ".pdf":
        return read_pdf(name, kind, data)
    return read_markdown(name, kind, decode(name, data))


def _is_copy(path: Path) -> bool:
    """True for a PDF that has a Markdown file of the same name beside it, readable or not."""
    return path.suffix.lower() == ".pdf" and any(path.with_suffix(s).exists() for s in MARKDOWN_SUFFIXES)


def _check_copy(copy: Document, source: Document | None) -> None:
    """Raise `DocumentError` when `copy` lacks a sentence of `source`, or has one more between two of them.

    Not covered: headings, title and summary. A source that could not be read is a problem by itself.
    """
    if source and _letters(source) not in _letters(copy):
        why = f"does not say what {source.path} says; make the PDF anew, or rename it if it is another text"
        raise DocumentError(copy.path, why)


def _letters(document: Document) -> str:
    """All sentences in one run of letters and digits: a PDF breaks lines and words where it likes."""
    spans = (span for s in document.sections for paragraph in s.paragraphs for span in paragraph)
    return "".join(c for span in spans for c in document.text[span.start : span.end] if c.isalnum())


def decode(name: str, data: bytes) -> str:
    """Return the text of a file, line ends as \\n; raise `DocumentError` when it is not UTF-8."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = data[error.start]
        raise DocumentError(name, f"not UTF-8 (byte 0x{byte:02x}); save it as UTF-8", line) from error
    if "\0" in text:
        raise DocumentError(name, "not a text file: it holds NUL characters")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_references(path: Path) -> dict[str, Reference]:
    """Read references.yaml; a missing file gives none, a broken one raises `DocumentError`."""
    if not path.exists():
        return {}
    try:
        data = yaml.safe_load(decode(path.name, path.read_bytes())) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise DocumentError(path.name, "bad YAML", mark.line + 1 if mark else 0) from error
    if not isinstance(data, dict):
        raise DocumentError(path.name, "must hold one entry for each reference key", 1)
    return {str(key): _reference(path.name, str(key), entry) for key, entry in data.items()}


def _reference(name: str, key: str, entry: object) -> Reference:
    if not isinstance(entry, dict) or not entry.get("kind") or not entry.get("title"):
        raise DocumentError(name, f"{key}: an entry needs at least kind and title")

    def text(field: str) -> str:
        return str(entry.get(field) or "").strip()

    return Reference(
        key=key,
        kind=text("kind"),
        authors=text("authors"),
        year=text("year"),
        title=text("title"),
        journal=text("journal"),
        doi=text("doi"),
        sample=text("sample"),
        limits=text("limits"),
    )


def _content_files(folder: Path) -> list[Path]:
    files = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "_")) for part in parts)
        if hidden or parts[0] in NOT_RETRIEVED or path.name in NOT_CONTENT:
            continue
        if path.suffix.lower() in SUFFIXES and path.is_file():
            files.append(path)
    return files


def _kind_of(name: str) -> Kind:
    return KINDS.get(name.split("/", 1)[0], "article")
