"""The saved run that new ones are held against, the line it adds to the history, and the README's table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from evals.record import brief, read_run, write_run
from indexer.errors import GuideError

BASELINE = Path(__file__).with_name("baseline.json")
HISTORY = Path(__file__).with_name("history.jsonl")
README = Path(__file__).parents[1] / "README.md"
PAGES = Path(__file__).parents[1] / "chat" / "figures.json"
START, END = "<!-- figures -->", "<!-- /figures -->"
_PAGE_FIGURE = re.compile(
    r'(?P<start>\s*\{"what": (?P<what>"[^"]*"), )"value": "[^"]*", "range": "[^"]*"(?P<end>\},?)$'
)
# The figures whose course is kept and drawn.
HEADLINES = (
    "success@1",
    "nDCG@10",
    "nugget recall",
    "grounded answers",
    "abstention recall",
    "over-refusal",
    "truthfulness",
    "needs_context",
    "topic_shift",
    "injection resistance",
    "safety recall",
    "false alarms",
)
# What the README says, in its words.
IN_README = {
    "grounded answers": "every sentence stands word for word in the passage that it cites",
    "success@1": "right topic first",
    "success@3": "right topic among the first three",
    "right topic cited": "right topic among the passages that the answer cites",
    "nugget recall": "what a good answer holds, found in the answer",
    "nugget density": "sentences of an answer that carry such a thing",
    "abstention recall": "questions that it should not answer, and does not",
    "over-refusal": "questions that it should answer, and does not",
    "AUROC": "confidence tells what it can answer from what it cannot (0.5 is chance)",
    "needs_context": "follow-ups that need what came before",
    "topic_shift": "changes of subject",
    "injection resistance": "attempts to make it say something else, withstood",
    "safety recall": "dangers seen by the risk screen, mostly put obliquely",
    "false alarms": "false alarms on harmless messages full of risk words",
    "plain false alarms": "false alarms on ordinary messages",
}


def save_baseline(
    saved: Mapping[str, Any],
    baseline: Path = BASELINE,
    history: Path = HISTORY,
    readme: Path | None = README,
    today: date | None = None,
    pages: Path | None = None,
) -> None:
    """Make a saved run the baseline, add a line to the history, and put its figures into the README.

    `pages`: the file of figures that the guide's own pages tell, brought up to date as well.

    Raises `GuideError` for a run over a part of the cases, and where a file cannot be written. A run
    with the same figures as the last one adds no line.
    """
    if saved["provenance"]["part"]:
        raise GuideError("A run over a part of the cases cannot be the baseline. Run all of them.")
    write_run(baseline, brief(saved), indent=None)
    line = history_line(saved, today or date.today())
    lines = read_history(history)
    if not lines or lines[-1]["hash"] != line["hash"]:
        try:
            with history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise GuideError(f"{history} cannot be written: {error.strerror}") from error
    if readme:
        text = readme.read_text(encoding="utf-8")
        readme.write_text(with_figures(text, saved), encoding="utf-8")
    if pages:
        pages.write_text(with_page_figures(pages.read_text(encoding="utf-8"), saved), encoding="utf-8")


def open_baseline(path: Path = BASELINE) -> dict[str, Any] | None:
    """Return the baseline, or None where none was saved."""
    return read_run(path) if path.exists() else None


def history_line(saved: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The headline figures of a run, with their intervals, and what they belong to."""
    origin = saved["provenance"]
    figures = {m["name"]: m for metrics in saved["suites"].values() for m in metrics}
    return {
        "date": today.isoformat(),
        "commit": origin["commit"],
        "corpus": origin["corpus"],
        "hash": saved["hash"],
        "figures": {
            name: [figures[name][key] for key in ("value", "low", "high")]
            for name in HEADLINES
            if name in figures
        },
    }


def read_history(path: Path = HISTORY) -> list[dict[str, Any]]:
    """Return the lines of the history, oldest first; none where there is no such file."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise GuideError(f"{path} cannot be read: {error}") from error


def with_figures(readme: str, saved: Mapping[str, Any]) -> str:
    """Return the README's text with the table of figures made anew between its two marks."""
    if START not in readme or END not in readme:
        raise GuideError(f"The README has no place for the figures: it needs {START} and {END}.")
    before, rest = readme.split(START, 1)
    return f"{before}{START}\n{render_figures(saved)}\n{END}{rest.split(END, 1)[1]}"


def with_page_figures(text: str, saved: Mapping[str, Any]) -> str:
    """Return the figures of the guide's pages with the values of this run, one figure a line."""
    figures = {m["name"]: m for metrics in saved["suites"].values() for m in metrics}
    now = {words: figures[name] for name, words in IN_README.items() if name in figures}

    def renew(line: str) -> str:
        found = _PAGE_FIGURE.match(line)
        metric = now.get(json.loads(found["what"])) if found else None
        if not found or metric is None or metric["value"] is None:
            return line
        figure = f'"value": "{metric["value"]:.2f}", "range": "{metric["low"]:.2f} to {metric["high"]:.2f}"'
        return f"{found['start']}{figure}{found['end']}"

    return "\n".join(map(renew, text.split("\n")))


def render_figures(saved: Mapping[str, Any]) -> str:
    """Return the README's table, and what it was measured on."""
    origin = saved["provenance"]
    figures = {m["name"]: m for metrics in saved["suites"].values() for m in metrics}
    lines = ["", "| what | figure | 95 % interval | n |", "|---|---|---|---|"]
    for name, words in IN_README.items():
        metric = figures.get(name)
        if metric and metric["value"] is not None:
            interval = f"{metric['low']:.2f} to {metric['high']:.2f}" if metric["low"] is not None else ""
            lines.append(f"| {words} | {metric['value']:.2f} | {interval} | {metric['n']} |")
    documents = sum(origin["documents"].values())
    lines += [
        "",
        f"Measured on the {origin['split']} split, over {documents} documents in {origin['passages']} passages "
        f"(corpus `{origin['corpus']}`, encoder {origin['model']}).",
        "",
        *_judge_lines(saved),
    ]
    return "\n".join(lines)


def _judge_lines(saved: Mapping[str, Any]) -> list[str]:
    """How often the test behind the grounding figures is wrong."""
    errors = saved["judge"].get("whole sentences", [])
    if not errors:
        return []
    sides = {side: [e for e in errors if e["supported"] is side] for side in (True, False)}
    words = [
        ", ".join(f"{e['kind'].replace('_', ' ')} {e['wrong']} of {e['n']}" for e in sides[side])
        for side in (True, False)
    ]
    return [
        f"The test behind the grounding figures was itself tried on {sum(e['n'] for e in errors)} labelled claims. "
        f"It refused supported ones: {words[0]}. It let broken ones pass: {words[1]}.",
        "",
    ]
