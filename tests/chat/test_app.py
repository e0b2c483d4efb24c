"""The API, the doors of the server, and what the window is told to show."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chat.app import (
    MAX_BODY,
    REMEMBERED_TURNS,
    STARTERS,
    Exchange,
    build_app,
    continue_conversation,
    forget_idle,
    guess_country,
    messages_of,
    parse_question,
    serve,
    standing_helplines,
    starters,
    trusted_hosts,
    turns_of,
    with_country,
)
from chat.guide import Guide
from chat.referral import ReferralDesk
from chat.types import Citation, Reply, RiskAssessment, Turn
from indexer.encoder import SentenceEncoder
from indexer.errors import GuideError
from indexer.types import Passage, Span

SECRET = "zebra umbrella"
TEXT = "Sixty days is a rule of thumb."
PASSAGE = Passage(
    "p1",
    "faq/a",
    "faq",
    "Questions",
    ("How long?",),
    TEXT,
    0,
    len(TEXT),
    (Span(0, len(TEXT)),),
    questions=("How long?",),
)


@dataclass
class FakeGuide:
    """Says what it is told to say, and remembers what it was asked."""

    reply_with: Reply | Exception = field(
        default_factory=lambda: Reply("answer", "Sixty days.", suggestions=("How long?",))
    )
    asked: list[tuple[str, tuple[Turn, ...], str | None]] = field(default_factory=list)
    broken_index: Exception | None = None

    def __post_init__(self) -> None:
        self.desk = ReferralDesk.open(Path(__file__).parents[2] / "corpus")

    @property
    def index(self) -> Any:
        if self.broken_index:
            raise self.broken_index
        return SimpleNamespace(
            build_id="b1", passages=(PASSAGE,), references={}, document_ids=lambda: ["faq/a"]
        )

    def reply(self, message: str, history: Any = (), country: str | None = None, hits: int = 10) -> Reply:
        if message:
            self.asked.append((message, tuple(history), country))
            if isinstance(self.reply_with, Exception):
                raise self.reply_with
        assert isinstance(self.reply_with, Reply) or not message
        return self.reply_with if isinstance(self.reply_with, Reply) else Reply("clarify", "?")


def client_of(guide: Any) -> TestClient:
    return TestClient(build_app(guide), base_url="http://127.0.0.1:7860", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def guide(corpus_index: Path, encoder: SentenceEncoder) -> Guide:
    return Guide.open(corpus_index, encoder)


@pytest.fixture(scope="module")
def app(guide: Guide) -> FastAPI:
    return build_app(guide)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as opened:
        yield opened


# ---------------------------------------------------------------- the API


def test_a_question_gets_the_reply_line_of_the_contract(client: TestClient, guide: Guide) -> None:
    response = client.post("/api/ask", json={"id": "q1", "message": "how long should no contact last?"})
    line = response.json()
    assert response.status_code == 200
    assert line["id"] == "q1"
    assert set(line) == set(guide.reply("how long should no contact last?").to_json())
    assert line["kind"] == "answer"
    assert line["citations"][0]["n"] == 1


def test_the_country_of_a_question_chooses_the_helplines(client: TestClient) -> None:
    question = {"message": "I want to kill myself"}
    british = client.post("/api/ask", json=question | {"country": "GB"}).json()
    american = client.post("/api/ask", json=question | {"country": "US"}).json()
    assert british["kind"] == american["kind"] == "referral"
    assert "999" in british["text"] and "116 123" in british["text"]
    assert "911" in american["text"] and "988" in american["text"]


def test_the_country_of_the_environment_is_used_where_a_question_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guide = FakeGuide()
    monkeypatch.setenv("GUIDE_COUNTRY", "NZ")
    client = client_of(guide)
    client.post("/api/ask", json={"message": "a"})
    client.post("/api/ask", json={"message": "b", "country": "GB"})
    assert [country for _, _, country in guide.asked] == ["NZ", "GB"]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "the body must be JSON in UTF-8"),
        (b'{"message": "x"', 400, "the body must be JSON in UTF-8"),
        (b'{"message": "\xff"}', 400, "the body must be JSON in UTF-8"),
        (b'{"message": "\\ud800"}', 400, "the body must be JSON in UTF-8"),
        (b'{"message": "x", "id": NaN}', 400, "the body must be JSON in UTF-8"),
        (b"[" * 200_000, 400, "the body must be JSON in UTF-8"),
        (b'["how long?"]', 400, "the body must be one JSON object"),
        (b"{}", 422, '"message" is missing or is not text'),
        (b'{"message": 3}', 422, '"message" is missing or is not text'),
        (b'{"message": "x", "history": "y"}', 422, '"history" must be a list of turns'),
        (b'{"message": "x", "history": [{"role": "system", "content": "y"}]}', 422, "history[0] must be"),
        (b'{"message": "x", "country": 44}', 422, '"country" must be an ISO code'),
    ],
)
def test_bad_input_gets_a_clear_message(client: TestClient, body: bytes, status: int, why: str) -> None:
    response = client.post("/api/ask", content=body)
    assert response.status_code == status
    assert response.json()["error"].startswith(why)


def test_the_id_of_a_question_of_the_wrong_form_comes_back_with_the_error(client: TestClient) -> None:
    assert client.post("/api/ask", json={"id": 7}).json()["id"] == 7


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    response = client.post("/api/ask", content=b" " * (MAX_BODY + 1))
    assert response.status_code == 413
    assert response.json()["error"] == "a request may have at most 1048576 bytes"


def test_a_large_body_of_untold_length_is_refused_too(client: TestClient) -> None:
    chunks = (b" " * 100_000 for _ in range(20))
    assert client.post("/api/ask", content=chunks).status_code == 413


def test_a_body_is_parsed_into_the_question() -> None:
    assert parse_question(b'{"message": "caf\xc3\xa9"}') == {"message": "café"}


def test_a_fault_is_answered_kindly_and_logged_without_a_persons_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = client_of(FakeGuide(reply_with=RuntimeError(f"cannot read {SECRET}")))
    with caplog.at_level(logging.DEBUG):
        response = client.post("/api/ask", json={"message": SECRET})
    assert response.status_code == 500
    assert response.json()["error"].startswith("something went wrong inside the guide")
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


# ---------------------------------------------------------------- health and numbers


def test_health_is_up_and_ready_names_the_build(client: TestClient, guide: Guide) -> None:
    assert client.get("/healthz").json() == {"status": "up"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "build": guide.index.build_id}


def test_a_guide_whose_index_cannot_be_read_is_not_ready() -> None:
    guide = FakeGuide()
    client = client_of(guide)
    guide.broken_index = GuideError("gone")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "why": "GuideError"}
    assert client.get("/healthz").status_code == 200


def test_metrics_count_replies_by_kind_and_level_and_hold_no_words() -> None:
    reply = Reply("referral", SECRET, risk=RiskAssessment("crisis", "self_harm"), latency_ms=30)
    client = client_of(FakeGuide(reply_with=reply))
    client.post("/api/ask", json={"message": SECRET})
    numbers = client.get("/metrics")
    assert numbers.headers["content-type"].startswith("text/plain")
    assert 'guide_replies_total{kind="referral",level="crisis"} 1.0' in numbers.text
    assert 'guide_reply_seconds_bucket{le="0.025"} 0.0' in numbers.text
    assert 'guide_reply_seconds_bucket{le="0.05"} 1.0' in numbers.text
    assert "zebra" not in numbers.text


def test_two_apps_count_apart() -> None:
    first, second = client_of(FakeGuide()), client_of(FakeGuide())
    first.post("/api/ask", json={"message": "a"})
    assert 'guide_replies_total{kind="answer"' not in second.get("/metrics").text


def test_the_documentation_names_only_the_api(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/api/ask", "/healthz", "/readyz", "/metrics"}
    assert client.get("/docs").status_code == 404


# ---------------------------------------------------------------- doors


@pytest.mark.parametrize("path", ["/", "/healthz", "/theme.css", "/gradio_api/upload", "/nothing"])
def test_every_response_has_strict_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'self'" in policy
    assert "unsafe-eval" not in policy and "http" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:3000", "null"])
def test_a_page_of_another_site_cannot_ask(client: TestClient, origin: str) -> None:
    response = client.post("/api/ask", json={"message": "hello"}, headers={"Origin": origin})
    assert response.status_code == 403
    assert response.json()["error"] == "the guide does not answer pages of other sites"
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_the_guides_own_page_can_ask_and_gets_no_cross_site_headers(client: TestClient) -> None:
    for path in ("/", "/theme.css"):
        response = client.get(path, headers={"Origin": "http://127.0.0.1:7860"})
        assert response.status_code == 200
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_name_that_was_made_to_point_here_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example:7860"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "upload",
        "deep_link?session_hash=x",
        "info",
        "openapi.json",
        "file=/etc/passwd",
        "proxy=https://huggingface.co/x",
        "run/ask",
        "call/ask",
        "monitoring/summary",
        "runs",
    ],
)
def test_what_the_window_does_not_need_of_gradio_is_closed(client: TestClient, path: str) -> None:
    assert client.get(f"/gradio_api/{path}").status_code == 404
    assert client.post(f"/gradio_api/{path}").status_code == 404


@pytest.mark.parametrize("path", ["/monitoring", "/runs", "/login", "/file=/etc/passwd", "/upload"])
def test_the_other_pages_of_gradio_are_closed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 405)


def test_the_hosts_of_a_local_guide_are_this_machine_and_those_that_were_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GUIDE_HOSTS", raising=False)
    assert trusted_hosts("127.0.0.1") == ["127.0.0.1", "localhost", "[::1]"]
    assert trusted_hosts("0.0.0.0") == ["*"]
    monkeypatch.setenv("GUIDE_HOSTS", "guide.example.org, ")
    assert trusted_hosts("0.0.0.0") == ["127.0.0.1", "localhost", "[::1]", "guide.example.org"]


# ---------------------------------------------------------------- the window


def test_the_window_keeps_nothing_and_shares_nothing(client: TestClient) -> None:
    config = client.get("/config").json()
    assert all(event["api_visibility"] == "private" for event in config["dependencies"])
    assert config["run_history"] is False
    assert config["footer_links"] == []
    assert config["analytics_enabled"] is False
    assert config["show_error"] is False
    (chat,) = [c["props"] for c in config["components"] if c["type"] == "chatbot"]
    assert chat["buttons"] == []
    assert chat["sanitize_html"] is True and chat["latex_delimiters"] == []
    assert not [c for c in config["components"] if c["type"] in ("html", "file", "browserstate")]


def test_the_start_page_names_no_other_host_to_fetch_from(client: TestClient) -> None:
    page = client.get("/").text
    assert "The no-contact guide" in page
    assert "fonts.googleapis" not in page and "cdn" not in page.lower()


def test_the_guide_gets_the_turns_as_plain_text(guide: Guide) -> None:
    fake = FakeGuide()
    conversation = continue_conversation(fake, (), "how long?", "GB")  # type: ignore[arg-type]
    continue_conversation(fake, conversation, "and then?", "")  # type: ignore[arg-type]
    assert fake.asked == [
        ("how long?", (), "GB"),
        ("and then?", (Turn("user", "how long?"), Turn("assistant", "Sixty days.")), None),
    ]


def test_a_very_long_conversation_goes_along_with_its_last_turns() -> None:
    exchanges = tuple(Exchange(str(n), Reply("answer", "."), "") for n in range(REMEMBERED_TURNS))
    turns = turns_of(exchanges)
    assert len(turns) == REMEMBERED_TURNS
    assert turns[-2] == Turn("user", str(REMEMBERED_TURNS - 1))


def test_sources_stay_as_they_were_when_the_index_changes() -> None:
    fake = FakeGuide()
    citation = Citation(1, "p1", "faq/a", "faq", "Questions", "How long?", (), TEXT, 0, len(TEXT), None)
    fake.reply_with = Reply("answer", TEXT, citations=(citation,))
    (exchange,) = continue_conversation(fake, (), "how long?", None)  # type: ignore[arg-type]
    assert f"<mark>{TEXT}</mark>" in exchange.sources
    assert 'id="source-1-1"' in exchange.sources


def test_messages_alternate_and_links_count_the_replies() -> None:
    conversation = (Exchange("a", Reply("answer", "b"), ""), Exchange("c", Reply("answer", "d"), ""))
    messages = messages_of(conversation)
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2
    assert 'id="reply-2"' in messages[3]["content"]


def test_another_country_changes_the_helplines_of_a_referral_and_nothing_else(guide: Guide) -> None:
    conversation = continue_conversation(guide, (), "how long should no contact last?", "GB")
    conversation = continue_conversation(guide, conversation, "I want to kill myself", "GB")
    changed = with_country(guide, conversation, "US")
    assert changed[0] == conversation[0]
    before, after = conversation[1].reply, changed[1].reply
    assert "988" in after.text and "988" not in before.text
    assert "116 123" in before.text and "116 123" not in after.text
    assert after == guide.reply("I want to kill myself", turns_of(conversation[:1]), "US") or (
        after.text == guide.reply("I want to kill myself", turns_of(conversation[:1]), "US").text
    )


@pytest.mark.parametrize(
    ("header", "country"),
    [
        ("en-GB,en;q=0.9", "GB"),
        ("en-us", "US"),
        ("de-CH;q=1", ""),
        ("en,en-GB;q=0.9", ""),
        ("zh-Hans-US", "US"),
        ("", ""),
        ("<x-GB", "GB"),
    ],
)
def test_the_country_is_guessed_from_the_first_language_only(header: str, country: str) -> None:
    assert guess_country(header, ["GB", "US"]) == country


def test_the_standing_helplines_begin_with_the_emergency_number_and_repeat_nothing(guide: Guide) -> None:
    lines = standing_helplines(guide, "GB")
    assert lines[0].purpose == "emergency" and lines[0].phone and "999" in lines[0].phone
    assert len(lines) == len(set(lines))
    assert {"suicide", "domestic_violence"} <= {line.purpose for line in lines}


def test_every_starter_stands_in_the_library_and_is_answered(guide: Guide) -> None:
    assert starters(guide) == STARTERS
    for question in STARTERS:
        assert guide.reply(question).kind == "answer", question


def test_another_corpus_has_starters_of_its_own() -> None:
    assert starters(FakeGuide()) == ("How long?",)  # type: ignore[arg-type]


def test_what_an_idle_window_held_is_forgotten() -> None:
    now = datetime.now()
    sessions = SimpleNamespace(
        session_data={"old": SECRET, "new": "b"},
        time_last_used={"old": now - timedelta(hours=2), "new": now},
    )
    forget_idle(sessions, now - timedelta(hours=1))
    assert sessions.session_data == {"new": "b"}
    assert list(sessions.time_last_used) == ["new"]


def test_the_toolkit_still_keeps_its_sessions_where_we_clear_them(app: FastAPI) -> None:
    sessions = app.state.sessions
    sessions["a window"]
    assert set(sessions.session_data) == set(sessions.time_last_used) == {"a window"}
    forget_idle(sessions, datetime.now() + timedelta(seconds=1))
    assert not sessions.session_data and not sessions.time_last_used


# ---------------------------------------------------------------- starting


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
