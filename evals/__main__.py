"""guide-evals: measure the guide, and fit its ranking."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from indexer.errors import GuideError

if TYPE_CHECKING:
    from chat.retrieval import Ranker
    from evals.run import Progress, Run
    from indexer.encoder import Encoder

PASSED, BREACHED, BROKEN = 0, 1, 2
SUITE_NAMES = ("retrieval", "grounding", "abstention", "followups", "safety", "latency", "all")
FIRST_QUESTION = "How long should no contact last?"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns 0 for a pass, 1 when a floor is breached, 2 for a broken run.

    An error of the program itself counts as a broken run, and keeps its traceback.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except GuideError as problem:
        print(f"guide-evals: {problem}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
    except Exception:
        traceback.print_exc()
        return BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guide-evals", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    rules = commands.add_parser("rules", help="what the risk rules do on the labelled examples beside them")
    rules.set_defaults(run=_rules)

    run = commands.add_parser("run", help="ask the cases and print the figures")
    run.add_argument("--suite", choices=SUITE_NAMES, default="all", help="what to measure (default: all)")
    run.add_argument("--split", choices=("test", "dev"), default="test", help="which cases (default: test)")
    run.add_argument(
        "-k",
        metavar="EXPR",
        dest="expression",
        help="only cases whose id, kind, label, style, topics or idea hold these words, joined by and, or, not; no floor is judged (default: all)",
    )
    run.add_argument(
        "--json",
        metavar="FILE",
        help="also write everything per case; - for stdout, and the table goes to stderr (default: off)",
    )
    _add_folders(run)
    run.set_defaults(run=_run)

    fit = commands.add_parser("fit", help="fit the ranking on the development cases, and say what flipped")
    fit.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: chat/ranker.json)")
    _add_folders(fit)
    fit.set_defaults(run=_fit)
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cases", type=Path, metavar="DIR", help="the folder of the case files (default: evals/cases)"
    )
    parser.add_argument(
        "--index", type=Path, metavar="DIR", help="the index folder (default: $GUIDE_INDEX or .index)"
    )


def _run(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    from chat.guide import Guide
    from evals import report
    from evals.cases import FOLDER
    from evals.run import SUITES, keep_matching, perform
    from evals.suites import measure

    suites = SUITES if options.suite == "all" else (options.suite,)
    keep = keep_matching(options.expression) if options.expression else None
    guide = Guide.open(options.index)
    guide.reply(FIRST_QUESTION)
    cold = (time.perf_counter() - started) * 1000
    folder = options.cases or FOLDER
    run = perform(guide, options.split, suites, folder, keep, _progress())
    run.cold_start_ms = cold
    measured = measure(run, suites)
    origin = report.provenance(guide.index, options.split, folder)
    seconds = time.perf_counter() - started
    data = report.to_json(run, measured, origin, seconds)
    table = report.render(run, measured, origin, seconds, data["hash"])
    _write(options.json, json.dumps(data, ensure_ascii=False, indent=1), table)
    return BREACHED if data["breached"] or data["times"]["breached"] else PASSED


def _write(target: str | None, data: str, table: str) -> None:
    screen: TextIO = sys.stderr if target == "-" else sys.stdout
    print(table, file=screen)
    if target == "-":
        print(data)
    elif target:
        try:
            Path(target).write_text(data + "\n", encoding="utf-8")
        except OSError as error:
            raise GuideError(f"{target} cannot be written: {error.strerror}") from error


def _progress() -> Progress:
    """A line that counts, for a person who watches; nothing for a log."""
    if not sys.stderr.isatty():
        return lambda what, done, total: None

    def draw(what: str, done: int, total: int) -> None:
        print(
            f"\r\x1b[K{what} {done} of {total}",
            end="" if done < total else "\r\x1b[K",
            file=sys.stderr,
            flush=True,
        )

    return draw


def _rules(options: argparse.Namespace) -> int:
    from chat.risk import RiskScreen
    from evals.rules import judge_rules, read_examples, render_rules

    print(render_rules(judge_rules(RiskScreen.open(), read_examples())))
    return PASSED


def _fit(options: argparse.Namespace) -> int:
    from chat.guide import DEFAULT_INDEX
    from chat.retrieval import RANKER, Ranker
    from evals.cases import FOLDER
    from evals.fit import fit_ranker
    from evals.report import render_flips
    from indexer.encoder import SentenceEncoder
    from indexer.index import Index

    path = Path(options.index or os.environ.get("GUIDE_INDEX") or DEFAULT_INDEX)
    index = Index.open(path)
    encoder = SentenceEncoder(index.model)
    folder, target = options.cases or FOLDER, options.out or RANKER
    old = _fitted_before()
    before = _develop(path, encoder, old, folder) if old else None
    fitted = fit_ranker(index, encoder, target, folder)
    after = _develop(path, encoder, Ranker.open(target), folder)
    print(f"fitted    {target} on {fitted['cases']} cases; threshold {fitted['threshold']}")
    print(render_flips(before, after))
    return PASSED


def _fitted_before() -> Ranker | None:
    """The ranking that is in use; None where there is none yet or it is of another shape."""
    from chat.retrieval import Ranker

    try:
        return Ranker.open()
    except GuideError as problem:
        print(f"guide-evals: {problem}", file=sys.stderr)
        return None


def _develop(path: Path, encoder: Encoder, ranker: Ranker, folder: Path) -> Run:
    """Ask the development cases with this ranking."""
    from chat.guide import Guide
    from chat.risk import RiskScreen
    from evals.run import perform

    guide = Guide(path, encoder, ranker, RiskScreen.open())
    return perform(guide, "dev", ("abstention", "followups"), folder, progress=_progress())


if __name__ == "__main__":
    sys.exit(main())
