"""The plots of the report, drawn by matplotlib as SVG that takes its colours from the page.

matplotlib knows no style sheets, so each plot is drawn in stand-in colours, which are then replaced
by the page's variables: the same picture is readable on light and on dark. Text stays text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from evals.intervals import ECE_BINS, bins_of

# Stand-in colours and the variables of the page that they become.
INK, MUTED, GRID, ACCENT, BAD, BAND = "#010203", "#020304", "#030405", "#040506", "#050607", "#060708"
_COLOURS = {INK: "--ink", MUTED: "--muted", GRID: "--line", ACCENT: "--accent", BAD: "--bad", BAND: "--band"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "guide-evals",  # the same plot has the same ids in every run
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_ID = re.compile(r'(\bid="|url\(#|href="#)')
WIDTH = 5.0  # inches; a phone shows a plot of this width at about its real size


def forest(rows: Sequence[Mapping[str, Any]]) -> str:
    """Each figure as a dot with its interval, the floor as a bar and the baseline as a ring.

    `rows`: name, value, low, high, floor, base; every number in 0..1 or None.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))[::-1]
        for place, row in zip(places, rows, strict=True):
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [place, place], color=ACCENT, linewidth=2)
            axes.plot([row["value"]], [place], "o", color=BAD if row["breached"] else ACCENT, markersize=6)
            if row["floor"] is not None:
                axes.plot([row["floor"]] * 2, [place - 0.32, place + 0.32], color=BAD, linewidth=1.5)
            if row["base"] is not None:
                axes.plot([row["base"]], [place], "o", mfc="none", mec=INK, markersize=10)
        axes.set_yticks(places, [row["name"] for row in rows])
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="y", visible=False)

    told = "; ".join(f"{row['name']} {row['value']:.2f}" for row in rows)
    return _svg("figures", f"Headline figures with their intervals: {told}", draw, 0.9 + 0.3 * len(rows))


def risk_coverage(pairs: Sequence[tuple[float, float]], threshold: float | None) -> str:
    """Share wrong among the replies that are at least so confident, against how many those are.

    `pairs`: confidence, and 1 where the best passage was right. The dot is where the guide stands.
    """
    order = sorted(pairs, reverse=True)
    right = np.array([good for _, good in order])
    coverage = np.arange(1, len(order) + 1) / len(order)
    risk = np.cumsum(1 - right) / np.arange(1, len(order) + 1)
    kept = sum(confidence >= threshold for confidence, _ in order) if threshold is not None else 0

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot(coverage, risk, color=ACCENT, linewidth=2)
        if kept:
            axes.plot([coverage[kept - 1]], [risk[kept - 1]], "o", color=BAD, markersize=7)
            axes.annotate("the threshold", (coverage[kept - 1], risk[kept - 1]), xytext=(-10, 10), textcoords="offset points", ha="right")  # fmt: skip
        axes.set_xlabel("share of messages answered")
        axes.set_ylabel("share of these wrong")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(0.05, float(risk.max()) * 1.15))

    place = f"; at the threshold {coverage[kept - 1]:.0%} and {risk[kept - 1]:.0%}" if kept else ""
    told = f"Risk and coverage: answering all messages, {risk[-1]:.0%} are wrong{place}"
    return _svg("risk", told, draw, 3.2)


def reliability(pairs: Sequence[tuple[float, float]]) -> str:
    """What was so against what the confidence said, bin by bin; the size of a dot is the number of messages."""
    confidence, truth = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    bins = bins_of(confidence)
    points = [
        (confidence[bins == b].mean(), truth[bins == b].mean(), int((bins == b).sum()))
        for b in range(ECE_BINS)
        if (bins == b).any()
    ]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        sizes = [20 + 180 * n / len(pairs) for _, _, n in points]
        axes.scatter([p[0] for p in points], [p[1] for p in points], s=sizes, color=ACCENT)
        axes.set_xlabel("confidence")
        axes.set_ylabel("share that has an answer")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(-0.02, 1.04)

    told = "; ".join(f"confidence {c:.2f}: {t:.2f} of {n}" for c, t, n in points)
    return _svg("reliability", f"Reliability of the confidence, by bin: {told}", draw, 3.2)


def trend(name: str, points: Sequence[tuple[str, float, float | None, float | None]]) -> str:
    """One figure over the saved runs, with its interval. `points`: date, value, low, high; oldest first."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(points))
        known = [(n, low, high) for n, (_, _, low, high) in enumerate(points) if low is not None]
        if known:
            axes.fill_between([n for n, _, _ in known], [low for _, low, _ in known], [high for _, _, high in known], color=BAND, linewidth=0)  # fmt: skip
        axes.plot(places, [value for _, value, _, _ in points], "o-", color=ACCENT, linewidth=2, markersize=4)
        ends = [0, len(points) - 1] if len(points) > 1 else [0]
        axes.set_xticks(ends, [points[n][0] for n in ends])
        axes.set_xlim(-0.4, max(0.4, len(points) - 0.6))
        axes.set_ylim(-0.03, 1.03)
        axes.set_title(name, loc="left", fontsize=11)

    told = ", ".join(f"{date} {value:.2f}" for date, value, _, _ in points)
    return _svg(f"trend-{name}", f"{name} over the saved runs: {told}", draw, 1.9)


def _svg(name: str, told: str, draw: Any, height: float) -> str:
    """Draw on a figure of its own and return it as an element of the page, with `told` as its name."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, f"var({variable})")
    slug = re.sub(r"\W+", "-", name)
    svg = _ID.sub(rf"\g<1>{slug}-", svg)  # several plots stand on one page
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    return f'{head} role="img" class="plot" aria-label="{escape(told, quote=True)}">{rest}'
