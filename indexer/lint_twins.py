"""Texts that stand twice: wordings under two entries, and passages that say the same in the same words."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from indexer.lint_finding import Finding, section_line, section_name, wording_line
from indexer.sentences import reading_form
from indexer.types import Document, Passage, Section

SHINGLE = 5  # words in a run
# Share of the shorter passage's runs that also stand in the other one. The most alike in our own
# corpus that are right to stand side by side (two safety texts for two ways in) reach 0.18.
TWIN_SHARE = 0.2
_WORD = re.compile(r"[a-z0-9']+")


def check_same_wordings(documents: Sequence[Document]) -> Iterator[Finding]:
    """A wording that stands under two entries pulls both answers to the same question."""
    first: dict[str, tuple[Document, Section, str]] = {}
    for document in documents:
        for section in document.sections:
            for wording in section.questions:
                key = " ".join(_words(wording))
                known = first.setdefault(key, (document, section, wording))
                if known[:2] != (document, section):
                    where = f"{known[0].path}:{wording_line(*known)}"
                    yield Finding(
                        document.path,
                        wording_line(document, section, wording),
                        "same-wording",
                        f'the wording "{wording[:60]}" stands at {where} too',
                        "Keep it under the entry that answers it.",
                    )


def check_twins(documents: Sequence[Document], passages: Sequence[Passage]) -> Iterator[Finding]:
    """Passages that share many runs of words; told at the later one of the two."""
    by_id = {d.document_id: d for d in documents}
    runs = [_runs(reading_form(p.text)) for p in passages]
    for (a, b), shared in sorted(_shared_runs(runs).items()):
        share = shared / min(len(runs[a]), len(runs[b]))
        if share >= TWIN_SHARE:
            one, other = passages[b], passages[a]
            document, twin = by_id[one.document_id], by_id[other.document_id]
            section, twin_section = _section_of(document, one), _section_of(twin, other)
            why = (
                f'"{section_name(section)}" shares {share:.0%} of its runs of words with '
                f'"{section_name(twin_section)}" of {twin.path}'
            )
            line = section_line(document, section)
            yield Finding(document.path, line, "twin", why, "Say it once, or say something else here.")


def _shared_runs(runs: Sequence[set[str]]) -> Counter[tuple[int, int]]:
    owners: dict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(runs):
        for run in own:
            owners[run].append(number)
    return Counter(pair for numbers in owners.values() for pair in combinations(numbers, 2))


def _runs(text: str) -> set[str]:
    words = _words(text)
    return {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def _section_of(document: Document, passage: Passage) -> Section:
    """Return the section in which a passage begins."""
    for section in document.sections:
        if section.paragraphs[-1][-1].end > passage.start:
            return section
    return document.sections[-1]
