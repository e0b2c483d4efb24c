"""WCAG 2.2 A and AA by axe on every page and state, and what axe cannot see."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, ask

pytestmark = pytest.mark.browser
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
PAGES = [
    "/read",
    "/read/articles/how-long",
    "/read/notes/sbarra-contact-and-fading",
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


# One page goes through its states, one after the other: loading the window is what takes time.
STATES: list[Callable[[Page], None]] = [show_answer, show_referral, show_what_it_lacks]
OVERLAYS: list[Callable[[Page], None]] = [show_menu, show_pause, show_text]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1280, False)])
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
        for overlay in OVERLAYS:
            overlay(page)
            assert violations(page, dark) == [], overlay.__name__
            page.mouse.click(3, 300 if overlay is show_menu else 3)  # beside the menu, above the sheet


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_any_page(open_page: OpenPage, server: str, dark: bool) -> None:
    page = open_page(PAGES[0], width=390, height=844, dark=dark, reduced_motion="reduce")
    for path in PAGES:
        page.goto(server + path)
        for summary in page.locator("main summary:visible").all()[:3]:
            summary.click()
        assert violations(page, dark) == [], path


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
