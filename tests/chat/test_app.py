"""Putting the app together, and starting the server."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from chat.app import serve, trusted_hosts
from indexer.errors import GuideError
from tests.chat.fake_guide import FakeGuide


def test_the_hosts_of_a_local_guide_are_this_machine_and_those_that_were_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GUIDE_HOSTS", raising=False)
    assert trusted_hosts("127.0.0.1") == ["127.0.0.1", "localhost", "[::1]"]
    assert trusted_hosts("0.0.0.0") == ["*"]
    monkeypatch.setenv("GUIDE_HOSTS", "guide.example.org, ")
    assert trusted_hosts("0.0.0.0") == ["127.0.0.1", "localhost", "[::1]", "guide.example.org"]


def test_a_port_that_is_taken_is_explained() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            GuideError, match=rf"Port {port} at 127.0.0.1 cannot be used .* --port or GUIDE_PORT"
        ):
            serve(FakeGuide(), "127.0.0.1", port)  # type: ignore[arg-type]


def test_importing_the_app_loads_neither_gradio_nor_a_model() -> None:
    check = "import sys, chat.app; print(*sys.modules.keys() & {'gradio', 'torch', 'sentence_transformers'})"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
