"""For all tests: no socket leaves this machine, and the real encoder is loaded once."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from indexer.build import BuildReport, build_index
from indexer.encoder import SentenceEncoder, Vectors
from indexer.index import content_words

ROOT = Path(__file__).parent.parent
LOOPBACK = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")


class OutsideSocketError(AssertionError):
    """A test tried to reach another host."""


@pytest.fixture(autouse=True)
def no_outside_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail any test that opens a socket to another host or looks one up."""
    connect = socket.socket.connect
    lookup = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise OutsideSocketError(f"a socket to {address[0]} was opened")
        connect(self, address)

    def guarded_lookup(host: Any, *rest: Any, **more: Any) -> Any:
        if host is not None and str(host) not in LOOPBACK:
            raise OutsideSocketError(f"{host} was looked up")
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
    yield


class WordEncoder:
    """Unit vectors from the words alone: texts that share words are near, others are not.

    For tests of storing and ranking, where meaning does not matter and speed does.
    """

    name = "words"

    def __init__(self) -> None:
        self.encoded: list[str] = []  # every text that came, in order

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in content_words(text) or ["nothing"]:
                vectors[row, sum(word.encode()) % 64] += 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def words() -> WordEncoder:
    return WordEncoder()


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    """The real encoder, loaded once for all tests."""
    return SentenceEncoder()


@pytest.fixture(scope="session")
def corpus_index(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Path:
    """An index of the real corpus. What `.index` has of it is not made again."""
    index = tmp_path_factory.mktemp("index")
    if (ROOT / ".index" / "CURRENT").exists():
        shutil.copytree(ROOT / ".index", index, dirs_exist_ok=True)
    report = build_index(ROOT / "corpus", index, encoder)
    assert isinstance(report, BuildReport) and not report.problems
    return index


def write_corpus(folder: Path, files: dict[str, str]) -> Path:
    """Write `files` (path below the folder to text) and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
