"""What the window is told to show, and what it forgets."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

from fastapi import FastAPI
from fastapi.testclient import TestClient

from chat.guide import Guide
from chat.window import forget_idle
from tests.chat.fake_guide import SECRET


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


def test_a_server_that_forgot_a_window_still_knows_every_country(client: TestClient, guide: Guide) -> None:
    """Else it refuses the next question of whoever waited a minute, or asked another copy before."""
    config = client.get("/config").json()
    (country,) = [c["props"] for c in config["components"] if c["props"].get("elem_id") == "country"]
    known = {code for _, code in country["choices"]}
    assert known == {"", *(code for _, code in guide.desk.countries())}


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
