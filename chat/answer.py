"""From ranked passages to an answer: whole sentences, each with the number of its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from chat.fixed_texts import ASIDE
from chat.types import AnswerSentence, Citation
from indexer.encoder import Vectors
from indexer.sentences import count_words, reading_form
from indexer.types import Passage, Reference, Span

TARGET_WORDS = 160  # an answer is not longer than this
LEAD_WORDS = 160  # what the first passage may take: an FAQ entry fits whole
SECOND_WORDS = 60  # and what each further one may add
NEAR_COPY = 0.80  # a sentence this close to one already chosen says nothing new
RELATED = 0.35  # a further passage must have at least this share of the first one's score
# On the development cases the first subject is wrong and the second right in 17 of the 79 answers in
# which the second has this share of the first one's score, and in 4 of the 108 in which it has less.
ASIDE_SHARE = 0.7
ASIDE_WORDS = 60  # what an aside may take beyond TARGET_WORDS


@dataclass(frozen=True, slots=True)
class Answer:
    """Sentences in reading order and the sources they cite, numbered from 1 by first use."""

    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]


@dataclass
class _Choice:
    passage: Passage
    spans: list[Span]
    is_aside: bool = False


def compose_answer(
    ranked: Sequence[tuple[Passage, float]],
    query: Vectors,
    sentence_vectors: Callable[[Passage], Vectors],
    references: dict[str, Reference],
    *,
    most_passages: int = 3,
    most_words: int = TARGET_WORDS,
    asides: bool = True,
) -> Answer:
    """Compose an answer from `ranked` (passage, score) pairs, best first; none gives an empty answer.

    The best passage leads; others add their opening sentences where they belong to the same
    subject and say something new. Where another subject fits nearly as well, its best passage comes
    last, as an aside, if `asides` are wanted. `query` has shape (1, d); `sentence_vectors` gives those of a
    passage's sentences, shape (n, d).
    """
    if not ranked:
        return Answer((), ())
    lead, score = ranked[0]
    chosen = [_Choice(lead, _lead_spans(lead, query, sentence_vectors, min(LEAD_WORDS, most_words)))]
    words = _words(chosen[0])
    for passage, other in ranked[1 : most_passages + 3]:
        room = min(SECOND_WORDS, most_words - words)
        if len(chosen) >= most_passages or room < 15:
            break
        if other < score * RELATED or not _belongs(passage, lead):
            continue
        spans = _opening(passage, room)
        spans = _new_only(passage, spans, chosen, sentence_vectors)
        if spans:
            chosen.append(_Choice(passage, spans))
            words += _words(chosen[-1])
    if asides and most_passages > 1 and (aside := _aside(ranked)):
        chosen = [*chosen[: most_passages - 1], aside]
    return _number(chosen, references)


def quote_passage(passage: Passage, references: dict[str, Reference]) -> Answer:
    """Return the whole of one passage as an answer, as a boundary is given."""
    return _number([_Choice(passage, list(passage.sentences))], references)


def render_text(sentences: Sequence[AnswerSentence]) -> str:
    """Return the answer as plain text: paragraphs, list items with a dash, [1] after each sentence."""
    lines: list[str] = []
    for sentence in sentences:
        marks = "".join(f"[{n}]" for n in sentence.citations)
        words = f"{sentence.text} {marks}".strip()
        if sentence.opens_aside:
            lines.append(f"\n{ASIDE}")
        if sentence.is_item and (sentence.starts_paragraph or not lines):
            lines.append(("\n" if lines and not lines[-1].startswith("- ") else "") + f"- {words}")
        elif sentence.starts_paragraph or not lines:
            lines.append(("\n" if lines else "") + words)
        else:
            lines[-1] += f" {words}"
    return "\n".join(lines)


def _lead_spans(
    passage: Passage, query: Vectors, sentence_vectors: Callable[[Passage], Vectors], most_words: int
) -> list[Span]:
    """The whole passage when it fits, else its opening and the run that is nearest to the question."""
    spans = list(passage.sentences)
    if sum(_span_words(passage, s) for s in spans) <= most_words:
        return spans
    nearness = (sentence_vectors(passage) @ query[0]).tolist()
    kept = {0}
    words = _span_words(passage, spans[0])
    for number in sorted(range(1, len(spans)), key=lambda n: -nearness[n] + 0.03 * n):
        length = _span_words(passage, spans[number])
        if words + length <= most_words:
            kept.add(number)
            words += length
    return [s for n, s in enumerate(spans) if n in kept and _has_antecedent(passage, spans, kept, n)]


def _has_antecedent(passage: Passage, spans: list[Span], kept: set[int], number: int) -> bool:
    """False for a sentence that points back at one that was left out."""
    first = passage.quote(spans[number]).split()[0].strip(",;:").lower()
    points_back = first in {
        "this",
        "that",
        "these",
        "those",
        "it",
        "they",
        "but",
        "so",
        "then",
        "and",
        "such",
        "both",
    }
    return not points_back or number - 1 in kept


def _aside(ranked: Sequence[tuple[Passage, float]]) -> _Choice | None:
    """The opening of the best passage on another subject than the lead's, where it fits nearly as well."""
    lead, score = ranked[0]
    for passage, other in ranked[1:]:
        if other < score * ASIDE_SHARE:
            break
        if lead.topics and passage.topics and passage.kind != "boundary" and not _belongs(passage, lead):
            spans = _opening(passage, ASIDE_WORDS)
            return _Choice(passage, spans, is_aside=True) if spans else None
    return None


def _opening(passage: Passage, room: int) -> list[Span]:
    spans: list[Span] = []
    words = 0
    for span in passage.sentences:
        words += _span_words(passage, span)
        if words > room:
            break
        spans.append(span)
    return spans


def _new_only(
    passage: Passage,
    spans: list[Span],
    chosen: list[_Choice],
    sentence_vectors: Callable[[Passage], Vectors],
) -> list[Span]:
    """Leave out the sentences from the first one on that repeats something already chosen."""
    if not spans:
        return []
    old = np.vstack([_vectors_of(c.passage, c.spans, sentence_vectors) for c in chosen])
    likeness = (_vectors_of(passage, spans, sentence_vectors) @ old.T).max(axis=1)
    fresh: list[Span] = []
    for span, like in zip(spans, likeness.tolist(), strict=True):
        if like >= NEAR_COPY:
            break
        fresh.append(span)
    return fresh


def _vectors_of(
    passage: Passage, spans: Sequence[Span], sentence_vectors: Callable[[Passage], Vectors]
) -> Vectors:
    wanted = set(spans)
    return sentence_vectors(passage)[[n for n, span in enumerate(passage.sentences) if span in wanted]]


def _belongs(passage: Passage, lead: Passage) -> bool:
    """True for a passage that goes on with the lead's subject and is neither it nor a boundary."""
    if passage.kind == "boundary" or passage.passage_id == lead.passage_id:
        return False
    if lead.topics or passage.topics:
        return bool(set(lead.topics) & set(passage.topics))
    return True


def _number(chosen: Sequence[_Choice], references: dict[str, Reference]) -> Answer:
    sentences: list[AnswerSentence] = []
    citations: list[Citation] = []
    for n, choice in enumerate(chosen, 1):
        previous: Span | None = None
        for span in choice.spans:
            opens = previous is None or _paragraph_break(choice.passage, previous, span)
            text = reading_form(choice.passage.quote(span))
            aside = choice.is_aside and previous is None
            sentences.append(AnswerSentence(text, (n,), span.is_item, opens, aside))
            previous = span
        citations.append(_citation(n, choice, references))
    return Answer(tuple(sentences), tuple(citations))


def _citation(n: int, choice: _Choice, references: dict[str, Reference]) -> Citation:
    passage, spans = choice.passage, choice.spans
    start, end = spans[0].start, spans[-1].end
    labels = [references[key].label for key in passage.references if key in references]
    return Citation(
        n=n,
        passage_id=passage.passage_id,
        document=passage.document_id,
        kind=passage.kind,
        title=passage.title,
        heading=" › ".join(passage.heading),
        topics=passage.topics,
        quote=passage.text[start - passage.start : end - passage.start],
        start=start,
        end=end,
        page=passage.page,
        spans=tuple((s.start, s.end) for s in spans),
        evidence=tuple(dict.fromkeys(labels)) or ("practice",),
    )


def _paragraph_break(passage: Passage, left: Span, right: Span) -> bool:
    return "\n" in passage.text[left.end - passage.start : right.start - passage.start]


def _words(choice: _Choice) -> int:
    return sum(_span_words(choice.passage, s) for s in choice.spans)


def _span_words(passage: Passage, span: Span) -> int:
    return count_words(passage.quote(span))
