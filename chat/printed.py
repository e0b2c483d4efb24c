"""The PDF of a text, where the corpus from which the index was built has one."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from indexer.documents import decode, read_document
from indexer.errors import GuideError
from indexer.types import Document


def find_printed(document: Document) -> Path | None:
    """The PDF file of `document`: itself, or the one beside its Markdown file; None where there is none.

    The corpus is GUIDE_CORPUS (corpus). Its file must hold the very text that was indexed, so that no
    file of another corpus, and none older or newer than the index, is given out. The name comes from the index, never
    from a request, and a link that leads out of the corpus is not followed.
    """
    corpus = Path(os.environ.get("GUIDE_CORPUS", "corpus")).resolve()
    source = corpus / document.path
    printed = source.with_suffix(".pdf") if source.suffix.lower() != ".pdf" else source
    try:
        if not printed.is_file() or not printed.resolve().is_relative_to(corpus):
            return None
        seen = source.stat()
        text = _text_of(source, document.path, seen.st_mtime_ns, seen.st_size)
    except (OSError, GuideError):
        return None
    return printed if text == document.text else None


@lru_cache(maxsize=32)
def _text_of(source: Path, name: str, changed: int, size: int) -> str:
    """The text of a file as the index holds it; read again when the file was changed. A PDF takes some 100 ms."""
    if source.suffix.lower() == ".pdf":
        return read_document(source, name).text
    return decode(name, source.read_bytes())
