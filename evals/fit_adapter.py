"""Train the adapter of the search (indexer/adapter.py) on the wordings of the corpus.

Each passage with wordings of its own is a class, and the encoder's upper half learns to tell whose a
wording is. What it puts near each other is what the topic model then compares questions with. No case
of the evals is read. Seeded: on the same machine and versions a second run gives the same file.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from indexer.adapter import ADAPTER, AdapterFacts
from indexer.build import read_passages
from indexer.encoder import HalfRead, SentenceEncoder
from indexer.sentences import without_stop

Log = Callable[[str], None]
SEED = 20261123
EPOCHS = 4
BATCH = 64
CHUNK = 32
RATE = 1e-4  # of the layers that began as the encoder's
HEAD_RATE = 2e-3  # of the classes
DROPOUT = 0.1
SHARPNESS = 20.0  # of the classes: what a unit vector is multiplied by
SMOOTHING = 0.1
STEPS_TOLD = 50  # steps between two lines of the log


def fit_adapter(corpus: Path, target: Path = ADAPTER, log: Log = print) -> dict[str, Any]:
    """Train on the wordings in `corpus`, write `target`, and return what it says."""
    from indexer.layers import save_trained

    passages = read_passages(corpus)
    asked = [(question, p.passage_id) for p in passages for question in dict.fromkeys(p.questions)]
    encoder = SentenceEncoder()
    log(f"reading {len(asked)} wordings")
    readings = encoder.read_half([without_stop(question) for question, _ in asked])
    layers = _train([owner for _, owner in asked], readings, encoder, log)
    facts = AdapterFacts(
        encoder=encoder.name,
        topics=tuple(sorted({topic for p in passages for topic in p.topics})),
        fitted=date.today().isoformat(),
        data_hash=hashlib.sha256(repr(asked).encode()).hexdigest()[:12],
    )
    save_trained(target, "adapter", asdict(facts), layers, readings[0].middle.shape[1])
    return asdict(facts) | {"wordings": len(asked)}


def _train(owners: Sequence[str], readings: Sequence[HalfRead], encoder: SentenceEncoder, log: Log) -> Any:
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils import clip_grad_norm_

    from indexer.layers import LAYERS, mean_of_tokens, run, stack, take_over, upper_half

    torch.manual_seed(SEED)
    chance = random.Random(SEED)
    classes = {owner: n for n, owner in enumerate(sorted(set(owners)))}
    width = readings[0].middle.shape[1]
    layers = upper_half(width, DROPOUT).train()
    take_over(layers, list(encoder.load()[0].auto_model.encoder.layer)[-LAYERS:])
    head = nn.Linear(width, len(classes))
    nn.init.zeros_(head.weight)
    drop = nn.Dropout(DROPOUT)
    weights = [*layers.parameters(), *head.parameters()]
    groups = [{"params": layers.parameters(), "lr": RATE}, {"params": head.parameters(), "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.05)
    steps = EPOCHS * len(owners) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [RATE, HEAD_RATE], total_steps=steps, pct_start=0.1
    )
    order: list[int] = []
    for step in range(steps):
        if step % STEPS_TOLD == 0:
            log(f"training: step {step} of {steps}")
        if len(order) < BATCH:
            order = list(range(len(owners)))
            chance.shuffle(order)
        chosen = sorted((order.pop() for _ in range(BATCH)), key=lambda n: len(readings[n].middle))
        optimizer.zero_grad()
        for start in range(0, BATCH, CHUNK):  # like lengths together: padding costs most of the time
            some = chosen[start : start + CHUNK]
            tokens, mask = stack([readings[n].middle for n in some])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                read = run(layers, tokens, mask)
            vectors = functional.normalize(mean_of_tokens(read.float(), mask), dim=1)
            logits = head(drop(vectors) * SHARPNESS)
            labels = torch.tensor([classes[owners[n]] for n in some])
            loss = (
                functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING, reduction="sum") / BATCH
            )
            loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
    return layers.eval().requires_grad_(False)
