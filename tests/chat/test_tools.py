"""The guide as tools for other programs, asked by the SDK's own client."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from mcp import Client
from mcp.shared.exceptions import MCPError

from chat.app import build_app
from chat.guide import Guide
from chat.http import MAX_BODY
from chat.render import render_record
from chat.tools import ToolsMissing
from chat.types import Reply
from tests.chat.fake_guide import SECRET, FakeGuide, client_of

QUESTION = "how long should no contact last?"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools are switched on for apps that are built from here on."""
    monkeypatch.setenv("GUIDE_MCP", "1")
    monkeypatch.delenv("GUIDE_COUNTRY", raising=False)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of a real server of `app` on this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def with_client(address: str, talk: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
    """What `talk` gives, after a conversation with the server at `address`."""

    async def run() -> Any:
        async with Client(address, mode=mode) as client:
            return await talk(client)

    return asyncio.run(run())


def called(address: str, name: str, mode: str = "auto", **arguments: Any) -> Any:
    return with_client(address, lambda client: client.call_tool(name, arguments), mode)


@pytest.fixture(scope="module")
def address(guide: Guide) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUIDE_MCP", "1")
        patch.delenv("GUIDE_COUNTRY", raising=False)
        app = build_app(guide)
    with serving(app) as served:
        yield served


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "latency_ms"}


def test_a_client_finds_two_tools_that_only_read(address: str) -> None:
    tools = with_client(address, lambda client: client.list_tools()).tools
    assert [tool.name for tool in tools] == ["ask_guide", "find_helpline"]
    assert tools[0].input_schema["required"] == ["message"]
    assert set(tools[0].input_schema["properties"]) == {"message", "country"}
    for tool in tools:
        assert tool.annotations and tool.annotations.read_only_hint and tool.description


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("message", [QUESTION, "I want to kill myself", "what is the capital of France?"])
def test_a_program_gets_exactly_the_reply_of_the_guide(
    address: str, guide: Guide, mode: str, message: str
) -> None:
    result = called(address, "ask_guide", mode, message=message, country="GB")
    reply = guide.reply(message, country="GB")
    lines = [asdict(line) for line in reply.helplines]
    assert not result.is_error
    assert result.content[0].text == render_record(reply)
    expected = without_time(reply.to_json()) | {"helplines": _as_json(lines)}
    assert without_time(result.structured_content) == expected


def _as_json(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: list(v) if isinstance(v, tuple) else v for k, v in line.items()} for line in lines]


def test_a_referral_brings_the_helplines_of_the_country(address: str) -> None:
    record = called(address, "ask_guide", message="I want to kill myself", country="us").structured_content
    assert record["kind"] == "referral"
    assert record["helplines"][0]["purpose"] == "emergency" and record["helplines"][0]["phone"] == "911"
    assert any("988" in (line["phone"] or "") for line in record["helplines"])


@pytest.mark.parametrize(("country", "emergency"), [("GB", "999"), ("gb", "999"), ("xx", "112")])
def test_the_helplines_of_a_country_come_emergency_number_first(
    address: str, country: str, emergency: str
) -> None:
    result = called(address, "find_helpline", country=country)
    first = result.structured_content["helplines"][0]
    assert first["purpose"] == "emergency" and emergency in first["phone"]
    assert all(line["hours"] for line in result.structured_content["helplines"])
    assert result.content[0].text.startswith(f"{first['country_name']}, ")


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("ask_guide", {}, '"message" is missing or is not text'),
        ("ask_guide", {"message": 3}, '"message" is missing or is not text'),
        ("ask_guide", {"message": "x", "country": 44}, '"country" must be an ISO code'),
        ("find_helpline", {}, '"country" must be an ISO code'),
    ],
)
def test_wrong_arguments_are_explained(address: str, name: str, arguments: dict[str, Any], why: str) -> None:
    result = called(address, name, **arguments)
    assert result.is_error and result.content[0].text.startswith(why)


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(address: str) -> None:
    async def forget(client: Client) -> str:
        try:
            await client.call_tool("forget", {})
        except MCPError as error:
            return error.error.message
        return "it answered"

    assert with_client(address, forget) == "there is no tool 'forget'"


def test_the_door_is_closed_unless_it_is_opened(client: TestClient) -> None:
    for method in ("get", "post", "delete"):
        assert getattr(client, method)("/mcp").status_code in (404, 405)
    assert client.post("/mcp", json=CALL, headers=HEADERS).status_code in (404, 405)


@pytest.mark.parametrize("value", ["", "0", "true", "https://x"])
def test_only_a_plain_one_opens_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GUIDE_MCP", value)
    assert build_app(FakeGuide()).state.tools is None  # type: ignore[arg-type]


def test_a_call_passes_the_same_guard_as_every_request(opened: None) -> None:
    with client_of(FakeGuide()) as client:
        answer = client.post("/mcp", json=CALL, headers=HEADERS)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "mcp-session-id" not in answer.headers and not answer.cookies
        foreign = client.post("/mcp", json=CALL, headers=HEADERS | {"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        rebound = client.post("/mcp", json=CALL, headers=HEADERS | {"Host": "evil.example"})
        assert rebound.status_code == 400
        kind = HEADERS | {"Content-Type": "application/json"}
        assert client.post("/mcp", content=b" " * (MAX_BODY + 1), headers=kind).status_code == 413
        untold = (b" " * 100_000 for _ in range(20))
        assert client.post("/mcp", content=untold, headers=kind).status_code == 413
        assert client.post("/mcp", content=b"{", headers=kind).status_code == 400


def test_no_stream_and_no_session_is_offered(opened: None) -> None:
    with client_of(FakeGuide()) as client:
        assert client.get("/mcp", headers={"Accept": "text/event-stream"}).status_code == 405
        assert client.delete("/mcp").status_code == 405
        modern = HEADERS | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}
        listening = client.post("/mcp", json=CALL | {"method": "subscriptions/listen"}, headers=modern)
        assert "error" in listening.json()


def test_the_door_opens_again_when_the_app_runs_again(opened: None) -> None:
    client = client_of(FakeGuide())
    for _ in range(2):
        with client:
            assert client.post("/mcp", json=CALL, headers=HEADERS).status_code == 200


def test_the_country_of_the_environment_is_used_where_a_call_has_none(
    opened: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUIDE_COUNTRY", "NZ")
    guide = FakeGuide()
    with serving(build_app(guide)) as address:  # type: ignore[arg-type]
        called(address, "ask_guide", message="a")
        called(address, "ask_guide", message="b", country="GB")
    assert [country for _, _, country in guide.asked] == ["NZ", "GB"]


def test_calls_are_counted_and_nothing_that_was_said_is_logged(
    opened: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    guide = FakeGuide(reply_with=Reply("answer", SECRET, latency_ms=3))
    app = build_app(guide)  # type: ignore[arg-type]
    with caplog.at_level(logging.DEBUG, logger="chat"), serving(app) as address:
        called(address, "ask_guide", message=SECRET)
        numbers = TestClient(app, base_url=address.removesuffix("/mcp")).get("/metrics").text
        assert 'guide_replies_total{kind="answer",level="none"} 1.0' in numbers
        guide.reply_with = RuntimeError(f"cannot read {SECRET}")
        result = called(address, "ask_guide", message=SECRET)
        assert result.is_error and result.content[0].text.startswith("something went wrong inside the guide")
        numbers = TestClient(app, base_url=address.removesuffix("/mcp")).get("/metrics").text
        assert "guide_failures_total 1.0" in numbers
    assert "RuntimeError" in caplog.text and SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


def test_a_missing_package_is_explained(opened: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.streamable_http_manager", None)
    with pytest.raises(ToolsMissing, match=r"GUIDE_MCP=1 needs the package mcp. Install it with: .*\[mcp\]"):
        build_app(FakeGuide())  # type: ignore[arg-type]
