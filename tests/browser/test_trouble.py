"""What goes wrong: slow and lost connections, restarts, double presses, odd keyboards, other tabs and other sites."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from chat.referral import ReferralDesk
from tests.browser.conftest import OpenPage, Traffic, ask, free_port, run_server, wait_until_ready, watch_page
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
QUESTION = "how long should no contact last?"
UNREACHED = r"ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to fetch|ERR_EMPTY_RESPONSE"


def test_a_server_that_goes_and_comes_back_costs_no_word(
    open_page: OpenPage, corpus_index: Path, traffic: Traffic
) -> None:
    traffic.expected = UNREACHED
    port = free_port()
    with ExitStack() as first:
        base = first.enter_context(run_server(corpus_index, port))
        page = open_page(base=base)
        ask(page, QUESTION)
        first.close()
        box = page.get_by_label("Your question")
        box.fill("and if we work together?")
        box.press("Enter")
        expect(page.locator("#notice")).to_contain_text("The guide cannot be reached right now")
        expect(box).to_have_value("and if we work together?")
        page.locator("#bar a.urge").click()  # the pause needs no server
        expect(page.get_by_role("dialog").get_by_text("Wanting to write is a strong feeling")).to_be_visible()
        page.keyboard.press("Escape")
    with ExitStack() as second:
        with page.expect_event("load"):  # the page loads itself again when the server is back
            second.enter_context(run_server(corpus_index, port))
        wait_until_ready(page)
        expect(page.locator("#chat .reply")).to_have_count(1)
        expect(page.get_by_label("Your question")).to_have_value("and if we work together?")
        assert page.evaluate("sessionStorage.length") == 0
        page.get_by_label("Your question").press("Enter")
        expect(page.locator("#chat .reply")).to_have_count(2)
        expect(page.locator("#chat .reply").last).to_contain_text("work")
        page.close()


def test_a_question_that_the_server_refuses_is_told_and_can_be_sent_again(
    open_page: OpenPage, traffic: Traffic
) -> None:
    traffic.expected = "503"
    page = open_page()
    full = {"status": 503, "json": {"detail": "Queue is full. Max size is 64 and size is 64."}}
    page.route("**/queue/join*", lambda route: route.fulfill(**full))
    box = page.get_by_label("Your question")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.locator("#notice")).to_contain_text("did not get through")
    expect(box).to_have_value(QUESTION)
    box.click(trial=True)  # the notice hides neither the box nor the button for the urge
    page.locator("#bar a.urge").click(trial=True)
    expect(page.locator("#chat .reply")).to_have_count(0)
    page.unroute("**/queue/join*")
    box.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(1)
    expect(page.locator("#notice")).to_be_empty()


def test_a_restart_that_nobody_noticed_costs_no_word(
    open_page: OpenPage, corpus_index: Path, traffic: Traffic
) -> None:
    traffic.expected = UNREACHED
    port = free_port()
    with run_server(corpus_index, port) as base:
        page = open_page(base=base)
        ask(page, QUESTION)
        page.get_by_label("Your question").fill("and if we work together?")
    with run_server(corpus_index, port):
        page.wait_for_timeout(3000)  # the page may load itself again in this time
        wait_until_ready(page)
        expect(page.locator("#chat .reply")).to_have_count(1)
        box = page.get_by_label("Your question")
        expect(box).to_have_value("and if we work together?")
        box.press("Enter")
        expect(page.locator("#chat .reply")).to_have_count(2)
        expect(page.locator("#chat .reply").last).to_contain_text("work")
        expect(page.locator("#chat .user-row").first).to_contain_text(QUESTION)
        page.close()


def test_on_a_slow_network_the_question_stands_there_and_the_answer_follows(open_page: OpenPage) -> None:
    page = open_page()

    slow = {"offline": False, "latency": 700, "downloadThroughput": -1, "uploadThroughput": -1}
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", slow)
    box = page.get_by_label("Your question")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.locator("#box")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#chat .reply")).to_have_count(1)
    expect(page.locator("#box")).to_have_attribute("aria-busy", "false")


def test_pressing_twice_asks_once(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_label("Your question")
    box.fill(QUESTION)
    page.evaluate("() => { const b = document.querySelector('#box button'); b.click(); b.click(); }")
    expect(page.locator("#chat .reply")).to_have_count(1)
    page.wait_for_timeout(800)
    expect(page.locator("#chat .user-row")).to_have_count(1)


def test_enter_that_chooses_a_word_does_not_send(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_label("Your question")
    box.fill("にほんご")
    box.evaluate(
        "e => e.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"
    )
    page.wait_for_timeout(500)
    expect(page.locator("#chat .user-row")).to_have_count(0)
    expect(box).to_have_value("にほんご")


def test_twenty_thousand_characters_can_be_pasted_and_are_answered(open_page: OpenPage) -> None:
    page = open_page()
    long = ("We broke up and I keep wondering how long no contact should last. " * 400)[:20_000]
    box = page.get_by_label("Your question")
    box.focus()
    page.keyboard.insert_text(long)
    expect(box).to_have_value(long)
    assert page.evaluate("document.querySelector('#box').getBoundingClientRect().height") < 400
    box.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_tabs_hold_two_conversations(open_page: OpenPage, server: str) -> None:
    page = open_page()
    ask(page, QUESTION)
    other = page.context.new_page()
    other.goto(server)
    wait_until_ready(other)
    expect(other.locator("#chat .reply")).to_have_count(0)
    ask(other, "should I block them everywhere?")
    ask(page, "and if we work together?")
    expect(page.locator("#chat .user-row")).to_have_count(2)
    expect(other.locator("#chat .user-row")).to_have_count(1)
    assert "block" not in page.locator("#chat").inner_text().split("work together")[0]


def test_back_leads_to_where_the_person_came_from_and_forward_to_an_empty_window(
    open_page: OpenPage, server: str
) -> None:
    page = open_page("/privacy")
    page.goto(server)
    wait_until_ready(page)
    ask(page, QUESTION)
    page.locator('footer a[href="/privacy"]').click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    assert page.url == f"{server}/privacy"
    page.go_forward()
    wait_until_ready(page)
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_conversation_is_copied_and_saved_with_its_sources(open_page: OpenPage) -> None:
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    page.get_by_role("button", name="Copy this answer").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("No number of days fits everyone. [1]") and "Sources:\n[1] " in copied
    expect(page.locator("#chat .copy-answer")).to_have_text("Copied")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save it as a file").click()
    words = Path(saving.value.path()).read_text(encoding="utf-8")
    assert f"## {QUESTION}" in words and copied in words
    page.get_by_role("button", name="Copy the conversation").click()
    assert page.evaluate("navigator.clipboard.readText()") == words


def test_the_answer_of_a_screenreader_and_the_words_of_a_person_are_never_markup(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "</textarea><script>window.bad = 1</script> how long?")
    ask(page, "and then?")
    assert page.evaluate("window.bad") is None


# ---------------------------------------------------------------- other sites


@contextmanager
def other_site(page: str, port: int = 0) -> Iterator[str]:
    """A page on another origin of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


def framed(context: BrowserContext, address: str, traffic: Traffic) -> Page:
    page = context.new_page()
    watch_page(page, traffic)
    page.goto(address)
    return page


def test_another_site_cannot_put_the_window_in_a_frame(
    open_page: OpenPage, server: str, traffic: Traffic
) -> None:
    traffic.expected = "frame-ancestors|ERR_BLOCKED_BY_RESPONSE"
    context = open_page("/privacy").context
    with other_site(f'<iframe src="{server}/" title="guide"></iframe>') as site:
        page = framed(context, site, traffic)
        page.wait_for_timeout(800)
        assert page.frame_locator("iframe").locator("#bar").count() == 0
        page.close()


def test_a_site_that_is_named_shows_the_guide_in_its_own_colour_and_leaves_as_a_whole(
    open_page: OpenPage, server: str, friendly_port: int, traffic: Traffic
) -> None:
    context = open_page("/privacy").context
    widget = (
        f'<html lang="en"><title>x</title><script src="{server}/widget.js" data-accent="#7a1f5c"></script>'
    )
    with other_site(widget, friendly_port) as site:
        page = framed(context, site, traffic)
        guide = page.frame_locator("iframe")
        guide.get_by_label("Your question").fill(QUESTION)
        guide.get_by_label("Your question").press("Enter")
        expect(guide.locator("#chat .reply")).to_have_count(1)
        colour = "e => getComputedStyle(e).getPropertyValue('--accent').trim()"
        assert guide.locator("body").evaluate(colour) == "#7a1f5c"
        page.wait_for_function("document.querySelector('iframe').offsetHeight > 640")
        guide.locator("a.leave").first.evaluate(f"a => a.href = '{server}/healthz'")
        guide.get_by_role("link", name="Leave this page").click()
        page.wait_for_url(f"{server}/healthz")
        page.close()


# ---------------------------------------------------------------- reading and helplines


def test_the_library_is_narrowed_in_the_browser_alone(open_page: OpenPage, traffic: Traffic) -> None:
    page = open_page("/read")
    before = len(traffic.requests)
    page.get_by_label("Find in titles and questions").press_sequentially("sixty days", delay=5)
    expect(page.locator("#narrowed")).to_contain_text("texts")
    expect(page.locator(".entry:visible h3", has_text="How long should no contact last?")).to_be_visible()
    expect(page.locator(".entry:visible h3", has_text="Closure you can make yourself")).to_have_count(0)
    assert [url for url in traffic.urls()[before:] if "/icon-" not in url] == []


def test_a_link_to_cited_words_opens_the_text_at_them(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    address = page.locator("#source-1-1 .onward a").get_attribute("href") or ""
    words = page.locator("#source-1-1 mark").first.inner_text()
    alone = open_page(address, width=390, height=844)
    expect(alone.locator("#cited")).to_be_in_viewport()
    expect(alone.locator("#cited")).to_have_text(words)
    heading = open_page("/read/articles/how-long#six-signs-that-you-are-ready", width=390, height=844)
    expect(heading.locator("#six-signs-that-you-are-ready")).to_be_in_viewport()


@pytest.mark.parametrize("place", ["/read/notes/ohara-2020", "/"])
def test_a_note_is_read_as_pdf_in_a_tab_of_its_own(
    open_page: OpenPage, server: str, traffic: Traffic, place: str
) -> None:
    page = open_page(place)
    if place == "/":
        ask(page, QUESTION)
        page.locator('footer a[href="/read"]').click()
        page.get_by_role("dialog").locator('a[href="/read/notes/ohara-2020"]').first.click()
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="Read it as PDF").click()
    assert opening.value.url == f"{server}/read/notes/ohara-2020.pdf"
    opening.value.close()
    if place == "/":
        expect(page.locator("#chat .reply")).to_have_count(1)


def test_a_question_on_a_reading_page_is_asked_in_the_conversation(open_page: OpenPage, server: str) -> None:
    page = open_page("/read/articles/how-long")
    link = page.locator(".asked a").first
    words = link.inner_text()
    link.click()
    wait_until_ready(page)
    expect(page.locator("#chat .user-row")).to_contain_text(words)
    page.locator('footer a[href="/read"]').click()  # and from a sheet, without losing what was said
    page.get_by_role("dialog").locator('a[href="/read/articles/closure"]').first.click()
    again = page.get_by_role("dialog").locator(".asked a").first
    words = again.inner_text()
    again.click()
    expect(page.locator("#chat .user-row").last).to_contain_text(words)
    expect(page.locator("#chat .reply")).to_have_count(2)


def test_helplines_can_be_kept_for_times_without_a_network_and_removed(
    open_page: OpenPage, server: str, traffic: Traffic
) -> None:
    traffic.expected = UNREACHED
    page = open_page("/helplines")
    keep = page.get_by_role("button", name="Keep the helplines on this device")
    keep.click()
    remove = page.get_by_role("button", name="Remove the helplines from this device")
    expect(remove).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.goto(server)
    expect(page.get_by_role("heading", name="Helplines")).to_be_visible()
    expect(page.locator('a[href="tel:999"]').first).to_be_visible()
    assert page.locator("#bar").evaluate("e => getComputedStyle(e).position") == "sticky"  # styled, too
    page.context.set_offline(False)
    page.goto(f"{server}/helplines")
    remove.click()
    expect(keep).to_be_visible()
    left = "(async () => [(await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length])()"
    assert page.evaluate(left) == [0, 0]


def test_every_number_that_is_shown_can_be_dialled(open_page: OpenPage) -> None:
    page = open_page("/helplines", locale="en-US")
    numbers = set(page.locator('a[href^="tel:"]').evaluate_all("all => all.map(a => a.href.slice(4))"))
    desk = ReferralDesk.open(ROOT / "corpus")
    told = {
        digits
        for _, code in desk.countries()
        for line in desk.lines_of(code)
        for digits in getattr(line, "dial", ())
    }
    assert told - {"112"} <= numbers | {"112"} and json.dumps(sorted(numbers))
