"""Leaving, forgetting, and what stays behind."""

from __future__ import annotations

import re
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Traffic, ask, wait_until_ready

pytestmark = pytest.mark.browser
QUESTION = "how long should no contact last?"


def point_the_way_out_at(page: Page, path: str) -> None:
    """The tests stay on this machine."""
    page.evaluate("path => { for (const a of document.querySelectorAll('a.leave')) a.href = path; }", path)


def windows_remembered(server: str) -> float:
    with urllib.request.urlopen(f"{server}/metrics") as answer:
        found = re.search(r"^guide_windows_remembered (\S+)", answer.read().decode(), re.MULTILINE)
    assert found
    return float(found.group(1))


@pytest.mark.parametrize("way", ["button", "escape", "escape in a sheet"])
def test_leaving_takes_the_place_of_the_page_and_back_does_not_return(
    open_page: OpenPage, server: str, way: str
) -> None:
    page = open_page("/privacy")
    page.goto(server)
    wait_until_ready(page)
    ask(page, QUESTION)
    point_the_way_out_at(page, "/healthz")
    before = page.evaluate("history.length")
    if way == "button":
        page.mouse.wheel(0, 3000)
        link = page.get_by_role("link", name="Leave this page")
        expect(link).to_be_in_viewport()  # always in reach
        link.click()
    else:
        if way == "escape in a sheet":
            page.locator("#bar a.urge").click()
            expect(page.get_by_role("dialog")).to_be_visible()
        for _ in range(3):
            page.keyboard.press("Escape")
    page.wait_for_url(f"{server}/healthz")
    assert page.evaluate("history.length") == before
    page.go_back()  # to /privacy, which sends on
    page.wait_for_url(f"{server}/healthz")
    assert page.evaluate("JSON.stringify(sessionStorage)") == f'{{"left":"{server}/healthz"}}'
    page.goto(f"{server}/privacy")  # whoever comes again of their own accord is let in
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_two_presses_of_escape_do_not_leave(open_page: OpenPage, server: str) -> None:
    page = open_page("/privacy")
    point_the_way_out_at(page, "/healthz")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_timeout(1700)
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)
    assert page.url == f"{server}/privacy"


def test_forget_this_chat_empties_it_on_both_sides(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    page.get_by_role("button", name="Forget this chat").click()
    expect(page.locator("#chat .reply")).to_have_count(0)
    expect(page.locator("#sources mark")).to_have_count(0)
    expect(page.locator("#held textarea")).to_have_value("[]")
    expect(page.get_by_role("button", name="Forget this chat")).to_be_hidden()
    ask(page, "and why?")  # leans on what came before, which the guide no longer has
    expect(page.locator("#chat .reply.clarify")).to_have_count(1)


def test_nothing_of_a_session_is_left_in_the_browser_or_on_the_servers_disk(
    open_page: OpenPage, server: str, servers_home: Path, corpus_index: Path
) -> None:
    secret = "zebraumbrella"
    page = open_page()
    ask(page, f"how long should no contact last? {secret}")
    page.locator("#bar a.urge").click()
    page.get_by_role("dialog").get_by_role("button", name="Next").click()
    kept = page.evaluate(
        """async () => [localStorage.length, sessionStorage.length, document.cookie,
           (await indexedDB.databases()).length, (await caches.keys()).length,
           (await navigator.serviceWorker.getRegistrations()).length]"""
    )
    assert kept == [0, 0, "", 0, 0, 0] and page.context.cookies() == []
    remembered = windows_remembered(server)
    point_the_way_out_at(page, "/healthz")
    page.get_by_role("dialog").get_by_role("link", name="Leave this page").click()
    page.wait_for_url(f"{server}/healthz")
    deadline = time.time() + 30
    while windows_remembered(server) >= remembered and time.time() < deadline:
        time.sleep(0.2)
    assert windows_remembered(server) < remembered, "the server still remembers a window that was left"
    written = [path for place in (servers_home, corpus_index) for path in place.rglob("*") if path.is_file()]
    assert written and not [path for path in written if secret.encode() in path.read_bytes()]
    page.goto(f"{server}/healthz")  # anew, which takes away the mark that "back" reads
    page.goto(f"{server}/privacy")


def test_a_question_in_the_address_is_asked_and_taken_out_of_the_address(
    open_page: OpenPage, server: str
) -> None:
    page = open_page("/?q=how%20long%20should%20no%20contact%20last%3F")
    expect(page.locator("#chat .user-row")).to_contain_text(QUESTION)
    expect(page.locator("#chat .reply.answer")).to_have_count(1)
    assert page.url == f"{server}/"


def test_no_page_asks_another_host_or_sends_words_that_were_only_typed(
    open_page: OpenPage, traffic: Traffic
) -> None:
    page = open_page()
    page.get_by_label("Your question").press_sequentially("not sent yet", delay=5)
    page.wait_for_timeout(400)
    assert not [r for r in traffic.requests if r.post_data and "not sent yet" in r.post_data]
