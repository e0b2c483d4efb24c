"""The encoder's upper half, trained on to tell the entries of one corpus apart: a second vector for each text.

It reads the token vectors that the encoder computes half-way. `guide-evals fit --adapter` trains it on the
wordings of the corpus and writes adapter.safetensors, which says on what. A build copies it beside the
vectors that it gave, so that index and questions are always read alike, and leaves it out where the corpus
is about something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.encoder import HalfRead, Vectors
from indexer.errors import GuideError

ADAPTER = Path(__file__).with_name("adapter.safetensors")
KNOWN_TOPICS = 0.5  # share of a corpus's topics that something fitted must know; editors add and drop some


class AdapterBroken(GuideError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The adapter {path} cannot be used: {why}. "
            "Fetch the file again, or make it anew with: guide-evals fit --adapter"
        )


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What an adapter's file says of itself."""

    encoder: str  # whose readings it takes
    topics: tuple[str, ...]  # of the corpus that it was fitted on
    fitted: str  # ISO date
    data_hash: str  # of the wordings


@dataclass(frozen=True, slots=True)
class Adapter:
    """The trained layers."""

    facts: AdapterFacts
    layers: Any
    path: Path
    fingerprint: str  # of the file

    @classmethod
    def open(cls, path: Path = ADAPTER) -> Adapter:
        """Read the file at `path`; raise `AdapterBroken` when it is missing or damaged."""
        from indexer.layers import load_trained, upper_half

        try:
            facts, layers = load_trained(path, "adapter", upper_half)
            found = AdapterFacts(**facts)
        except (ValueError, TypeError) as error:
            raise AdapterBroken(path, str(error)) from error
        return cls(found, layers, path, hashlib.sha256(path.read_bytes()).hexdigest()[:12])

    def suits(self, encoder: str, topics: Iterable[str]) -> bool:
        """Whether it is one for this encoder and for a corpus with these topics."""
        return self.facts.encoder == encoder and are_known(topics, self.facts.topics)

    def adapt(self, readings: Sequence[HalfRead]) -> Vectors:
        """Return a unit vector for each reading, shape (n, d). The order and the company do not matter."""
        import torch

        from indexer.layers import batches, mean_of_tokens, run

        if not readings:
            raise ValueError("no reading to adapt")
        found = np.zeros((len(readings), readings[0].middle.shape[1]), dtype=np.float32)
        with torch.inference_mode():
            for rows, tokens, mask in batches(readings):
                means = mean_of_tokens(run(self.layers, tokens, mask), mask)
                found[rows] = torch.nn.functional.normalize(means, dim=1).numpy()
        return found


def are_known(topics: Iterable[str], fitted_on: Iterable[str]) -> bool:
    """Whether most of a corpus's topics are those that something was fitted on."""
    own = set(topics)
    known = len(own & set(fitted_on))
    return bool(known) and known >= KNOWN_TOPICS * len(own)
