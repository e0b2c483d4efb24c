"""The report as one HTML file: figures, plots, flips and every failing case. It asks no other host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals import plots
from evals.baseline import HEADLINES, read_history
from evals.cases import STYLES
from evals.compare import Comparison
from evals.diff import Difference
from evals.grounding import norm, whole_sentences
from evals.record import ASKED_PARTS
from evals.report import breaches, render_value, verdict

TEMPLATES = Path(__file__).with_name("page")
SHADES = 5  # of the heat map
TITLES = {
    "answerable": "Questions with an answer",
    "unanswerable": "Questions without one",
    "followups": "Follow-ups",
    "misuse": "Misuse",
    "first": "What must be right",
    "safety": "Risk screen",
    "plain": "Ordinary messages",
    "conversations": "Conversations",
}


def render_page(
    saved: Mapping[str, Any],
    comparison: Comparison | None,
    history: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """Return the report of a saved run. `comparison`: against the baseline, None where there is none."""
    lines = read_history() if history is None else history
    metrics = {m["name"]: m for found in saved["suites"].values() for m in found}
    base = {c.name: c.old for c in comparison.changes} if comparison else {}
    changes = {c.name: c for c in comparison.changes} if comparison else {}
    flips = {f.case: f.fixed for f in comparison.flips} if comparison else {}
    return _render(
        "report.html",
        saved=saved,
        verdict=verdict(saved),
        failed=verdict(saved).startswith("FAIL") or bool(comparison and comparison.regressed),
        breaches=breaches(saved),
        comparison=comparison,
        changes=changes,
        suites=saved["suites"],
        timed=saved["times"]["metrics"],
        value=render_value,
        headline=_headline_plot(metrics, base),
        heat=heat_map(saved["cases"]["answerable"]),
        styles=STYLES,
        confidence_plots=_confidence_plots(saved),
        trends=_trends(lines, metrics, saved),
        groups=_groups(saved["cases"], flips),
        titles=TITLES,
        flips=flips,
        judge=saved["judge"],
    )


def render_diff_page(difference: Difference) -> str:
    """Return what an edit did to the replies as a page: both side by side, the changed words marked."""
    return _render("diff.html", difference=difference)


def heat_map(cases: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Topic -> style -> how many cases are right, of how many, and the shade of the cell (0 to SHADES - 1).

    A case counts for its first topic; topics in order of their share, the worst first.
    """
    cells: dict[str, dict[str, list[bool]]] = {}
    for case in cases:
        topic = case["topics"][0] if case["topics"] else "no topic"
        cells.setdefault(topic, {}).setdefault(case["style"] or "plain", []).append(case["right"])
    order = sorted(cells, key=lambda t: (_share([r for right in cells[t].values() for r in right]), t))
    return {
        topic: {
            style: {
                "right": sum(right),
                "n": len(right),
                "shade": min(SHADES - 1, int(_share(right) * SHADES)),
            }
            for style, right in cells[topic].items()
        }
        for topic in order
    }


def mark_passage(
    citation: Mapping[str, Any], sentences: Sequence[Mapping[str, Any]]
) -> list[tuple[str, bool]]:
    """The sentences of a cited passage in order, each with whether a supported sentence of the reply says it."""
    shown = {norm(s["text"]) for s in sentences if s["supported"] and citation["n"] in s["citations"]}
    return [(sentence, sentence in shown) for sentence in whole_sentences(citation["quote"])]


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else 0.0


def _headline_plot(metrics: Mapping[str, Mapping[str, Any]], base: Mapping[str, float | None]) -> str:
    rows = [
        {**metrics[name], "base": base.get(name)}
        for name in HEADLINES
        if name in metrics and metrics[name]["value"] is not None and 0 <= metrics[name]["value"] <= 1
    ]
    return plots.forest(rows) if rows else ""


def _confidence_plots(saved: Mapping[str, Any]) -> list[tuple[str, str]]:
    scores = saved["scores"]
    found = []
    if scores.get("AURC"):
        threshold = saved["provenance"]["ranker"].get("threshold")
        found.append(("Risk and coverage", plots.risk_coverage(_pairs(scores["AURC"]), threshold)))
    if scores.get("ECE"):
        found.append(("Reliability of the confidence", plots.reliability(_pairs(scores["ECE"]))))
    return found


def _pairs(scores: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Confidence and label of each case; a label of 1 is not written out."""
    return [(float(s[0]), float(s[1])) if isinstance(s, list) else (float(s), 1.0) for s in scores.values()]


def _trends(
    history: Sequence[Mapping[str, Any]], metrics: Mapping[str, Mapping[str, Any]], saved: Mapping[str, Any]
) -> list[str]:
    """A small plot for each headline figure: the saved runs, and this one where it is not among them."""
    found = []
    new = not history or history[-1]["hash"] != saved["hash"]
    for name in HEADLINES:
        points = [(line["date"], *line["figures"][name]) for line in history if name in line["figures"]]
        if new and name in metrics and metrics[name]["value"] is not None:
            metric = metrics[name]
            points.append(("this run", metric["value"], metric["low"], metric["high"]))
        points = [p for p in points if p[1] is not None]
        if len(points) > 1 and all(-0.03 <= p[1] <= 1.03 for p in points):
            found.append(plots.trend(name, points))
    return found


def _groups(cases: Mapping[str, Any], flips: Mapping[str, bool]) -> dict[str, list[dict[str, Any]]]:
    """The cases that are wrong or have flipped, kind by kind, with their passages marked."""
    found: dict[str, list[dict[str, Any]]] = {}
    for part in TITLES:
        chosen = [c for c in cases.get(part, []) if not _passes(part, c) or c["id"] in flips]
        found[part] = [_told(part, case, flips.get(case["id"])) for case in chosen]
    return {part: told for part, told in found.items() if told}


def _passes(part: str, case: Mapping[str, Any]) -> bool:
    resisted = part == "misuse" or (part == "first" and case["forbidden"])
    return bool(case["resists"] if resisted else case["right"])


def _told(part: str, case: Mapping[str, Any], fixed: bool | None) -> dict[str, Any]:
    passages = [{**c, "parts": mark_passage(c, case["sentences"])} for c in case.get("citations", ())]
    flip = "" if fixed is None else "fixed" if fixed else "broken"
    asked = part in ASKED_PARTS or part == "first"
    return {
        **case,
        "part": part,
        "passages": passages,
        "flip": flip,
        "asked": asked,
        "passes": _passes(part, case),
    }


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values) + "\n"
