"""What the risk rules do on the labelled examples beside them: recall by category, and false alarms.

For whoever edits chat/rules: the examples are development material, so these figures flatter the
rules; the test cases of `guide-evals run --suite safety` are what counts.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chat.risk import RiskScreen
from chat.rulebook import RULES
from evals.cases import CaseError

EXAMPLES = RULES / "examples"
SHOWN = 20  # messages listed for each rule


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    category: str  # empty for a harmless one
    routes: bool  # whether it should get a referral
    idea: str = ""  # messages of one idea are variants of each other


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """How the screen did on a list of examples."""

    caught: dict[str, tuple[int, int]]  # category -> caught, of how many
    alarms: dict[str, tuple[str, ...]]  # rule -> the harmless messages that it fired on
    harmless: int

    @property
    def false_alarms(self) -> int:
        return sum(len(messages) for messages in self.alarms.values())


def read_examples(folder: Path = EXAMPLES) -> tuple[Example, ...]:
    """Return the examples of every file in `folder`; raise `CaseError` with file and line."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                found.append(
                    Example(row["text"], row["category"] or "", row["expect"] == "route", row.get("idea", ""))
                )
            except (ValueError, KeyError, TypeError) as error:
                raise CaseError(f"{path.name}:{number}: not an example ({error})") from error
    if not found:
        raise CaseError(f"{folder}: no examples")
    return tuple(found)


def judge_rules(screen: RiskScreen, examples: Sequence[Example]) -> RuleFigures:
    """Screen each example by itself and count what was caught and what was a false alarm."""
    asked: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    alarms: dict[str, list[str]] = defaultdict(list)
    for example in examples:
        risk = screen.assess(example.text)
        if example.routes:
            asked[example.category] += 1
            caught[example.category] += risk.routes
        elif risk.routes:
            alarms[f"{risk.category}: {risk.rule}"].append(example.text)
    return RuleFigures(
        {category: (caught[category], asked[category]) for category in sorted(asked)},
        {rule: tuple(messages) for rule, messages in sorted(alarms.items())},
        sum(not example.routes for example in examples),
    )


def render_rules(figures: RuleFigures) -> str:
    """Return the figures as lines of text: recall by category, then each false alarm by its rule."""
    lines = [f"{category:<20}{got:>5} of {of}" for category, (got, of) in figures.caught.items()]
    lines.append(f"{'false alarms':<20}{figures.false_alarms:>5} of {figures.harmless}")
    for rule, messages in figures.alarms.items():
        lines.append(f"\n{rule}")
        lines += [f"  {' '.join(message.split())[:100]}" for message in messages[:SHOWN]]
    return "\n".join(lines)
