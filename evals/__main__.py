"""guide-evals: measure the guide, hold it against a baseline, and explain what it does."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from evals import SUITES, USUAL_SUITES
from indexer.errors import GuideError

if TYPE_CHECKING:
    from chat.guide import Guide
    from chat.retrieval import Ranker
    from evals.cases import CaseSource
    from evals.compare import Comparison
    from evals.run import Asked, Keep, Progress, Run, Screened
    from indexer.encoder import Encoder

PASSED, REGRESSED, BROKEN = 0, 1, 2
FIRST_QUESTION = "How long should no contact last?"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns 0 for a pass, 1 for a regression, 2 for a broken run.

    A regression is a breached floor, a figure worse than the baseline's by more than chance, or a
    wrong reply to a case that must be right. An error of the program itself counts as a broken
    run, and keeps its traceback.
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
    _add_run(commands.add_parser("run", help="ask the cases and print the figures"))
    _add_report(commands.add_parser("report", help="print a saved run, and write its page"))
    _add_explain(
        commands.add_parser("explain", help="what happened to one case, and why it is right or wrong")
    )
    _add_diff(commands.add_parser("diff", help="which replies changed between two builds of the index"))
    _add_compare(commands.add_parser("compare", help="hold one saved run against another"))
    _add_baseline(commands.add_parser("baseline", help="save or show the run that new ones are held against"))

    rules = commands.add_parser("rules", help="what the risk rules do on the labelled examples beside them")
    rules.set_defaults(run=_rules)

    fuzz = commands.add_parser(
        "fuzz", help="whether odd messages make the risk screen fail, or harmless words hide danger from it"
    )
    fuzz.add_argument(
        "--count", type=_positive, default=10_000, metavar="N", help="messages (default: 10000)"
    )
    fuzz.add_argument(
        "--rules-only", action="store_true", help="without the second net: seconds instead of minutes"
    )
    fuzz.set_defaults(run=_fuzz)

    fit = commands.add_parser("fit", help="fit the ranking on the development cases, and say what flipped")
    fit.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: where it is used)")
    other = fit.add_mutually_exclusive_group()
    other.add_argument(
        "--adapter",
        action="store_true",
        help="train the adapter of the search first, build the index anew, then fit the ranking (some minutes)",
    )
    other.add_argument(
        "--net",
        action="store_true",
        help="train the second net of the risk screen instead, and say which messages flipped (some minutes)",
    )
    other.add_argument(
        "--all", action="store_true", help="the adapter, the ranking and the net, from scratch"
    )
    fit.add_argument(
        "--corpus",
        type=Path,
        default=Path(os.environ.get("GUIDE_CORPUS", "corpus")),
        metavar="DIR",
        help="whose wordings the adapter learns, and the net as harmless (default: $GUIDE_CORPUS or corpus)",
    )
    _add_cases(fit)
    _add_index(fit)
    fit.set_defaults(run=_fit)
    return parser


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return number


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--suite",
        choices=(*SUITES, "all"),
        action="append",
        help="what to measure; may be given several times (default: all but robustness, the slowest)",
    )
    run.add_argument("--split", choices=("test", "dev"), default="test", help="which cases (default: test)")
    run.add_argument(
        "-k",
        metavar="EXPR",
        dest="expression",
        help="only cases whose id, kind, label, style, topics or idea hold these words, joined by and, or, not; no floor is judged (default: all)",
    )
    run.add_argument(
        "--quick",
        action="store_true",
        help="every tenth case and those that must be right; no floor is judged (default: off)",
    )
    run.add_argument(
        "-x",
        dest="stop",
        action="store_true",
        help="stop at the first case that is wrong, and was right in the baseline where there is one (default: off)",
    )
    run.add_argument(
        "--json",
        metavar="FILE",
        help="save the run; - for stdout, and the table goes to stderr (default: off)",
    )
    run.add_argument("--html", metavar="FILE", type=Path, help="also write the page (default: off)")
    run.add_argument("--junit", metavar="FILE", type=Path, help="also write JUnit XML (default: off)")
    run.add_argument(
        "--floors",
        type=Path,
        metavar="FILE",
        help="the worst values that pass (default: evals/floors.json for the cases beside it)",
    )
    run.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="the run to hold this one against (default: evals/baseline.json for the cases beside it)",
    )
    run.add_argument(
        "--corpus",
        type=Path,
        metavar="DIR",
        help="the folder that the index was built from (default: $GUIDE_CORPUS or corpus for the default index)",
    )
    _add_cases(run)
    _add_index(run)
    run.set_defaults(run=_run)


def _add_report(report: argparse.ArgumentParser) -> None:
    report.add_argument("saved", type=Path, metavar="RUN", help="a run saved with --json")
    report.add_argument("--html", type=Path, metavar="FILE", help="write the page there (default: off)")
    report.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="the run to hold it against (default: evals/baseline.json where that is of the same cases)",
    )
    report.set_defaults(run=_report)


def _add_explain(explain: argparse.ArgumentParser) -> None:
    explain.add_argument("case", metavar="CASE", help="the id of a case")
    explain.add_argument(
        "--split", choices=("test", "dev"), default="test", help="where to look first (default: test)"
    )
    _add_cases(explain)
    _add_index(explain)
    explain.set_defaults(run=_explain)


def _add_diff(diff: argparse.ArgumentParser) -> None:
    for name, words in (("--before", "the older"), ("--after", "the newer")):
        diff.add_argument(
            name,
            type=Path,
            required=True,
            metavar="BUILD",
            help=f"{words} build: an index folder, or a folder in its builds/ (default: none; needed)",
        )
    diff.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="plain questions, one a line, asked besides the cases (default: evals/cases/questions.txt)",
    )
    diff.add_argument(
        "--quick", action="store_true", help="every tenth case only, and all plain questions (default: off)"
    )
    diff.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page, side by side (default: off)"
    )
    _add_cases(diff)
    diff.set_defaults(run=_diff)


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("base", type=Path, metavar="BASE", help="the older saved run")
    compare.add_argument("new", type=Path, metavar="NEW", help="the newer saved run")
    compare.add_argument(
        "--across",
        metavar="KEYS",
        default="",
        help="what may differ, joined by commas: corpus, cases, model, model_hash, split, part (default: nothing)",
    )
    compare.set_defaults(run=_compare)


def _add_baseline(baseline: argparse.ArgumentParser) -> None:
    actions = baseline.add_subparsers(required=True, metavar="ACTION")
    save = actions.add_parser(
        "save", help="make a saved run the baseline, and put its figures into the README"
    )
    save.add_argument("saved", type=Path, metavar="RUN", help="a run saved with --json")
    save.set_defaults(run=_save_baseline)
    show = actions.add_parser("show", help="print the figures of the baseline")
    show.set_defaults(run=_show_baseline)


def _add_cases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cases",
        type=Path,
        metavar="PATH",
        help="a folder of case files, or one file with all cases (default: evals/cases)",
    )


def _add_index(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--index", type=Path, metavar="DIR", help="the index folder (default: $GUIDE_INDEX or .index)"
    )


# run


def _run(options: argparse.Namespace) -> int:
    from evals import report
    from evals.baseline import BASELINE
    from evals.junit import render_junit
    from evals.page import render_page
    from evals.record import write_run
    from evals.suites import FLOORS

    source = _source(options)
    own = options.cases is None
    floors = options.floors or (FLOORS if own and source.split == "test" else None)
    base = _open_base(options.baseline or (BASELINE if own else None), must=options.baseline is not None)
    saved = _measured(options, source, floors, base)
    if saved is None:
        return REGRESSED
    comparison, compared = _held_against(base, saved)
    screen: TextIO = sys.stderr if options.json == "-" else sys.stdout
    print("\n".join(part for part in (report.render(saved), compared) if part), file=screen)
    if options.json == "-":
        print(json.dumps(saved, ensure_ascii=False, indent=1))
    elif options.json:
        write_run(Path(options.json), saved)
    if options.junit:
        _write_text(options.junit, render_junit(saved, _known(base)))
    if options.html:
        _write_text(options.html, render_page(saved, comparison))
    failed = (
        bool(comparison and comparison.regressed)
        or bool(report.breaches(saved))
        or not all(saved["must"].values())
    )
    return REGRESSED if failed else PASSED


def _measured(
    options: argparse.Namespace, source: CaseSource, floors: Path | None, base: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Ask everything and return the run to be saved; None where -x ended it."""
    started = time.perf_counter()
    from evals.claims import read_claims
    from evals.provenance import provenance
    from evals.record import record
    from evals.run import Stopped, perform
    from evals.suites import measure

    suites = _suites(options)
    guide = _open_guide(options.index)
    cold = (time.perf_counter() - started) * 1000
    stop = _stop_at(base) if options.stop else (lambda found: False)
    try:
        run = perform(
            guide,
            source,
            suites,
            corpus=_corpus(options),
            keep=_keep(options),
            progress=progress_of(sys.stderr),
            stop=stop,
        )
    except Stopped as stopped:
        print(f"stopped at {stopped.case.id}. See why with: guide-evals explain {stopped.case.id}")
        return None
    run.cold_start_ms = cold
    origin = provenance(guide.index, source, _part(options))
    claims = () if source.is_file else read_claims(source.path)
    return record(run, measure(run, suites, floors), claims, origin, time.perf_counter() - started)


def _open_guide(index: Path | None) -> Guide:
    from chat.guide import Guide

    guide = Guide.open(index)
    guide.reply(FIRST_QUESTION)
    return guide


def _source(options: argparse.Namespace) -> CaseSource:
    from evals.cases import FOLDER, CaseSource

    return CaseSource(options.cases or FOLDER, options.split)


def _corpus(options: argparse.Namespace) -> Path | None:
    """The folder that the index was built from; None where nobody says which it is."""
    if options.corpus or options.index:
        return options.corpus if options.corpus is None else Path(options.corpus)
    default = Path(os.environ.get("GUIDE_CORPUS", "corpus"))
    return default if default.is_dir() else None


def _keep(options: argparse.Namespace) -> Keep | None:
    from evals.run import keep_matching, keep_some

    if options.expression:
        return keep_matching(options.expression)
    return keep_some() if options.quick else None


def _suites(options: argparse.Namespace) -> list[str]:
    wanted = options.suite or USUAL_SUITES
    return [suite for suite in SUITES if suite in wanted or "all" in wanted]


def _part(options: argparse.Namespace) -> str:
    """Which of the cases are asked, in words; empty for all of them."""
    found = _suites(options)
    if not options.suite:
        suites = ["without", *(suite for suite in SUITES if suite not in found)]
    else:
        suites = sorted(found) if len(found) < len(SUITES) else []
    words = [f"-k {options.expression}" if options.expression else "quick" if options.quick else "", *suites]
    return " ".join(word for word in words if word)


def _stop_at(base: dict[str, Any] | None) -> Callable[[Asked | Screened], bool]:
    """A test for -x: wrong, and no case that the baseline has wrong as well."""
    known = _known(base)
    return lambda found: not found.right and known.get(found.case.id, True)


def _known(base: dict[str, Any] | None) -> dict[str, bool]:
    """Whether the baseline has a case right, by its id."""
    return {case: right for part in (base["right"].values() if base else ()) for case, right in part.items()}


def _write_text(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GuideError(f"{path} cannot be written: {error.strerror}") from error


def _open_base(path: Path | None, must: bool) -> dict[str, Any] | None:
    from evals.record import read_run

    return read_run(path) if path and (must or path.exists()) else None


def _held_against(base: dict[str, Any] | None, saved: dict[str, Any]) -> tuple[Comparison | None, str]:
    """What the run changed against the baseline, and that in words.

    A part of the cases is compared too; another corpus, model or other cases are named and not compared.
    """
    from evals.compare import NotComparable, compare, render_comparison

    if base is None:
        return None, ""
    try:
        found = compare(base, saved, across=("part",))
    except NotComparable as problem:
        return None, f"\nbaseline  not compared: {'; '.join(problem.differences.values())}"
    return found, f"\nagainst the baseline\n{render_comparison(found)}"


def progress_of(stream: TextIO) -> Progress:
    """A bar for a person who watches, one line for each finished part for a log."""
    if not stream.isatty():
        return lambda what, done, total: (
            print(f"asked {what}: {total}", file=stream, flush=True) if done == total else None
        )
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def draw(what: str, done: int, total: int) -> None:
        bar = bars.get(what) or bars.setdefault(what, tqdm(total=total, desc=what, leave=False, file=stream))
        bar.update(done - bar.n)
        if done == total:
            bars.pop(what).close()

    return draw


# report, explain, diff, compare, baseline


def _report(options: argparse.Namespace) -> int:
    from evals import report
    from evals.baseline import BASELINE
    from evals.page import render_page
    from evals.record import read_run

    saved = read_run(options.saved)
    base = _open_base(options.baseline or BASELINE, must=options.baseline is not None)
    comparison, compared = _held_against(base, saved)
    print("\n".join(part for part in (report.render(saved), compared) if part))
    if options.html:
        _write_text(options.html, render_page(saved, comparison))
    return PASSED


def _explain(options: argparse.Namespace) -> int:
    from evals.cases import CaseError, CaseSource
    from evals.explain import explain, find_case
    from evals.run import Questioner

    source = _source(options)
    try:
        stem, case = find_case(source, options.case)
    except CaseError:
        source = CaseSource(source.path, "dev" if source.split == "test" else "test")
        stem, case = find_case(source, options.case)
    print(explain(Questioner(_open_guide(options.index), source), stem, case))
    return PASSED


def _diff(options: argparse.Namespace) -> int:
    from evals.cases import FOLDER
    from evals.diff import QUESTIONS, diff_builds, every_question, read_questions, render_diff
    from evals.run import keep_some

    keep = keep_some() if options.quick else None
    questions = every_question(options.cases or FOLDER, keep) + read_questions(options.questions or QUESTIONS)
    found = diff_builds(options.before, options.after, questions, progress_of(sys.stderr))
    print(render_diff(found))
    if options.html:
        from evals.page import render_diff_page

        _write_text(options.html, render_diff_page(found))
    return PASSED


def _compare(options: argparse.Namespace) -> int:
    from evals.compare import compare, render_comparison
    from evals.record import read_run

    across = [key.strip() for key in options.across.split(",") if key.strip()]
    found = compare(read_run(options.base), read_run(options.new), across)
    print(render_comparison(found))
    return REGRESSED if found.regressed else PASSED


def _save_baseline(options: argparse.Namespace) -> int:
    from evals.baseline import BASELINE, PAGES, save_baseline
    from evals.record import read_run

    saved = read_run(options.saved)
    save_baseline(saved, pages=PAGES)
    print(
        f"baseline  {saved['hash']} saved in {BASELINE}; the README, the guide's pages and the history say so"
    )
    return PASSED


def _show_baseline(options: argparse.Namespace) -> int:
    from evals import report
    from evals.baseline import BASELINE, open_baseline

    saved = open_baseline()
    if saved is None:
        raise GuideError(f"No baseline at {BASELINE}. Save one with: guide-evals baseline save RUN")
    print(report.render_figures(saved))
    return PASSED


# rules, fit


def _rules(options: argparse.Namespace) -> int:
    from chat.risk import RiskScreen
    from evals.rules import judge_rules, read_examples, render_rules

    print(render_rules(judge_rules(RiskScreen.open(), read_examples())))
    return PASSED


def _fuzz(options: argparse.Namespace) -> int:
    from chat.risk import RiskScreen
    from evals.cases import CaseSource
    from evals.fuzz import fuzz_screen
    from indexer.encoder import SentenceEncoder

    screen = RiskScreen.open(None if options.rules_only else SentenceEncoder())
    faults = fuzz_screen(screen, CaseSource(split="dev").cases("safety"), options.count)
    for fault in faults:
        print(f"{fault.kind}: {fault.alone} -> {fault.found}: {fault.message!r}")
    errors = sum(fault.kind == "error" for fault in faults)
    print(f"{options.count} messages: {errors} failures, {len(faults) - errors} levels lowered")
    return REGRESSED if faults else PASSED


def _fit(options: argparse.Namespace) -> int:
    if options.out and (options.adapter or options.all):
        raise GuideError("--out is for one file: the ranking, or with --net the net.")
    if options.adapter or options.all:
        _fit_adapter(options)
    if not options.net:
        _fit_ranking(options)
    if options.net or options.all:
        _fit_net(options)
    return PASSED


def _fit_adapter(options: argparse.Namespace) -> None:
    from chat.guide import DEFAULT_INDEX
    from evals.fit_adapter import fit_adapter
    from indexer.build import build_index
    from indexer.encoder import SentenceEncoder

    facts = fit_adapter(options.corpus)
    print(f"fitted    the adapter on {facts['wordings']} wordings (hash {facts['data_hash']})")
    path = Path(options.index or os.environ.get("GUIDE_INDEX") or DEFAULT_INDEX)
    report = build_index(options.corpus, path, SentenceEncoder())
    print(f"built     {report.build_id} with it")


def _fit_ranking(options: argparse.Namespace) -> None:
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


def _fit_net(options: argparse.Namespace) -> None:
    from chat.net import NET, RiskNet
    from chat.risk import RiskScreen
    from chat.rulebook import Rulebook
    from evals.cases import FOLDER, read_cases
    from evals.fit_net import fit_net, render_screen_flips, screen_cases
    from indexer.encoder import SentenceEncoder

    cases = read_cases("safety-dev", options.cases or FOLDER)
    encoder = SentenceEncoder()
    target = options.out or NET
    before = screen_cases(RiskScreen.open(encoder), cases)
    facts = fit_net(options.corpus, target)
    net = RiskNet.open(encoder.name, target)
    after = screen_cases(RiskScreen(Rulebook(), net, encoder.read), cases)
    for name, value in facts.items():
        print(f"{name:<22}{', '.join(value) if isinstance(value, tuple) else value}")
    print(render_screen_flips(cases, before, after))


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
    from evals.cases import CaseSource
    from evals.run import perform

    guide = Guide(path, encoder, ranker, RiskScreen.open())
    source = CaseSource(folder, "dev")
    return perform(guide, source, ("abstention", "followups"), progress=progress_of(sys.stderr))


if __name__ == "__main__":
    sys.exit(main())
