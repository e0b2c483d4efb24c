"""What a question finds, passage by passage, and by which signs: for an editor who wonders."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.encoder import Vectors
from indexer.index import VIEW_KINDS, Index

NEAREST = 4096  # wordings looked through for the nearest one of each passage
SHOWN = 80  # characters of a wording in print


@dataclass(frozen=True, slots=True)
class Wording:
    """A text by which a passage can be found, and how near the question is to it."""

    passage_id: str
    kind: str  # text, heading or question
    text: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with the signs that it is judged by."""

    passage_id: str
    score: float | None  # the signs joined, 0..1; None where there is no ranker
    dense: float  # the best cosine of its views
    lexical: float  # BM25 of the shared words, 0 for none
    views: dict[str, float]  # the best cosine of each kind of view
    nearest: Wording | None  # None for a passage that only its words found
    topics: tuple[str, ...]
    cited: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the guide does with the question, asked as the first of a conversation."""

    kind: str  # answer, boundary, abstain, referral, smalltalk or clarify
    confidence: float  # of the ranking, whether or not the risk screen lets it come to that
    threshold: float  # below this confidence it does not answer
    risk: str  # "none", or level and category: "crisis, self_harm"
    scores: tuple[tuple[str, float], ...]  # passage id and joined score, best first
    cited: tuple[str, ...]  # ids of the passages that the reply cites


@dataclass(frozen=True, slots=True)
class Lookup:
    """All that one question finds."""

    question: str
    outcome: Outcome | None  # None where the guide could not be asked
    hits: tuple[Found, ...]
    wordings: tuple[Wording, ...]  # the nearest of all, best first


def look_up(index: Index, question: str, vector: Vectors, hits: int, outcome: Outcome | None) -> Lookup:
    """Return the first `hits` passages in the guide's order.

    Without an outcome: the `hits` nearest ones, then those that share the most words.
    """
    dense, lexical = index.dense(vector)[0], index.lexical(question)
    views = [Wording(*view) for view in index.nearest_views(vector, NEAREST)]
    nearest: dict[str, Wording] = {}
    for view in views:
        nearest.setdefault(view.passage_id, view)
    if outcome:
        scores: dict[str, float] = dict(outcome.scores[:hits])
        rows = [index.row(passage_id) for passage_id in scores]
    else:
        scores = {}
        rows = dense.max(axis=1).argsort()[::-1][:hits].tolist()
        by_words = lexical.argsort()[::-1][:hits].tolist()
        rows += [row for row in by_words if lexical[row] > 0 and row not in rows]
    found = []
    for row in rows:
        passage = index.passages[row]
        cosines = zip(VIEW_KINDS, dense[row].tolist(), strict=True)
        found.append(
            Found(
                passage_id=passage.passage_id,
                score=scores.get(passage.passage_id),
                dense=float(dense[row].max()),
                lexical=float(lexical[row]),
                views={kind: cosine for kind, cosine in cosines if cosine > -1},
                nearest=nearest.get(passage.passage_id),
                topics=passage.topics,
                cited=bool(outcome and passage.passage_id in outcome.cited),
            )
        )
    return Lookup(question, outcome, tuple(found), tuple(views[:hits]))


def render_lookup(lookup: Lookup) -> str:
    """The lookup as lines to read."""
    lines = _outcome_lines(lookup.outcome) if lookup.outcome else []
    joined = bool(lookup.outcome)
    lines.append(f"{'score':>7} " * joined + f"{'dense':>7} {'lexical':>8}  passage")
    indent = " " * (25 if joined else 17)
    for hit in lookup.hits:
        score = f"{hit.score:7.3f} " if hit.score is not None else ""
        cited = "  (cited)" if hit.cited else ""
        lines.append(f"{score}{hit.dense:7.3f} {hit.lexical:8.2f}  {hit.passage_id}{cited}")
        views = ", ".join(f"{kind} {cosine:.3f}" for kind, cosine in hit.views.items())
        lines.append(f"{indent}{views}; topics: {', '.join(hit.topics) or 'none'}")
        if hit.nearest:
            lines.append(f'{indent}nearest {hit.nearest.kind}: "{_cut(hit.nearest.text)}"')
    lines.append("nearest wordings:")
    lines += [f"{w.cosine:7.3f} {w.kind:>8}  {_cut(w.text)}  ({w.passage_id})" for w in lookup.wordings]
    return "\n".join(lines)


def _outcome_lines(outcome: Outcome) -> list[str]:
    side = "at or above" if outcome.confidence >= outcome.threshold else "below"
    return [
        f"would do    {outcome.kind}: {_reason(outcome)}",
        f"confidence  {outcome.confidence:.3f}, {side} the threshold {outcome.threshold:.3f}",
        f"risk        {outcome.risk}",
    ]


def _reason(outcome: Outcome) -> str:
    sure = outcome.confidence >= outcome.threshold
    match outcome.kind:
        case "referral":
            return "the risk screen comes before anything that is found"
        case "smalltalk" | "clarify":
            return "a fixed reply, without looking anything up"
        case "boundary":
            return "a boundary fits best" if sure else "not sure enough to answer, and a boundary fits"
        case "abstain":
            return "no answer may be shown" if sure else "not sure enough to answer, and no boundary fits"
        case _:
            return "sure enough, from the passages marked as cited"


def _cut(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHOWN else f"{words[: SHOWN - 3].rstrip()}..."
