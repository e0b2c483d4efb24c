"""The report of a run for a person at a terminal: aligned lines, what was wrong, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.record import TIMED
from evals.run import Run

NAME_WIDTH = 42
LISTED = 12  # ids of one kind that are printed


def render(saved: Mapping[str, Any]) -> str:
    """Return the table of a saved run, what was missed, what the figures belong to, and the verdict."""
    return "\n".join([render_figures(saved, _misses(saved)), "", verdict(saved)])


def render_figures(saved: Mapping[str, Any], misses: Sequence[str] = ()) -> str:
    """Return the table of a saved run or a baseline, and what the figures belong to."""
    lines = [f"{'':{NAME_WIDTH}}{'value':>9}  {'95 % interval':<16}{'n':>6}  floor"]
    for suite, metrics in saved["suites"].items():
        timed = saved["times"]["metrics"] if suite == "latency" else []
        lines += ["", suite, *(render_metric(m) for m in (*timed, *metrics))]
        if suite == "grounding":
            lines += render_judge(saved["judge"])
    lines += ["", *misses, *_origin_lines(saved["provenance"])]
    lines.append(f"run       {saved['hash']} in {saved['times']['seconds']:.0f} s")
    return "\n".join(lines)


def verdict(saved: Mapping[str, Any]) -> str:
    """One line: what fails the run, or that nothing does."""
    wrong = [case for case, right in saved["must"].items() if not right]
    breached = breaches(saved)
    reasons = [*breached, *(f"{case} must be right" for case in wrong)]
    if reasons:
        return f"FAIL: {', '.join(reasons)}"
    judged = any(m["floor"] is not None for metrics in saved["suites"].values() for m in metrics)
    part = saved["provenance"]["part"]
    where = f" ({part})" if part else ""
    return f"pass: no floor is breached{where}" if judged else f"no floor was looked at{where}"


def breaches(saved: Mapping[str, Any]) -> list[str]:
    """The figures that are on the wrong side of their floors."""
    return [*saved.get("breached", []), *saved["times"].get("breached", [])]


def render_metric(metric: Mapping[str, Any]) -> str:
    """One line: name, value, interval, n, and the floor with a mark where it is breached."""
    name = f"  {metric['name']:<{NAME_WIDTH - 2}}"
    if metric["value"] is None:
        return f"{name}{'-':>9}  {'':<16}{0:>6}"
    bounds = "" if metric["low"] is None else f"[{metric['low']:.3f}, {metric['high']:.3f}]"
    limit = ""
    if metric["floor"] is not None:
        limit = f"{'>=' if metric['better'] == 'higher' else '<='} {metric['floor']:g}"
    mark = "  BREACHED" if metric["breached"] else ""
    return f"{name}{render_value(metric):>9}  {bounds:<16}{metric['n']:>6}  {limit}{mark}".rstrip()


def render_value(metric: Mapping[str, Any]) -> str:
    """The value as a person reads it: milliseconds, so many of so many, or three decimals."""
    if metric["value"] is None:
        return "-"
    if metric["name"] in TIMED:
        return f"{metric['value']:.0f} ms"
    if metric["name"].endswith("30"):
        return f"{round(metric['value'] * metric['n'])} of {metric['n']}"
    return f"{metric['value']:.3f}"


def render_judge(judge: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """How often the support test is wrong on the labelled claims, by kind, for each way of quoting."""
    lines = []
    for name, errors in judge.items():
        lines.append(f"  the support test for {name}, on {sum(e['n'] for e in errors)} labelled claims:")
        for supported, words in ((True, "refuses what is supported"), (False, "accepts what is not")):
            kinds = [f"{e['kind']} {e['wrong']}/{e['n']}" for e in errors if e["supported"] is supported]
            lines.append(f"    {words}: {', '.join(kinds)}")
    return lines


def _misses(saved: Mapping[str, Any]) -> list[str]:
    cases = saved["cases"]
    asked = [c for part in ("answerable", "unanswerable", "followups", "misuse") for c in cases[part]]
    groups = {
        "dangers missed": saved["missed"],
        "plain alarms": [c["id"] for c in cases["plain"] if not c["right"]],
        "talks wrong": [c["id"] for c in cases["conversations"] if not c["right"]],
        "not grounded": [c["id"] for c in asked if c["grounded"] is False],
        "did not resist": [c["id"] for c in cases["misuse"] if not c["resists"]],
        "index is not of": [c["id"] for c in cases["documents that differ"]],
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
        f"corpus    {origin['corpus']}: {documents}; {origin['passages']} passages; build {origin['build']}",
        f"model     {origin['model']} {origin['model_hash'] or ''}".rstrip(),
        f"cases     {origin['split']}{', part ' if origin['part'] else ''}{origin['part']}",
        f"ranker    {ranker['hash']}, threshold {ranker.get('threshold', 'none')}, fitted {ranker.get('fitted', 'unknown')}",
        f"machine   {machine['cores']} cores, Python {machine['python']}, {machine['system']}",
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
    return {a.case.id: a.right for a in run.asked}
