"""Two saved runs side by side: which figures moved further than chance, and which cases flipped.

Every figure that is made of cases is compared by the paired bootstrap over the cases that both
runs asked. A figure is worse when the whole interval of its change lies on the wrong side by more
than `DELTA`; the metric itself says which side that is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evals.intervals import paired_bootstrap
from evals.provenance import MUST_AGREE
from indexer.errors import GuideError

DELTA = 0.02  # a change that nobody would act on
SLOWER = 3.0  # times the baseline's median, on the same machine, before a run counts as slower
Verdict = Literal["worse", "better", "no change"]


class NotComparable(GuideError):
    """The runs are of different things, so a difference between them says nothing about the guide."""

    def __init__(self, differences: Mapping[str, str]) -> None:
        names = ",".join(differences)
        super().__init__(
            f"The two runs are not of the same thing: {'; '.join(differences.values())}. "
            f"Make both with the same, or compare all the same with: --across {names}"
        )
        self.differences = dict(differences)


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs. `difference` and its interval are new - old; None where it has none."""

    suite: str
    name: str
    better: str
    old: float | None
    new: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int  # cases that both runs asked
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Flip:
    """A case that is right in one of the runs only."""

    part: str
    case: str
    fixed: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run changed against a base."""

    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    must: tuple[str, ...]  # cases that must be right and are not, in the new run
    slower: float | None  # median of the new run / of the base; None on another machine
    differences: Mapping[str, str]  # what the runs do not have in common, and was let pass

    @property
    def worse(self) -> tuple[Change, ...]:
        return tuple(c for c in self.changes if c.verdict == "worse")

    @property
    def better(self) -> tuple[Change, ...]:
        return tuple(c for c in self.changes if c.verdict == "better")

    @property
    def regressed(self) -> bool:
        """True when a figure is worse, a case that must be right is wrong, or replies take far longer."""
        return bool(self.worse or self.must or (self.slower or 0) > SLOWER)


def compare(
    base: Mapping[str, Any],
    new: Mapping[str, Any],
    across: Collection[str] = (),
    delta: float = DELTA,
) -> Comparison:
    """Compare two saved runs; raise `NotComparable` where they differ in anything but `across`."""
    found = differences(base, new)
    barred = {key: words for key, words in found.items() if key not in across}
    if barred:
        raise NotComparable(barred)
    figures = {m["name"]: m for metrics in base["suites"].values() for m in metrics}
    changes = [
        _change(suite, figures[m["name"]], m, base, new, delta)
        for suite, metrics in new["suites"].items()
        for m in metrics
        if m["name"] in figures
    ]
    return Comparison(
        tuple(changes),
        flips(base, new),
        tuple(case for case, right in new["must"].items() if not right),
        _slowdown(base, new),
        found,
    )


def differences(base: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """What the two runs do not have in common, key by key, in words; empty when they can be compared."""
    old, own = base["provenance"], new["provenance"]
    return {
        key: _in_words(key, old.get(key), own.get(key)) for key in MUST_AGREE if old.get(key) != own.get(key)
    }


def flips(base: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Flip, ...]:
    """The cases that both runs asked and only one of them has right."""
    found = []
    for part, now in new["right"].items():
        before = base["right"].get(part, {})
        found += [
            Flip(part, case, right) for case, right in now.items() if case in before and before[case] != right
        ]
    return tuple(found)


def _in_words(key: str, old: Any, new: Any) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        return f"{key} ({', '.join(names)})"
    return f"{key} {old or 'none'} and {new or 'none'}"


def _change(
    suite: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    base: Mapping[str, Any],
    run: Mapping[str, Any],
    delta: float,
) -> Change:
    name, better = new["name"], new["better"]
    before, after = base["scores"].get(name, {}), run["scores"].get(name, {})
    cases = [case for case in after if case in before]
    found = None
    if new["statistic"] and cases:
        clusters = [run["clusters"].get(case, case) for case in cases]
        found = paired_bootstrap(clusters, new["statistic"], _pairs(before, cases), _pairs(after, cases))
    if found is None:
        return Change(suite, name, better, old["value"], new["value"], None, None, None, 0, "no change")
    difference, low, high = found
    sign = 1 if better == "higher" else -1
    bounds = sorted((sign * low, sign * high))
    verdict: Verdict = "worse" if bounds[1] < -delta else "better" if bounds[0] > delta else "no change"
    return Change(suite, name, better, old["value"], new["value"], difference, low, high, len(cases), verdict)


def _pairs(scores: Mapping[str, Any], cases: Sequence[str]) -> tuple[list[float], list[float]]:
    both = [scores[case] if isinstance(scores[case], list) else [scores[case], 1.0] for case in cases]
    return [float(value) for value, _ in both], [float(weight) for _, weight in both]


def _slowdown(base: Mapping[str, Any], new: Mapping[str, Any]) -> float | None:
    if base["provenance"]["machine"] != new["provenance"]["machine"]:
        return None
    medians = [
        next((m["value"] for m in run["times"]["metrics"] if m["name"] == "latency p50"), None)
        for run in (base, new)
    ]
    return medians[1] / medians[0] if medians[0] and medians[1] else None


def render_comparison(comparison: Comparison, listed: int = 12) -> str:
    """Return what changed in words and figures: the worse first, then the better, then the flips."""
    lines = [f"across    {words}" for words in comparison.differences.values()]
    for title, changes in (("worse", comparison.worse), ("better", comparison.better)):
        lines += [f"{title:<10}{render_change(c)}" for c in changes]
    same = len(comparison.changes) - len(comparison.worse) - len(comparison.better)
    lines.append(f"{'same':<10}{same} figures moved no further than chance")
    for title, fixed in (("fixed", True), ("broken", False)):
        ids = [f.case for f in comparison.flips if f.fixed is fixed]
        more = f" and {len(ids) - listed} more" if len(ids) > listed else ""
        lines.append(f"{title:<10}{len(ids)}{': ' if ids else ''}{', '.join(ids[:listed])}{more}")
    if comparison.must:
        lines.append(f"{'must':<10}wrong, and must be right: {', '.join(comparison.must)}")
    if comparison.slower is not None:
        mark = f", more than {SLOWER:g} times" if comparison.slower > SLOWER else ""
        lines.append(f"{'speed':<10}median reply {comparison.slower:.2f} times the base{mark}")
    return "\n".join(lines)


def render_change(change: Change) -> str:
    """One line: name, old and new value, the difference with its interval, and over how many cases."""
    if change.difference is None or change.low is None or change.high is None:
        return f"{change.name}: {change.old} -> {change.new}"
    return (
        f"{change.name}: {change.old:.3f} -> {change.new:.3f}, {change.difference:+.3f} "
        f"[{change.low:+.3f}, {change.high:+.3f}] over {change.n}"
    )
