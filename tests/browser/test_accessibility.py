"""WCAG 2.2 A and AA by axe on every page and state, and what axe cannot see."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.conftest import OpenPage, Traffic, ask, wait_until_ready

pytestmark = pytest.mark.browser
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
PAGES = [
    "/read",
    "/read/articles/how-long",
    "/read/notes/sbarra-contact-and-fading",
    "/read/notes/ohara-2020",
    "/helplines",
    "/plan",
    "/pause",
    "/unsent",
    "/privacy",
    "/about-the-screen",
    "/how-it-works",
]


def violations(page: Page, dark: bool = False) -> list[str]:
    """What axe finds; in the dark only the colours are other ones."""
    rules = {"runOnly": ["color-contrast"] if dark else LEVELS, "resultTypes": ["violations"]}
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{v['id']}: {[n['html'][:160] for n in v['nodes'][:3]]}" for v in found]


def show_answer(page: Page) -> None:
    ask(page, "how long should no contact last?")


def show_referral(page: Page) -> None:
    ask(page, "I want to kill myself")


def show_what_it_lacks(page: Page) -> None:
    ask(page, "what is the capital of France?")


def show_pause(page: Page) -> None:
    page.locator("#bar a.urge").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Begin ten quiet minutes").click()


def show_source(page: Page) -> None:
    show_answer(page)
    page.locator("#chat sup a").first.click()


def show_text(page: Page) -> None:
    page.locator('footer a[href="/read"]').click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_be_visible()


def show_menu(page: Page) -> None:
    page.get_by_text("Menu", exact=True).click()


def show_helplines(page: Page) -> None:
    page.locator('footer a[href="/helplines"]').click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_be_visible()


# One page goes through its states, one after the other: loading the window is what takes time.
STATES: list[Callable[[Page], None]] = [show_answer, show_referral, show_what_it_lacks]
OVERLAYS: list[Callable[[Page], None]] = [show_pause, show_text, show_helplines]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1280, False), (1280, True)])
def test_axe_finds_nothing_in_the_window(open_page: OpenPage, width: int, dark: bool) -> None:
    page = open_page(width=width, height=844, dark=dark, reduced_motion="reduce")
    assert violations(page, dark) == []
    for show in STATES:
        show(page)
        assert violations(page, dark) == [], show.__name__
    if width < 768:
        page.locator("#chat sup a").first.click()
        assert violations(page, dark) == [], "drawer"
        page.get_by_role("button", name="Close").click()
        show_menu(page)
        assert violations(page, dark) == [], "menu"
        page.mouse.click(3, 300)  # beside it
    for overlay in OVERLAYS:
        overlay(page)
        assert violations(page, dark) == [], overlay.__name__
        page.mouse.click(3, 3)  # above the sheet


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_in_any_step_of_the_pause(open_page: OpenPage, dark: bool) -> None:
    page = open_page("/pause", width=390, height=844, dark=dark, reduced_motion="reduce")
    forward = page.get_by_role("button", name="Next")
    while forward.is_visible():
        assert violations(page, dark) == [], page.locator(".step:visible h2").inner_text()
        forward.click()
    for answer in page.locator(".answers summary").all():
        answer.click()
        assert violations(page, dark) == [], answer.inner_text()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_while_the_guide_cannot_be_reached(
    open_page: OpenPage, traffic: Traffic, dark: bool
) -> None:
    traffic.expected = "ERR_INTERNET_DISCONNECTED|Failed to fetch|ERR_FAILED"
    page = open_page(width=390, height=844, dark=dark, reduced_motion="reduce")
    page.context.set_offline(True)
    box = page.get_by_label("Your question")
    box.fill("are you there?")
    box.press("Enter")
    expect(page.locator("#notice")).to_contain_text("cannot be reached right now")
    assert violations(page, dark) == []
    page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_any_page(open_page: OpenPage, server: str, dark: bool) -> None:
    page = open_page(PAGES[0], width=390, height=844, dark=dark, reduced_motion="reduce")
    for path in PAGES:
        page.goto(server + path)
        for summary in page.locator("main summary:visible").all()[:3]:
            summary.click()
        assert violations(page, dark) == [], path


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_the_page_for_what_is_not_there(
    open_page: OpenPage, traffic: Traffic, dark: bool
) -> None:
    traffic.expected = "404"  # which the browser tells in its console
    page = open_page("/nothing-here", width=390, height=844, dark=dark)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert violations(page, dark) == []


def test_an_answer_is_announced_once_and_only_when_it_is_whole(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(
        """() => { window.told = []; new MutationObserver(() => {
           const words = document.getElementById('announcer').textContent; if (words) window.told.push(words);
        }).observe(document.getElementById('announcer'), {childList: true, characterData: true, subtree: true}); }"""
    )
    ask(page, "how long should no contact last?")
    page.wait_for_timeout(600)
    (told,) = page.evaluate("window.told")
    assert told.startswith("The guide: No number of days fits everyone.") and "[1]" not in told
    live = page.locator("[aria-live]:not([aria-live=off]), [role=log]:not([aria-live=off])")
    holding = [e for e in live.all() if "No number of days" in (e.text_content() or "")]
    assert [e.get_attribute("id") for e in holding] == ["announcer"]


def test_the_keyboard_alone_asks_reads_a_source_and_forgets(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    reach(page, "#box textarea")
    page.keyboard.type("how long should no contact last?")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .reply.answer")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    reach(page, "#chat sup a", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".source").first).to_be_focused()
    reach(page, ".source .back a")
    page.keyboard.press("Enter")
    reach(page, "#chips button")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(2)
    reach(page, "#forget")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(0)


def reach(page: Page, selector: str, key: str = "Tab") -> None:
    """Press `key` until the focus stands on something that `selector` describes."""
    for _ in range(60):
        if page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{selector} cannot be reached with {key}")


@pytest.mark.parametrize(("width", "height"), [(320, 568), (640, 430), (320, 256)])
def test_small_and_zoomed_views_need_no_scrolling_sideways(
    open_page: OpenPage, server: str, width: int, height: int
) -> None:
    page = open_page(width=width, height=height)  # 640 x 430 is 1280 x 860 at 200 %, 320 x 256 at 400 %
    show_answer(page)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= width
    expect(page.get_by_role("link", name="Leave this page").first).to_be_in_viewport()
    for path in ("/pause", "/plan", "/helplines", "/read/articles/how-long", "/about-the-screen"):
        page.goto(server + path)
        assert page.evaluate(wide) <= width, path
        expect(page.get_by_role("link", name="Leave this page")).to_be_in_viewport()


def test_right_to_left_words_run_from_right_to_left(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "כמה זמן לא ליצור קשר? " * 8)
    gap = """e => { const words = document.createRange(); words.selectNodeContents(e);
             const lines = [...words.getClientRects()]; const last = lines[lines.length - 1];
             return [last.left - e.getBoundingClientRect().left, e.getBoundingClientRect().right - last.right]; }"""
    left, right = page.locator("#chat .user-row .message p").first.evaluate(gap)
    assert right < 2 and left > 20  # the last line ends short on the left
    box = page.get_by_label("Your question")
    box.fill("שלום")
    assert box.evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_everything_that_can_be_pressed_is_large_enough_for_a_thumb(open_page: OpenPage, server: str) -> None:
    small = """all => all.filter(e => { const r = e.getBoundingClientRect(); return r.height && r.height < 44; })
               .map(e => e.outerHTML.slice(0, 120))"""
    page = open_page("/plan", width=390, height=844)
    for path in ("/plan", "/pause", "/helplines", "/read"):
        page.goto(server + path)
        pressed = "button, summary, select, input:not([type=radio], [type=checkbox]), label.pick, header a, footer a"
        assert page.locator(pressed).evaluate_all(small) == [], path


def test_a_printed_answer_holds_the_words_and_not_the_buttons(open_page: OpenPage) -> None:
    page = open_page()
    show_answer(page)
    page.emulate_media(media="print")
    expect(page.locator("#chat .reply")).to_be_visible()
    for selector in ("#bar", "#box", "#chips", "#tools", "footer.foot"):
        expect(page.locator(selector)).to_be_hidden()


def printed(page: Page, folder: Path) -> str:
    """The words of the page on A4 paper."""
    path = folder / "printed.pdf"
    page.pdf(path=path, format="A4")
    words = " ".join(one.extract_text() for one in PdfReader(path).pages)
    return " ".join(unicodedata.normalize("NFKC", words).split())  # a font joins "fi" into one sign


def pale_words(page: Page) -> list[str]:
    """What would stand on paper in a light colour."""
    page.emulate_media(media="print")
    pale: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('#main *, dialog *')]
           .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.checkVisibility())
           .filter(e => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) > 450)
           .map(e => e.outerHTML.slice(0, 150))"""
    )
    return pale


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, False), (1280, True)])
def test_a_printed_conversation_holds_its_answer_sources_and_helplines(
    open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    page = open_page(width=width, height=844, dark=dark, reduced_motion="reduce")
    show_answer(page)
    quoted = page.locator("#source-1-1 mark").last.text_content() or ""
    words = printed(page, tmp_path)
    assert "how long should no contact last?" in words and "No number of days fits everyone." in words
    assert "Sources of the last answer" in words and " ".join(quoted.split())[-40:] in words
    assert "999" in words
    for button in ("Leave this page", "Copy this answer", "Forget this chat", "Your question", "Back to"):
        assert button not in words
    assert pale_words(page) == []


def test_a_text_and_a_sheet_are_printed_whole(open_page: OpenPage, server: str, tmp_path: Path) -> None:
    page = open_page("/read/articles/how-long", dark=True)
    end = page.locator(".references li").last.inner_text()[:40]
    words = printed(page, tmp_path)
    assert "How long should no contact last?" in words and end in words
    assert "Leave this page" not in words
    assert pale_words(page) == []
    page.emulate_media(media="null")
    page.goto(server)
    wait_until_ready(page)
    page.locator('footer a[href="/helplines"]').click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("heading", level=1)).to_be_visible()
    words = printed(page, tmp_path)
    assert "Other countries" in words and "findahelpline.com" in words  # the last line of it
    assert "What is on your mind?" not in words


def test_nothing_jumps_when_an_answer_arrives(open_page: OpenPage) -> None:
    page = open_page(width=390, height=844)
    page.evaluate(
        """() => { window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries())
           if (!e.hadRecentInput) window.shift += e.value; }).observe({type: 'layout-shift', buffered: true}); }"""
    )
    show_answer(page)
    page.wait_for_timeout(900)
    assert page.evaluate("window.shift") < 0.1


def test_the_title_and_the_language_are_told(open_page: OpenPage, server: str) -> None:
    page = open_page("/privacy")
    for path in ("/", "/privacy"):
        page.goto(server + path)
        assert page.locator("html").get_attribute("lang") == "en"
        assert re.search("The no-contact guide", page.title())
