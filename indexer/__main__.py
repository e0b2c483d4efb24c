"""guide-index: build, check and look into the index."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import GuideError

if TYPE_CHECKING:
    from indexer.build import BuildReport, Progress
    from indexer.encoder import SentenceEncoder
    from indexer.lint import CheckReport
    from indexer.show import Outcome

LISTED = 8  # how many ids of each kind of change are printed


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns 0 when it worked and 1 for an explained problem."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except GuideError as problem:
        print(f"guide-index: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output went away, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("guide-index: stopped; the served build is as it was.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guide-index", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="read the corpus, embed what is new, publish the index")
    _add_folders(build)
    build.add_argument(
        "--model",
        help="a sentence-transformers model, name or folder (default: $GUIDE_MODEL or all-MiniLM-L6-v2)",
    )
    build.add_argument("--json", action="store_true", help="print the report as JSON (default: words)")
    build.add_argument(
        "--diff",
        action="store_true",
        help="then ask some hundred questions of this build and the one before, and show which replies changed (default: off)",
    )
    build.set_defaults(run=_build)

    check = commands.add_parser(
        "check", help="look for faults in the corpus; exit code 1 where there are any"
    )
    _add_folders(check)
    check.add_argument(
        "--fix",
        action="store_true",
        help="first mend white space, line ends and curly quotes in Markdown files (default: change nothing)",
    )
    check.add_argument(
        "--deep",
        action="store_true",
        help="embed the texts that the index does not have, to compare all wordings (default: compare none then)",
    )
    check.add_argument(
        "--json", action="store_true", help="print the findings as JSON (default: a line each)"
    )
    check.set_defaults(run=_check)

    show = commands.add_parser(
        "show", help="show what a question would find, why, and what the guide would do"
    )
    show.add_argument("question")
    _add_index(show)
    show.add_argument(
        "--hits", type=int, default=5, metavar="N", help="how many passages to show (default: 5)"
    )
    show.add_argument("--json", action="store_true", help="print all of it as JSON (default: words)")
    show.set_defaults(run=_show)
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    _add_corpus(parser)
    _add_index(parser)


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("GUIDE_CORPUS", "corpus")
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help="the folder of texts (default: $GUIDE_CORPUS or corpus)",
    )


def _add_index(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("GUIDE_INDEX", ".index")
    parser.add_argument(
        "--index",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help="the folder of the index (default: $GUIDE_INDEX or .index)",
    )


def _build(options: argparse.Namespace) -> int:
    from indexer.build import build_index
    from indexer.encoder import SentenceEncoder
    from indexer.store import current_build

    before = current_build(options.index)
    report = build_index(options.corpus, options.index, SentenceEncoder(options.model), _progress())
    for problem in report.problems:
        print(f"left out  {problem}", file=sys.stderr)
    if options.json:
        fields = asdict(report) | {"problems": [str(p) for p in report.problems]}
        print(json.dumps(fields, indent=2))
    else:
        print(_report_words(report))
    if options.diff:
        print(_what_changed(options.index, before, report))
    return 1 if report.problems else 0


def _what_changed(index: Path, before: str | None, report: BuildReport) -> str:
    """Which replies are not what they were before this build, in words."""
    if not before or not report.published:
        return "replies   nothing to compare: " + ("the build is as it was" if before else "it is the first")
    from importlib import import_module

    # By name: the indexer knows nothing of the evals, which an editor may also run by themselves.
    return str(import_module("evals.diff").describe_edit(index, before))


def _report_words(report: BuildReport) -> str:
    lines = []
    for name, changes in (("documents", report.documents), ("passages", report.passages)):
        counts = ", ".join(
            f"{len(getattr(changes, kind))} {kind}" for kind in ("added", "changed", "removed", "unchanged")
        )
        lines.append(f"{name:<10}{counts}")
    for kind in ("added", "changed", "removed"):
        ids = getattr(report.documents, kind)
        lines += [f"  {kind:<8}{document_id}" for document_id in ids[:LISTED]]
        if len(ids) > LISTED:
            lines.append(f"  {kind:<8}and {len(ids) - LISTED} more")
    lines.append(f"vectors   {report.embedded} embedded, {report.reused} reused")
    state = "published" if report.published else "already served, nothing to publish"
    lines.append(f"build     {report.build_id} {state}")
    if report.problems:
        lines.append(f"problems  {len(report.problems)} files left out, named above")
    return "\n".join(lines)


def _progress() -> Progress:
    """A progress bar for a person, a line now and then for a log."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        bar = tqdm(total=0, unit="text", desc="embedding", leave=False)

        def draw(done: int, total: int) -> None:
            bar.total = total
            bar.n = done
            bar.refresh()
            if done == total:
                bar.close()

        return draw

    def say(done: int, total: int) -> None:
        if done == total or done % 640 == 0:
            print(f"embedded {done} of {total} texts", file=sys.stderr, flush=True)

    return say


def _check(options: argparse.Namespace) -> int:
    from indexer.encoder import SentenceEncoder
    from indexer.lint import check_corpus
    from indexer.lint_fix import mend_folder

    mended = mend_folder(options.corpus) if options.fix else []
    report = check_corpus(options.corpus, date.today(), options.index, SentenceEncoder(), deep=options.deep)
    if options.json:
        print(json.dumps(asdict(report) | {"mended": [asdict(m) for m in mended]}, indent=2))
    else:
        for line in (*mended, *report.findings):
            print(line)
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    print(_check_words(report), file=sys.stderr)
    return 1 if report.findings else 0


def _check_words(report: CheckReport) -> str:
    count = len(report.findings)
    words = "nothing found" if not count else "1 finding" if count == 1 else f"{count} findings"
    if report.accepted:
        words += f", {len(report.accepted)} accepted with a reason"
    if report.reading:
        words += (
            f"; reading grade {report.reading.median:.1f} in the middle, {report.reading.highest:.1f} at most"
        )
    return words


def _show(options: argparse.Namespace) -> int:
    from indexer.encoder import SentenceEncoder
    from indexer.index import Index
    from indexer.show import look_up, render_lookup

    index = Index.open(options.index)
    encoder = SentenceEncoder(index.model)
    vector = encoder.encode([options.question])
    outcome = _outcome(options.index, encoder, options.question)
    lookup = look_up(index, options.question, vector, options.hits, outcome)
    print(json.dumps(asdict(lookup), indent=2) if options.json else render_lookup(lookup))
    return 0


def _outcome(path: Path, encoder: SentenceEncoder, question: str) -> Outcome | None:
    """What the guide does with the question; None, with a note, where it cannot be opened."""
    from importlib import import_module

    from indexer.encoder import reader_of
    from indexer.show import Outcome

    try:
        # By name, and only here: the indexer knows nothing of the chat and works without it, but an
        # editor who wonders about a question asks about the ranking and the reply, which live there.
        chat, retrieval = import_module("chat.guide"), import_module("chat.retrieval")
        guide = chat.Guide.open(path, encoder)
        ranker = retrieval.Ranker.open().for_index(guide.index)
    except (ImportError, GuideError) as problem:
        print(f"note: no joined score and no confidence. {problem}", file=sys.stderr)
        return None
    retriever = retrieval.Retriever(guide.index, ranker)
    ranking = retriever.rank(retriever.query(question, reader_of(encoder)))
    reply = guide.reply(question)
    return Outcome(
        kind=reply.kind,
        confidence=ranking.confidence,
        threshold=ranker.threshold,
        risk=", ".join(filter(None, (reply.risk.level, reply.risk.category))),
        scores=tuple((p.passage_id, s) for p, s in zip(ranking.passages, ranking.scores, strict=True)),
        cited=tuple(citation.passage_id for citation in reply.citations),
    )


if __name__ == "__main__":
    sys.exit(main())
