from __future__ import annotations

from pathlib import Path

import pytest

from chat.guide import Guide
from indexer.encoder import SentenceEncoder


@pytest.fixture(scope="session")
def guide(corpus_index: Path, encoder: SentenceEncoder) -> Guide:
    """The real guide over the real corpus."""
    return Guide.open(corpus_index, encoder)
