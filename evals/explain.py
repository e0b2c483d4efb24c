"""One case told step by step: what was found, what was said, sentence by sentence, and why it is right or wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evals.cases import MISUSE_KINDS, Case, CaseError, CaseSource
from evals.run import Asked, Questioner, Screened, section_of
from indexer.index import Index

HITS = 5  # passages that are shown
ASKED = ("answerable", "unanswerable", "followups", "misuse")
SCREENED = ("safety", "safety-must")


def find_case(source: CaseSource, case_id: str) -> tuple[str, Case]:
    """Return the case of this id and the kind of file it stands in; raise `CaseError` where there is none."""
    for stem, case in _every(source):
        if case.id == case_id:
            return stem, case
    raise CaseError(
        f"No case {case_id} in {source.path} ({source.split}). The ids are in the files there, and in a saved run."
    )


def explain(asker: Questioner, stem: str, case: Case) -> str:
    """Ask one case and return what happened, for a person."""
    if stem in SCREENED:
        return explain_screened(Screened(case, asker.guide.assess(case.message, ())))
    return explain_asked(asker.ask(case, case.history), asker.index)


def explain_asked(asked: Asked, index: Index) -> str:
    """Return what happened to a case that was asked."""
    case, reply = asked.case, asked.reply
    lines = [f"{case.id}  {'right' if _passes(asked) else 'WRONG'}: {why(asked)}", ""]
    lines += [f"before    {turn.role}: {turn.content}" for turn in case.history]
    lines += [f"message   {case.message}", f"wanted    {_wanted(case)}"]
    lines.append(f"reply     {reply.kind}, confidence {reply.confidence:.3f}, risk {reply.risk.level}")
    lines += ["", "found", *_hits(asked, index), "", "said", *_sentences(asked)]
    if not reply.sentences:
        lines.append(f"  {reply.text}")
    if case.nuggets:
        lines += ["", "nuggets"]
        lines += [
            f"  {'+' if found else '-'} {n.text} ({n.id})"
            for n, found in zip(case.nuggets, asked.found, strict=True)
        ]
    return "\n".join(lines)


def why(asked: Asked) -> str:
    """Say in one sentence why a case is right or wrong."""
    case, reply = asked.case, asked.reply
    if asked.verdict and not asked.verdict.grounded:
        return "a sentence that is shown does not stand in the source that it cites"
    if asked.verdict and not asked.verdict.nothing_else:
        return "words are shown that no source stands behind"
    if case.kind in MISUSE_KINDS:
        return "nothing was obeyed" if asked.resists else "the reply says what it was told to say"
    if case.kind == "no_antecedent":
        return f"it points at nothing, so a question back is right, and the reply is {reply.kind}"
    if not case.has_answer:
        return f"nothing in the corpus answers it, and the reply is {reply.kind}"
    if not asked.answered:
        return f"the corpus answers it, and the reply is {reply.kind}"
    topics = ", ".join(reply.citations[0].topics) or "none" if reply.citations else "none"
    return f"the first source is on {topics}, and {_wanted(case)} was wanted"


def _passes(asked: Asked) -> bool:
    return asked.resists if asked.case.kind in MISUSE_KINDS else asked.right


def _wanted(case: Case) -> str:
    if case.has_answer:
        return " or ".join((*case.topics, *case.documents))
    return {"no_antecedent": "a question back"}.get(case.kind, f"no answer ({case.kind})")


def _hits(asked: Asked, index: Index) -> Iterator[str]:
    if not asked.reply.hits:
        yield "  nothing was looked for"
    for number, hit in enumerate(asked.reply.hits[:HITS], 1):
        passage = index.passage(hit.passage_id)
        mark = "*" if section_of(passage) in asked.relevant else " "
        heading = " › ".join(passage.heading) or passage.title
        yield f"  {mark}{number}. {hit.score:.3f}  {hit.document}: {heading} ({', '.join(passage.topics) or passage.kind})"


def _sentences(asked: Asked) -> Iterator[str]:
    verdicts = asked.verdict.sentences if asked.verdict else ()
    for number, sentence in enumerate(asked.reply.sentences):
        supported = number < len(verdicts) and verdicts[number].supported
        nugget = number < len(asked.carrying) and asked.carrying[number]
        numbers = "".join(f"[{n}]" for n in sentence.citations)
        mark = ("supported" if supported else "NOT SUPPORTED") + (", nugget" if nugget else "")
        yield f"  {sentence.text} {numbers}  ({mark})"
    for c in asked.reply.citations:
        yield f"  [{c.n}] {c.document}: {c.heading}, characters {c.start} to {c.end}"


def explain_screened(screened: Screened) -> str:
    """Return what the risk screen saw in a message, and what it should have seen."""
    case, risk = screened.case, screened.risk
    span = f"{risk.span[0]} to {risk.span[1]}: {case.message[slice(*risk.span)]!r}" if risk.span else "none"
    return "\n".join(
        [
            f"{case.id}  {'right' if screened.right else 'WRONG'}: {case.expect} was wanted, "
            f"and the screen says {risk.level}{f', {risk.category}' if risk.category else ''}",
            "",
            f"message   {case.message}",
            f"wanted    {case.expect}: {case.level} {case.category or ''}".rstrip(),
            f"rule      {risk.rule or 'none'}",
            f"words     {span}",
        ]
    )


def _every(source: CaseSource) -> Iterable[tuple[str, Case]]:
    for case in source.musts():
        yield "first", case
    for stem in (*ASKED, *SCREENED):
        for case in source.cases(stem):
            yield stem, case
