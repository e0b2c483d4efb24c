"""What every request passes, and the API."""

from __future__ import annotations

import logging

import pytest
from fastapi.testclient import TestClient

from chat.frame import version
from chat.guide import Guide
from chat.http import MAX_BODY, MAX_WINDOW_BODY, parse_question
from chat.types import Reply, RiskAssessment
from indexer.errors import GuideError
from tests.chat.fake_guide import SECRET, FakeGuide, client_of


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


@pytest.mark.parametrize("door", ["/gradio_api/queue/join", "/gradio_api/run/predict"])
def test_the_window_may_hand_back_a_long_conversation_but_not_any_length(
    client: TestClient, door: str
) -> None:
    assert client.post(door, content=b" " * (MAX_BODY + 1)).status_code != 413
    assert client.post(door, content=b" " * (MAX_WINDOW_BODY + 1)).status_code == 413


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


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/theme.css", "/gradio_api/upload", "/nothing", "/read", "/helplines", "/api/ask"],
)
def test_every_response_has_strict_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
    assert "unsafe-eval" not in policy and "http" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/read", "/site/{version}/site.css"])
def test_pages_and_styles_go_over_the_wire_compressed(client: TestClient, path: str) -> None:
    address = path.format(version=version())
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    packed = client.get(address)
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.headers["vary"] == "Accept-Encoding"
    if path != "/":  # which has a nonce of its own each time
        assert packed.content == plain.content


def test_a_pdf_and_small_answers_go_as_they_are(client: TestClient) -> None:
    for path in ("/read/notes/ohara-2020.pdf", "/healthz"):
        assert "content-encoding" not in client.get(path).headers


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
