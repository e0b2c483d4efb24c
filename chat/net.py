"""The second net of the risk screen: what the encoder makes of a message, and what a rule's alarm is worth.

A network (chat/net_model.py) reads the token vectors that the encoder computes half-way for the search
anyway. It was trained on seven eighths of the labelled examples in chat/rules/examples and calibrated,
together with the rules, on the eighth that it had not seen. `guide-evals fit --net` makes net.safetensors
anew, and must when the encoder changes: the file says whose vectors it reads.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from chat.types import Category
from indexer.encoder import HalfRead, ReadHalf
from indexer.errors import GuideError
from indexer.sentences import split_sentences, without_stop

NET = Path(__file__).with_name("net.safetensors")
CATEGORIES: tuple[Category, ...] = tuple(c for c in get_args(Category) if c != "distress")
CLASSES: tuple[str, ...] = ("harmless", *CATEGORIES)
WINDOW = 100  # words read at once of a long message
STEP = 80  # words from the start of one window to the start of the next
MOST_WINDOWS = 8  # of one message: its first and its last are always among them
MOST_SENTENCES = (
    16  # of one message that are read by themselves too; where there are more, neighbours together
)
REMEMBERED = 512  # messages whose result is kept, under a keyed hash, so that earlier turns are not read anew
Floats = npt.NDArray[np.float32]


class NetBroken(GuideError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The second net of the risk screen, {path}, cannot be used: {why}. "
            "Fetch the file again, or make it anew with: guide-evals fit --net"
        )
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True)
class Danger:
    """What the net sees in one message."""

    probability: float  # that there is danger, 0..1, calibrated
    category: Category  # the likeliest, if there is


@dataclass(frozen=True, slots=True)
class NetFacts:
    """What net.safetensors says of itself."""

    encoder: str  # whose vectors it reads
    scale: float  # probability = 1 / (1 + exp(-(scale * logit + shift))) where no rule raised the alarm
    shift: float
    threshold: float  # from this probability a message gets a referral, whatever the rules say
    stands: float  # from this probability, with_rule, the alarm of a rule stands
    uneasy: float  # from this probability an answer comes with a line of support
    rules: dict[str, float]  # what the alarm of a rule adds to scale * logit + shift, by the rule's name
    new_rule: (
        float  # what the alarm of a rule adds that raised none on the examples, or is newer than the net
    )
    fitted: str  # ISO date
    data_hash: str  # of the examples


@dataclass(slots=True)
class RiskNet:
    """The trained network. Keeps no message: results are remembered under a hash with a random key."""

    facts: NetFacts
    model: Any
    _key: bytes = field(default_factory=lambda: os.urandom(16))
    _known: OrderedDict[bytes, Danger] = field(default_factory=OrderedDict)

    @classmethod
    def open(cls, encoder: str, path: Path = NET) -> RiskNet:
        """Read the net for the vectors of `encoder`; raise `NetBroken` when it is missing or unfit."""
        from chat.net_model import DangerModel
        from indexer.layers import load_trained

        try:
            told, model = load_trained(path, "net", lambda width: DangerModel(len(CLASSES), width))
            facts = NetFacts(**told)
        except (ValueError, TypeError) as error:
            raise NetBroken(path, str(error)) from error
        if facts.encoder != encoder:
            raise NetBroken(path, f"it reads the vectors of {facts.encoder}, and the guide uses {encoder}")
        return cls(facts, model)

    def see(self, texts: Sequence[str], read: ReadHalf) -> Danger:
        """The gravest that the net sees in any of `texts`: one message in one or more spellings.

        Each sentence is read by itself too, so that harmless words around one do not hide it.
        """
        return self._gravest([piece for text in texts for piece in pieces(text)], read)

    def see_together(self, turns: Sequence[str], read: ReadHalf) -> Danger:
        """What the net sees in the turns of one person read as one message, as a whole only."""
        return self._gravest([without_stop(piece) for piece in windows(" ".join(turns))], read)

    def with_rule(self, danger: Danger, rule: str) -> float:
        """The probability that there is danger, 0..1, when `rule` has raised the alarm too."""
        odds = danger.probability * np.exp(self.facts.rules.get(rule, self.facts.new_rule))
        return float(odds / (odds + 1 - danger.probability))

    def _gravest(self, pieces: Sequence[str], read: ReadHalf) -> Danger:
        key = hashlib.blake2b("\0".join(pieces).encode(), key=self._key, digest_size=16).digest()
        if key not in self._known:
            self._known[key] = max(
                (self._danger(odds) for odds in class_logits(self.model, read(list(dict.fromkeys(pieces))))),
                key=lambda danger: danger.probability,
            )
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]

    def _danger(self, odds: Floats) -> Danger:
        probability = 1 / (1 + np.exp(-(self.facts.scale * danger_logit(odds) + self.facts.shift)))
        return Danger(float(probability), CATEGORIES[int(odds[1:].argmax())])


def class_logits(model: Any, readings: Sequence[HalfRead]) -> Floats:
    """Return the log-probability of each class, shape (n, C), one row a reading."""
    import torch

    from indexer.layers import batches

    found = np.zeros((len(readings), len(CLASSES)), dtype=np.float32)
    with torch.inference_mode():
        for rows, tokens, mask in batches(readings):
            found[rows] = model(tokens, mask).log_softmax(1).numpy()
    return found


def danger_logit(odds: Floats) -> float:
    """log(sum of the dangers) - log(harmless)."""
    top = float(odds[1:].max())
    return float(top + np.log(np.exp(odds[1:] - top).sum()) - odds[0])


def pieces(text: str) -> list[str]:
    """Return what the net reads of `text`: its windows and its sentences, without the stops at their ends."""
    return list(dict.fromkeys(without_stop(piece) for piece in (*windows(text), *sentences(text))))


def sentences(text: str) -> list[str]:
    """Return the sentences of `text`, none where it is one: harmless words around one must not hide it."""
    spans = [
        line[span.start : span.end]
        for line in text.splitlines()
        for span in split_sentences(line, 0, len(line))
    ]
    if len(spans) <= MOST_SENTENCES:
        return spans if len(spans) > 1 else []
    edges = np.linspace(0, len(spans), MOST_SENTENCES + 1).round().astype(int)
    return [" ".join(spans[a:b]) for a, b in pairwise(edges.tolist())]


def windows(text: str) -> list[str]:
    """Return `text` in pieces of WINDOW words, at most MOST_WINDOWS of them; a short text is one piece."""
    words = text.split()
    if len(words) <= WINDOW + STEP // 2:
        return [text]
    starts = [*range(0, len(words) - WINDOW, STEP), len(words) - WINDOW]
    if len(starts) > MOST_WINDOWS:
        chosen = np.linspace(0, len(starts) - 1, MOST_WINDOWS).round().astype(int)
        starts = [starts[n] for n in chosen]
    return [" ".join(words[start : start + WINDOW]) for start in starts]
