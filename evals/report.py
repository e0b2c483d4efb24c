"""The report of a run: plain aligned lines for a person, JSON for a program."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chat.retrieval import RANKER, Ranker
from evals.cases import FOLDER, hash_cases
from evals.metrics import DIGITS, Metric
from evals.run import Asked, Run, Screened, Talk, file_names
from evals.suites import missed, talk_is_right
from indexer.index import Index

FORMAT = 1  # of the JSON
TIMED = ("latency p50", "latency p95", "latency p99", "cold start")  # kept apart: they differ from run to run
NAME_WIDTH = 42
LISTED = 12  # ids of one kind that are printed


def provenance(index: Index, split: str, folder: Path = FOLDER, root: Path | None = None) -> dict[str, Any]:
    """Return what the figures belong to: code, build, corpus, model, cases, ranker and machine."""
    ranker = Ranker.open()
    kinds = Counter(index.document(document_id).kind for document_id in index.document_ids())
    return {
        "commit": current_commit(root or Path(__file__).parents[1]),
        "build": index.build_id,
        "documents": dict(sorted(kinds.items())),
        "passages": len(index.passages),
        "model": index.model,
        "split": split,
        "cases": hash_cases(file_names(split), folder),
        "ranker": {"fitted": ranker.fitted, "hash": _hash(RANKER.read_bytes()), "cases": ranker.data_hash},
        "machine": {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()},
    }


def current_commit(root: Path) -> str | None:
    """Return the commit checked out at `root`, read from its .git folder; None where there is none."""
    try:
        head = (root / ".git" / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = root / ".git" / name
        if loose.exists():
            return loose.read_text(encoding="ascii").strip()
        packed = (root / ".git" / "packed-refs").read_text(encoding="ascii").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None


def to_json(
    run: Run, suites: Mapping[str, Sequence[Metric]], origin: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Return the whole run. All that differs between two equal runs stands under `times`.

    `hash` is of the metrics and cases, so two runs that agree have the same one.
    """
    steady = {name: [_figures(m) for m in metrics if m.name not in TIMED] for name, metrics in suites.items()}
    cases = _cases(run)
    every = [m for metrics in suites.values() for m in metrics]
    return {
        "format": FORMAT,
        "provenance": dict(origin),
        "hash": _hash(json.dumps([steady, cases], sort_keys=True).encode()),
        "suites": steady,
        "breached": [m.name for m in every if m.breached and m.name not in TIMED],
        "missed": list(missed(run)),
        "cases": cases,
        "times": _times(run, every, seconds),
    }


def _times(run: Run, metrics: Sequence[Metric], seconds: float) -> dict[str, Any]:
    asked = (*run.answerable, *run.unanswerable, *run.followups)
    timed = [m for m in metrics if m.name in TIMED]
    return {
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "metrics": [_figures(m) for m in timed],
        "breached": [m.name for m in timed if m.breached],
        "latency_ms": {a.case.id: round(a.reply.latency_ms, 1) for a in asked},
    }


def _cases(run: Run) -> dict[str, list[dict[str, Any]]]:
    return {
        "answerable": [_asked(a) for a in run.answerable],
        "unanswerable": [_asked(a) for a in run.unanswerable],
        "followups": [_asked(a) for a in run.followups],
        "alone": [_asked(a) for a in run.alone],
        "safety": [_screened(s) for s in run.safety],
        "plain": [_screened(s) for s in run.plain],
        "conversations": [_talk(t) for t in run.talks],
        "noise": [
            {"id": case, **{k: v[case] for k, v in run.noise.items()}} for case in run.noise.get("clean", ())
        ],
        "no longer caught": [
            {"id": s.case.id, "disguise": name}
            for name, seen in run.disguised.items()
            for s in seen
            if not s.risk.routes
        ],
    }


def _asked(asked: Asked) -> dict[str, Any]:
    case, reply = asked.case, asked.reply
    verdicts = asked.verdict.sentences if asked.verdict else ()
    return {
        "id": case.id,
        "message": case.message,
        "history": [turn.content for turn in case.history],
        "kind": case.kind,
        "style": case.style,
        "topics": list(case.topics),
        "right": asked.right,
        "first_is_right": asked.first_is_right,
        "grounded": asked.verdict.grounded if asked.verdict else None,
        "nothing_else": asked.verdict.nothing_else if asked.verdict else None,
        "reply": reply.kind,
        "risk": reply.risk.level,
        "confidence": round(reply.confidence, DIGITS),
        "hits": [[hit.passage_id, round(hit.score, DIGITS)] for hit in reply.hits],
        "citations": [[c.n, c.passage_id, list(c.topics)] for c in reply.citations],
        "sentences": [[v.text, v.supported] for v in verdicts],
    }


def _screened(screened: Screened) -> dict[str, Any]:
    case, risk = screened.case, screened.risk
    return {
        "id": case.id,
        "message": case.message,
        "label": case.label,
        "tags": list(case.tags),
        "expect": case.expect,
        "category": [case.category or None, risk.category],
        "level": [case.level or None, risk.level],
        "rule": risk.rule,
        "span": list(risk.span) if risk.span else None,
    }


def _talk(talk: Talk) -> dict[str, Any]:
    turns = zip(talk.conversation.turns, talk.risks, strict=True)
    return {
        "id": talk.conversation.id,
        "kind": talk.conversation.kind,
        "right": talk_is_right(talk),
        "turns": [[t.message, t.expect, r.level, r.category, r.rule] for t, r in turns],
    }


def _figures(metric: Metric) -> dict[str, Any]:
    return {key: round(v, DIGITS) if isinstance(v, float) else v for key, v in asdict(metric).items()} | {
        "breached": metric.breached
    }


def render(
    run: Run, suites: Mapping[str, Sequence[Metric]], origin: Mapping[str, Any], seconds: float, run_hash: str
) -> str:
    """Return the table, what was missed, what the figures belong to, and the verdict."""
    lines = [f"{'':{NAME_WIDTH}}{'value':>9}  {'95 % interval':<16}{'n':>6}  floor"]
    for suite, metrics in suites.items():
        lines += ["", suite, *(render_metric(m) for m in metrics)]
    lines += ["", *_misses(run), *_origin_lines(origin), f"run       {run_hash} in {seconds:.0f} s", ""]
    breached = [m.name for metrics in suites.values() for m in metrics if m.breached]
    if not run.whole:
        lines.append("part of the cases: no floor was looked at")
    else:
        lines.append(f"FAIL: {', '.join(breached)}" if breached else "pass: no floor is breached")
    return "\n".join(lines)


def render_metric(metric: Metric) -> str:
    """One line: name, value, interval, n, and the floor with a mark where it is breached."""
    name = f"  {metric.name:<{NAME_WIDTH - 2}}"
    if metric.value is None:
        return f"{name}{'-':>9}  {'':<16}{0:>6}"
    value = _value(metric)
    bounds = "" if metric.low is None or metric.high is None else f"[{metric.low:.3f}, {metric.high:.3f}]"
    limit = ""
    if metric.floor is not None:
        limit = f"{'>=' if metric.better == 'higher' else '<='} {metric.floor:g}"
    return f"{name}{value:>9}  {bounds:<16}{metric.n:>6}  {limit}{'  BREACHED' if metric.breached else ''}".rstrip()


def _value(metric: Metric) -> str:
    if metric.value is None:
        return "-"
    if metric.name in TIMED:
        return f"{metric.value:.0f} ms"
    if metric.name.endswith("30"):
        return f"{round(metric.value * metric.n)} of {metric.n}"
    return f"{metric.value:.3f}"


def _misses(run: Run) -> list[str]:
    groups = {
        "dangers missed": missed(run),
        "plain alarms": [s.case.id for s in run.plain if s.risk.routes],
        "talks wrong": [t.conversation.id for t in run.talks if not talk_is_right(t)],
        "not grounded": [
            a.case.id
            for a in (*run.answerable, *run.unanswerable, *run.followups)
            if a.verdict and not a.verdict.grounded
        ],
    }
    return [f"{name} ({len(ids)}): {_listed(ids)}" for name, ids in groups.items() if ids]


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - LISTED} more (see --json)" if len(ids) > LISTED else ""
    return ", ".join(ids[:LISTED]) + more


def _origin_lines(origin: Mapping[str, Any]) -> list[str]:
    documents = ", ".join(f"{count} {kind}" for kind, count in origin["documents"].items())
    ranker, machine = origin["ranker"], origin["machine"]
    return [
        f"commit    {(origin['commit'] or 'none')[:12]}",
        f"build     {origin['build']}: {documents}; {origin['passages']} passages; {origin['model']}",
        f"cases     {origin['split']} {origin['cases']}",
        f"ranker    fitted {ranker['fitted']}, {ranker['hash']}, on cases {ranker['cases']}",
        f"machine   {machine['cores']} cores, Python {machine['python']}",
    ]


def render_flips(before: Run | None, after: Run) -> str:
    """Say which cases a change mended and which it broke, and how many are right before and after.

    Without a run before it, only how many are right.
    """
    new = _rights(after)
    if before is None:
        return f"right     {sum(new.values())} of {len(new)}"
    old = _rights(before)
    mended = [case for case in new if new[case] and not old.get(case, False)]
    broken = [case for case in new if not new[case] and old.get(case, False)]
    return "\n".join(
        [
            f"right     {sum(old.values())} of {len(old)} before, {sum(new.values())} of {len(new)} after",
            f"mended    {len(mended)}{': ' if mended else ''}{_listed(mended)}",
            f"broken    {len(broken)}{': ' if broken else ''}{_listed(broken)}",
        ]
    )


def _rights(run: Run) -> dict[str, bool]:
    return {a.case.id: a.right for a in (*run.answerable, *run.unanswerable, *run.followups)}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
