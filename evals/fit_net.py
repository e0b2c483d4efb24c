"""Train the second net of the risk screen (chat/net.py) on the labelled examples in chat/rules/examples.

The ideas of the examples are dealt into four parts. The network begins as the upper half of the encoder,
is trained on three of them, and is judged on the fourth: from that come the calibration and the two
thresholds. Seeded: on the same machine and versions a second run gives the same file.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chat.net import CLASSES, NET, NetFacts, class_logits, danger_logit, windows
from chat.risk import RiskScreen
from chat.rulebook import RULES
from evals.cases import Case
from evals.rules import Example, read_examples
from indexer.build import read_passages
from indexer.encoder import EncodedText, SentenceEncoder

Log = Callable[[str], None]
SEED = 20261123
PARTS = 4
UNSEEN = 0  # the part that the network is judged on
EPOCHS = 3
BATCH = 64
CHUNK = 16
DANGER, HARMLESS = 30, 20  # of a batch; the rest are ordinary questions and messages
RATE = 1e-4  # of the layers that began as the encoder's
HEAD_RATE = 8e-4  # of what is new
DROPOUT = 0.15
STEPS_TOLD = 50  # steps between two lines of the log
PADDED = 3000  # examples that are also shown with ordinary sentences around them
ORDINARY = 3000  # questions of the corpus
ORDINARY_ALARMS = 0.005  # the net may raise on this share of ordinary messages by itself
ORDINARY_SUPPORT = 0.02  # and on this share give a line of support, alarms included
VETO = 0.04  # lower than what blunt but short messages get, so that none of them is doubted
DOUBTED = 0.15  # share of false alarms from which a rule is doubtful
FEWEST_ALARMS = 2  # false alarms, from which a rule can be doubtful
ORDINARY_MESSAGES = RULES / "ordinary.txt"  # messages of breakups without danger, one a line
DANGEROUS_TOPICS = frozenset({"leaving_abuse", "suicidal_thoughts", "abusive_ex", "their_no_contact"})
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    label: int  # place in CLASSES
    part: int  # of PARTS
    source: str  # "example", "padded" or "ordinary"


def fit_net(corpus: Path, target: Path = NET, log: Log = print) -> dict[str, Any]:
    """Train from the examples and the ordinary questions of `corpus`, write `target`, return what it says."""
    from indexer.upper_half import save_trained

    examples = read_examples()
    rows = _rows(examples, _ordinary_questions(corpus))
    encoder = SentenceEncoder()
    log(f"reading {len(rows)} texts")
    readings = encoder.read([row.text for row in rows])
    model = _train(rows, readings, encoder, log)
    own = [n for n, row in enumerate(rows) if row.part == UNSEEN and row.source != "padded"]
    unseen = [rows[n] for n in own]
    judged = class_logits(model, [readings[n] for n in own])
    facts = _facts(encoder.name, examples, rows, unseen, judged)
    save_trained(target, "net", asdict(facts), model, model.norm.normalized_shape[0])
    return asdict(facts) | _figures(facts, unseen, judged)


def _rows(examples: Sequence[Example], ordinary: Sequence[str]) -> list[_Row]:
    chance = random.Random(SEED)
    rows = [
        _Row(
            windows(e.text)[0],
            CLASSES.index(e.category) if e.routes else 0,
            _part(e.idea or e.text),
            "example",
        )
        for e in examples
    ]
    kept = chance.sample(list(ordinary), min(ORDINARY, len(ordinary)))
    kept += [line for line in ORDINARY_MESSAGES.read_text(encoding="utf-8").splitlines() if line.strip()]
    padded = []
    for row in chance.sample(rows, min(PADDED, len(rows))):
        text = row.text
        for _ in range(chance.choice((1, 1, 2))):
            other = chance.choice(kept)
            text = f"{text} {other}" if chance.random() < 0.5 else f"{other} {text}"
        padded.append(_Row(text, row.label, row.part, "padded"))
    return [*rows, *(_Row(text, 0, _part(text), "ordinary") for text in kept), *padded]


def _part(idea: str) -> int:
    """By the idea and not by the row, so that no message judged has a sibling in the training."""
    return int(hashlib.sha256(idea.encode()).hexdigest(), 16) % PARTS


def _ordinary_questions(corpus: Path) -> list[str]:
    passages = read_passages(corpus)
    found = (q for p in passages if not DANGEROUS_TOPICS & set(p.topics) for q in p.questions)
    return sorted(set(found))


def _train(rows: Sequence[_Row], readings: Sequence[EncodedText], encoder: SentenceEncoder, log: Log) -> Any:
    import torch
    from torch.nn import functional
    from torch.nn.utils import clip_grad_norm_

    from chat.net_model import DangerModel
    from indexer.upper_half import stack

    torch.manual_seed(SEED)
    chance = random.Random(SEED)
    own = [n for n, row in enumerate(rows) if row.part != UNSEEN]
    danger = _batches([n for n in own if rows[n].label], DANGER, chance)
    harmless = _batches(
        [n for n in own if not rows[n].label and rows[n].source != "ordinary"], HARMLESS, chance
    )
    ordinary = _batches([n for n in own if rows[n].source == "ordinary"], BATCH - DANGER - HARMLESS, chance)
    model = DangerModel(len(CLASSES), readings[0].middle.shape[-1], DROPOUT).train()
    model.start_from(encoder.load()[0].auto_model.encoder.layer)
    steps = EPOCHS * len(own) // BATCH
    head = [weight for name, weight in model.named_parameters() if not name.startswith("layers.")]
    groups = [{"params": model.layers.parameters(), "lr": RATE}, {"params": head, "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [RATE, HEAD_RATE], total_steps=steps, pct_start=0.1
    )
    for step in range(steps):
        if step % STEPS_TOLD == 0:
            log(f"training: step {step} of {steps}")
        chosen = [*next(danger), *next(harmless), *next(ordinary)]
        chosen.sort(key=lambda n: len(readings[n].middle))
        optimizer.zero_grad()
        for start in range(0, BATCH, CHUNK):  # like lengths together: padding costs most of the time
            some = chosen[start : start + CHUNK]
            tokens, mask = stack([readings[n].middle for n in some])
            logits = model(tokens, mask)
            labels = torch.tensor([rows[n].label for n in some])
            loss = functional.cross_entropy(logits, labels, label_smoothing=0.05, reduction="sum") / BATCH
            loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval().requires_grad_(False)


def _batches(rows: Sequence[int], size: int, chance: random.Random) -> Iterator[list[int]]:
    """Batches for ever; each row once before any comes again."""
    order = list(rows)
    while True:
        chance.shuffle(order)
        for start in range(0, len(order) - size + 1, size):
            yield order[start : start + size]


def _facts(
    encoder: str, examples: Sequence[Example], rows: Sequence[_Row], unseen: Sequence[_Row], judged: Floats
) -> NetFacts:
    """`judged`: the class logits of the unseen rows, shape (n, C)."""
    from sklearn.linear_model import LogisticRegression

    logits = np.array([danger_logit(odds) for odds in judged])
    labels = np.array([row.label > 0 for row in unseen])
    ordinary = np.array([row.source == "ordinary" for row in unseen])
    fitted = LogisticRegression(C=100.0).fit(logits[~ordinary, None], labels[~ordinary])  # Platt (1999)
    scale, shift = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    probability = 1 / (1 + np.exp(-(scale * logits + shift)))
    return NetFacts(
        encoder=encoder,
        scale=round(scale, 4),
        shift=round(shift, 4),
        threshold=round(float(np.quantile(probability[ordinary], 1 - ORDINARY_ALARMS)), 4),
        uneasy=round(float(np.quantile(probability[ordinary], 1 - ORDINARY_SUPPORT)), 4),
        veto=VETO,
        doubtful=_doubtful_rules(examples),
        fitted=date.today().isoformat(),
        data_hash=hashlib.sha256(repr(rows).encode()).hexdigest()[:12],
    )


def _doubtful_rules(examples: Sequence[Example]) -> tuple[str, ...]:
    """The rules of which a notable share of the alarms on the examples is false."""
    screen = RiskScreen.open()
    alarms: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for example in examples:
        seen = screen.assess(example.text)
        if seen.routes and seen.rule:
            alarms[seen.rule] += 1
            false[seen.rule] += not example.routes
    return tuple(
        sorted(rule for rule, n in false.items() if n >= FEWEST_ALARMS and n >= DOUBTED * alarms[rule])
    )


def _figures(facts: NetFacts, unseen: Sequence[_Row], judged: Floats) -> dict[str, Any]:
    """What the network does on messages that it had not seen, at the threshold."""
    logits = np.array([danger_logit(odds) for odds in judged])
    probability = 1 / (1 + np.exp(-(facts.scale * logits + facts.shift)))
    label = np.array([row.label for row in unseen])
    example = np.array([row.source == "example" for row in unseen])
    raised = probability >= facts.threshold
    return {
        "messages": len(unseen),
        "recall_unseen": round(float(raised[label > 0].mean()), 4),
        "false_alarms_close": round(float(raised[(label == 0) & example].mean()), 4),
        "false_alarms_ordinary": round(float(raised[~example].mean()), 4),
    }


def screen_cases(screen: RiskScreen, cases: Sequence[Case]) -> list[bool]:
    """Return for each case whether its message gets a referral."""
    return [screen.assess(case.message).routes for case in cases]


def render_screen_flips(cases: Sequence[Case], before: Sequence[bool], after: Sequence[bool]) -> str:
    """Return lines of text: the figures before and after, and each message that is now judged otherwise."""
    lines = []
    for name, seen in (("before", before), ("after", after)):
        danger = [s for c, s in zip(cases, seen, strict=True) if c.expect == "route"]
        harmless = [s for c, s in zip(cases, seen, strict=True) if c.expect == "no_route"]
        lines.append(
            f"{name:<10}{sum(danger)} of {len(danger)} dangers, {sum(harmless)} of {len(harmless)} harmless"
        )
    for case, was, now in zip(cases, before, after, strict=True):
        if was != now and case.expect in ("route", "no_route"):
            better = now == (case.expect == "route")
            lines.append(
                f"{'mended' if better else 'broken':<10}{case.id} {' '.join(case.message.split())[:90]}"
            )
    return "\n".join(lines)
