"""Train the second net of the risk screen (chat/net.py) on the labelled examples in chat/rules/examples.

The ideas of the examples are dealt into eight parts. The network begins as the upper half of the encoder,
is trained on seven of them, and is judged on the eighth, read as the screen reads a message: as a whole
and sentence by sentence. From that, and from how often each rule is right on the other seven, come the
calibration and the two thresholds. All chance is seeded.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chat.net import CLASSES, NET, NetFacts, class_logits, danger_logit, pieces, sentences, windows
from chat.risk import RiskScreen
from chat.rulebook import RULES
from evals.cases import Case
from evals.rules import Example, read_examples
from indexer.build import read_passages
from indexer.encoder import HalfRead, SentenceEncoder
from indexer.sentences import without_stop

Log = Callable[[str], None]
SEED = 20261123
PARTS = 8
UNSEEN = 0  # the part that the network is judged on
EPOCHS = 3
BATCH = 64
CHUNK = 16
DANGER, HARMLESS = 26, 24  # of a batch; the rest are ordinary questions and messages
RATE = 1e-4  # of the layers that began as the encoder's
HEAD_RATE = 8e-4  # of what is new
DROPOUT = 0.15  # of what the classes read
LAYER_DROPOUT = 0.1  # of what each of the layers adds
STEPS_TOLD = 50  # steps between two lines of the log
PADDED = 3000  # examples that are also shown with ordinary sentences around them
FRAGMENT = 3  # words that a sentence must have to be shown by itself
ORDINARY_ALARMS = 0.015  # share of ordinary messages that may reach the threshold, rules counted
ORDINARY_SUPPORT = 0.05  # and on this share give a line of support, alarms included
STANDS = 0.15  # about one in seven: a danger that is missed costs more than a referral that nobody needed
DRAWN = 6  # alarms of the average rule that each rule is taken to have raised besides its own
NEW_RULE = 9.0  # log odds: a rule without a record on the examples is believed
ORDINARY_MESSAGES = RULES / "ordinary.txt"  # messages of breakups without danger, one a line
DANGEROUS_TOPICS = frozenset({"leaving_abuse", "suicidal_thoughts", "abusive_ex", "their_no_contact"})
DANGEROUS_PASSAGES = ("faq/hard-cases#there-is-a-court-order", "boundaries/protection-order-paperwork#")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    label: int  # place in CLASSES
    part: int  # of PARTS
    source: str  # "example", "ordinary", or, for the training alone, "padded" or "fragment"


def fit_net(corpus: Path, target: Path = NET, log: Log = print) -> dict[str, Any]:
    """Train from the examples and the ordinary questions of `corpus`, write `target`, return what it says."""
    from indexer.layers import save_trained

    examples = read_examples()
    rows = _rows(examples, _ordinary_questions(corpus))
    encoder = SentenceEncoder()
    log(f"reading {len(rows)} texts")
    readings = encoder.read_half([without_stop(row.text) for row in rows])
    model = _train(rows, readings, encoder, log)
    unseen = [row for row in rows if row.part == UNSEEN and row.source in ("example", "ordinary")]
    judged = _judge(unseen, model, encoder)
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
    messages = ORDINARY_MESSAGES.read_text(encoding="utf-8").splitlines()
    kept = [*ordinary, *(line for line in messages if line.strip())]
    padded = []
    for row in chance.sample(rows, min(PADDED, len(rows))):
        text = row.text
        for _ in range(chance.choice((1, 1, 2))):
            other = chance.choice(kept)
            text = f"{text} {other}" if chance.random() < 0.5 else f"{other} {text}"
        padded.append(_Row(text, row.label, row.part, "padded"))
    fragments = [  # one sentence of each harmless story, since the screen reads them by themselves too
        replace(row, text=chance.choice(telling), source="fragment")
        for row in rows
        if not row.label and (telling := [s for s in sentences(row.text) if len(s.split()) >= FRAGMENT])
    ]
    return [*rows, *(_Row(text, 0, _part(text), "ordinary") for text in kept), *padded, *fragments]


def _part(idea: str) -> int:
    """By the idea and not by the row, so that no message judged has a sibling in the training."""
    return int(hashlib.sha256(idea.encode()).hexdigest(), 16) % PARTS


def _ordinary_questions(corpus: Path) -> list[str]:
    passages = read_passages(corpus)
    ordinary = [
        passage
        for passage in passages
        if not DANGEROUS_TOPICS & set(passage.topics)
        and not passage.passage_id.startswith(DANGEROUS_PASSAGES)
    ]
    return sorted({question for passage in ordinary for question in passage.questions})


def _train(rows: Sequence[_Row], readings: Sequence[HalfRead], encoder: SentenceEncoder, log: Log) -> Any:
    import torch
    from torch.nn import functional
    from torch.nn.utils import clip_grad_norm_

    from chat.net_model import DangerModel
    from indexer.layers import stack

    torch.manual_seed(SEED)
    chance = random.Random(SEED)
    own = [n for n, row in enumerate(rows) if row.part != UNSEEN]
    danger = _batches([n for n in own if rows[n].label], DANGER, chance)
    harmless = _batches(
        [n for n in own if not rows[n].label and rows[n].source != "ordinary"], HARMLESS, chance
    )
    ordinary = _batches([n for n in own if rows[n].source == "ordinary"], BATCH - DANGER - HARMLESS, chance)
    model = DangerModel(len(CLASSES), readings[0].middle.shape[-1], DROPOUT).train()
    for layer in model.layers.layers:
        layer.dropout1.p = layer.dropout2.p = LAYER_DROPOUT
    model.start_from(encoder.load()[0].auto_model.encoder.layer)
    steps = EPOCHS * len(own) // BATCH
    head = [weight for name, weight in model.named_parameters() if not name.startswith("layers.")]
    groups = [{"params": model.layers.parameters(), "lr": RATE}, {"params": head, "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.05, fused=True)
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
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(tokens, mask).float()
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


def _judge(unseen: Sequence[_Row], model: Any, encoder: SentenceEncoder) -> Floats:
    """The class logits of the most dangerous piece of each row, shape (n, C), as the screen would find it."""
    read = [pieces(row.text) for row in unseen]
    judged = iter(class_logits(model, encoder.read_half([piece for own in read for piece in own])))
    return np.array([max((next(judged) for _ in own), key=danger_logit) for own in read])


def _facts(
    encoder: str, examples: Sequence[Example], rows: Sequence[_Row], unseen: Sequence[_Row], judged: Floats
) -> NetFacts:
    """Calibrate net and rules together. `judged`: the class logits of the unseen rows, shape (n, C)."""
    from sklearn.linear_model import LogisticRegression

    screen = RiskScreen.open()
    known = _evidence(screen, [e for e in examples if _part(e.idea or e.text) != UNSEEN])
    seen = np.array([_signs(screen, known, row.text, odds) for row, odds in zip(unseen, judged, strict=True)])
    labels = np.array([row.label > 0 for row in unseen])
    ordinary = np.array([row.source == "ordinary" for row in unseen])
    fitted = LogisticRegression(C=100.0).fit(seen[~ordinary], labels[~ordinary])  # Platt (1999)
    scale, raised, weight = fitted.coef_[0].tolist()
    probability = fitted.predict_proba(seen)[:, 1]
    return NetFacts(
        encoder=encoder,
        scale=round(scale, 4),
        shift=round(float(fitted.intercept_[0]), 4),
        threshold=round(float(np.quantile(probability[ordinary], 1 - ORDINARY_ALARMS)), 4),
        stands=STANDS,
        uneasy=round(float(np.quantile(probability[ordinary], 1 - ORDINARY_SUPPORT)), 4),
        rules={rule: round(raised + weight * odds, 3) for rule, odds in sorted(known.items())},
        new_rule=NEW_RULE,
        fitted=date.today().isoformat(),
        data_hash=hashlib.sha256(repr(rows).encode()).hexdigest()[:12],
    )


def _evidence(screen: RiskScreen, examples: Sequence[Example]) -> dict[str, float]:
    """The log odds of danger when a rule raises the alarm, drawn towards those of all rules together."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for example in examples:
        (right if example.routes else wrong).update(_raised(screen, example.text))
    share = right.total() / (right.total() + wrong.total())
    return {
        rule: float(np.log((right[rule] + DRAWN * share) / (wrong[rule] + DRAWN * (1 - share))))
        for rule in {*right, *wrong}
    }


def _raised(screen: RiskScreen, text: str) -> set[str]:
    return {alarm.rule for alarm in screen.alarms(text) if alarm.routes and alarm.rule}


def _signs(screen: RiskScreen, known: dict[str, float], text: str, odds: Floats) -> list[float]:
    """The net's logit; whether a rule raises the alarm; the log odds of the most trusted that does."""
    raised = [known.get(rule, 0.0) for rule in _raised(screen, text)]
    return [danger_logit(odds), float(bool(raised)), max(raised, default=0.0)]


def _figures(facts: NetFacts, unseen: Sequence[_Row], judged: Floats) -> dict[str, Any]:
    """What the network by itself does on messages that it had not seen, at the threshold."""
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
