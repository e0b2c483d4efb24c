"""A run as it is saved: figures, the scores behind them, every case, and what they belong to.

Plain JSON, read and written here only. All that differs between two equal runs stands under
`times`, so two runs of the same thing are equal byte for byte without it.
"""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.cases import MISUSE_KINDS
from evals.claims import SUPPORT_TESTS, Claim, errors_by_kind
from evals.metrics import DIGITS, Metric
from evals.run import Asked, Run, Screened, Talk
from evals.suites import missed, talk_is_right
from indexer.errors import GuideError

FORMAT = 2  # of the JSON
TIMED = ("latency p50", "latency p95", "latency p99", "cold start")  # kept apart: they differ from run to run
ASKED_PARTS = ("answerable", "unanswerable", "followups", "misuse")
BRIEF = ("format", "provenance", "hash", "suites", "scores", "clusters", "judge", "must", "right", "missed")


def record(
    run: Run,
    suites: Mapping[str, Sequence[Metric]],
    claims: Sequence[Claim],
    origin: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """Return the whole run. `hash` is of figures, scores and cases: runs that agree have the same one."""
    every = [m for metrics in suites.values() for m in metrics]
    steady = {
        "suites": {
            name: [_figures(m) for m in metrics if m.name not in TIMED] for name, metrics in suites.items()
        },
        "scores": {m.name: _scores(m) for m in every if m.statistic and m.scores},
        "clusters": _clusters(every),
        "judge": judge_errors(claims),
        "must": run.must_be_right(),
        "right": right_by_part(run),
        "missed": list(missed(run)),
        "cases": _cases(run),
    }
    return {
        "format": FORMAT,
        "provenance": dict(origin),
        "hash": hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()[:12],
        "breached": [m.name for m in every if m.breached and m.name not in TIMED],
        **steady,
        "times": _times(run, every, seconds),
    }


def brief(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a baseline needs of a saved run: no words of cases or replies."""
    short = {key: saved[key] for key in BRIEF}
    times = saved["times"]
    return {**short, "times": {key: times[key] for key in ("seconds", "peak_memory_mb", "metrics")}}


def write_run(path: Path, saved: Mapping[str, Any], indent: int | None = 1) -> None:
    """Write a saved run; raise `GuideError` where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(saved, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    except OSError as error:
        raise GuideError(f"{path} cannot be written: {error.strerror}") from error


def read_run(path: Path) -> dict[str, Any]:
    """Return a saved run; raise `GuideError` where it is missing or of another format."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GuideError(
            f"{path} cannot be read: {error.strerror}. Save a run with: guide-evals run --json {path}"
        ) from error
    except ValueError as error:
        raise GuideError(f"{path} is no saved run: {error}") from error
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise GuideError(
            f"{path} was not saved by this version of guide-evals. Save it anew with: guide-evals run --json {path}"
        )
    return saved


def judge_errors(claims: Sequence[Claim]) -> dict[str, list[dict[str, Any]]]:
    """How often each support test is wrong, kind by kind; empty where there are no labelled claims."""
    if not claims:
        return {}
    return {
        name: [
            {"kind": e.kind, "supported": e.supported, "wrong": e.wrong, "n": e.n, "ids": list(e.ids)}
            for e in errors_by_kind(claims, test)
        ]
        for name, test in SUPPORT_TESTS.items()
    }


def right_by_part(run: Run) -> dict[str, dict[str, bool]]:
    """For each kind of case, which are right."""
    return {
        **{part: {a.case.id: a.right for a in getattr(run, part)} for part in ASKED_PARTS[:3]},
        "misuse": {a.case.id: a.resists for a in run.misuse},
        "first": {a.case.id: a.resists if a.case.kind in MISUSE_KINDS else a.right for a in run.first},
        "safety": {s.case.id: s.right for s in (*run.must, *run.safety)},
        "plain": {s.case.id: not s.risk.routes for s in run.plain},
        "conversations": {t.conversation.id: talk_is_right(t) for t in run.talks},
    }


def _times(run: Run, metrics: Sequence[Metric], seconds: float) -> dict[str, Any]:
    timed = [m for m in metrics if m.name in TIMED]
    return {
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "metrics": [_figures(m) for m in timed],
        "breached": [m.name for m in timed if m.breached],
        "latency_ms": {a.case.id: round(a.reply.latency_ms, 1) for a in run.asked},
    }


def _figures(metric: Metric) -> dict[str, Any]:
    names = ("name", "value", "low", "high", "n", "better", "floor", "statistic")
    plain = {name: getattr(metric, name) for name in names}
    return {k: round(v, DIGITS) if isinstance(v, float) else v for k, v in plain.items()} | {
        "breached": metric.breached
    }


def _scores(metric: Metric) -> dict[str, float | list[float]]:
    """What each case counts: its value, and its weight where that is not 1."""
    return {
        s.case: _short(s.value) if s.weight == 1.0 else [_short(s.value), _short(s.weight)]
        for s in metric.scores
    }


def _short(value: float) -> float:
    return int(value) if float(value).is_integer() else round(value, DIGITS)


def _clusters(metrics: Iterable[Metric]) -> dict[str, str]:
    """The cluster of each case that shares one."""
    return {s.case: s.cluster for m in metrics for s in m.scores if s.cluster and s.cluster != s.case}


def _cases(run: Run) -> dict[str, list[dict[str, Any]]]:
    return {
        **{part: [_asked(a) for a in getattr(run, part)] for part in ASKED_PARTS},
        "first": [_asked(a) for a in run.first],
        "alone": [_asked(a) for a in run.alone],
        "safety": [_screened(s) for s in (*run.must, *run.safety)],
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
        "documents that differ": [{"id": name} for name, same in run.documents.items() if not same],
    }


def _asked(asked: Asked) -> dict[str, Any]:
    case, reply = asked.case, asked.reply
    verdicts = asked.verdict.sentences if asked.verdict else ()
    supported = [v.supported for v in verdicts]
    return {
        "id": case.id,
        "message": case.message,
        "history": [turn.content for turn in case.history],
        "kind": case.kind,
        "style": case.style,
        "gate": case.gate,
        "must": case.must,
        "topics": list(case.topics),
        "documents": list(case.documents),
        "forbidden": list(case.forbidden),
        "right": asked.right,
        "resists": asked.resists,
        "first_is_right": asked.first_is_right,
        "grounded": asked.verdict.grounded if asked.verdict else None,
        "nothing_else": asked.verdict.nothing_else if asked.verdict else None,
        "reply": reply.kind,
        "text": reply.text,
        "risk": reply.risk.level,
        "confidence": round(reply.confidence, DIGITS),
        "hits": [[hit.passage_id, round(hit.score, DIGITS)] for hit in reply.hits],
        "citations": [
            {
                "n": c.n,
                "passage": c.passage_id,
                "document": c.document,
                "title": c.title,
                "heading": c.heading,
                "topics": list(c.topics),
                "quote": c.quote,
                "start": c.start,
                "end": c.end,
            }
            for c in reply.citations
        ],
        "sentences": [
            {
                "text": s.text,
                "citations": list(s.citations),
                "supported": supported[n] if n < len(supported) else None,
                "nugget": asked.carrying[n] if n < len(asked.carrying) else None,
            }
            for n, s in enumerate(reply.sentences)
        ],
        "nuggets": [
            {"id": n.id, "text": n.text, "found": found}
            for n, found in zip(case.nuggets, asked.found, strict=False)
        ],
    }


def _screened(screened: Screened) -> dict[str, Any]:
    case, risk = screened.case, screened.risk
    return {
        "id": case.id,
        "message": case.message,
        "label": case.label,
        "tags": list(case.tags),
        "must": case.must,
        "expect": case.expect,
        "right": screened.right if case.expect else not risk.routes,
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
