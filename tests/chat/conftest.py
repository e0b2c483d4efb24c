from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chat.app import build_app
from chat.guide import Guide
from indexer.encoder import SentenceEncoder


@pytest.fixture(scope="session")
def guide(corpus_index: Path, encoder: SentenceEncoder) -> Guide:
    """The real guide over the real corpus."""
    return Guide.open(corpus_index, encoder)


@pytest.fixture(scope="session")
def app(guide: Guide) -> FastAPI:
    """The app around the real guide."""
    return build_app(guide)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as opened:
        yield opened
