"""The window as a person meets it. Each test also sees that no other host was asked and nothing stayed behind
in the browser: see `open_page`."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from chat.session import STARTERS
from tests.browser.conftest import OpenPage, ask

pytestmark = pytest.mark.browser
QUESTION = "how long should no contact last?"
CRISIS = "I want to kill myself"


def last_reply(page: Page) -> str:
    return page.locator("#chat .reply").last.inner_text()


def test_an_answer_shows_its_sources_with_the_cited_words_marked(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    reply = page.locator("#chat .reply").last
    expect(reply.locator("sup a").first).to_have_text("[1]")
    expect(reply.locator(".cited")).to_contain_text("Sources")
    marked = page.locator("#source-1-1 mark")
    expect(marked.first).to_be_visible()
    said = re.sub(r"\s*\u2060\s*\[\d\]", "", reply.inner_text())
    assert marked.count() > 1
    for words in marked.all_inner_texts():
        assert words in said


def test_a_number_is_a_named_link_that_the_keyboard_reaches_and_leaves_no_trace(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    before = page.evaluate("history.length")
    number = page.locator("#chat sup a").first
    assert re.match(r"Source 1: .+", number.get_attribute("aria-label") or "")
    number.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source-1-1")).to_be_focused()
    expect(page.locator("#source-1-1 mark").first).to_be_in_viewport()
    page.get_by_role("link", name="Back to the answer").click()
    expect(page.locator("#reply-1")).to_be_focused()
    assert page.evaluate("history.length") == before
    assert "#" not in page.url


def test_on_a_phone_a_number_opens_its_source_in_a_drawer_and_escape_goes_back_to_it(
    open_page: OpenPage,
) -> None:
    page = open_page(width=390, height=844)
    ask(page, QUESTION)
    number = page.locator("#chat sup a").first
    number.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    expect(drawer.locator("mark").first).to_be_in_viewport()
    expect(drawer.get_by_role("link", name="Leave this page")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(number).to_be_focused()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_whole_text_opens_above_the_conversation_at_the_cited_words(
    open_page: OpenPage, width: int
) -> None:
    page = open_page(width=width, height=844)
    ask(page, QUESTION)
    if width < 768:
        page.locator("#chat sup a").first.click()
    page.locator(".source:visible .onward a").first.click()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator("#cited")).to_be_in_viewport()
    expect(sheet.locator(".references a").first).to_have_attribute("href", re.compile("^https://doi.org/|^/"))
    sheet.get_by_role("button", name="Close").click()
    expect(page.locator("#chat .reply")).to_have_count(1)
    assert page.url.endswith("/")


def test_numbers_of_an_earlier_answer_still_lead_to_its_own_words(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    words = page.locator("#source-1-1 mark").first.inner_text()
    ask(page, "should I block them everywhere?")
    expect(page.locator("#source-2-1")).to_be_visible()
    expect(page.locator("#source-1-1")).to_be_hidden()  # folded away
    page.locator("#reply-1 sup a").first.click()
    expect(page.locator("#source-1-1 mark").first).to_be_visible()
    expect(page.locator("#source-1-1 mark").first).to_have_text(words)


def test_a_starter_is_asked_by_pressing_it_and_three_more_questions_follow(open_page: OpenPage) -> None:
    page = open_page()
    chips = page.locator("#chips button:visible")
    assert tuple(chips.all_inner_texts()) == STARTERS
    chips.nth(1).click()
    expect(page.locator("#chat .user-row")).to_contain_text(STARTERS[1])
    expect(chips).to_have_count(3)
    expect(page.locator("#ask-label")).to_contain_text("You could also ask")
    follow_up = chips.first.inner_text()
    chips.first.click()
    expect(page.locator("#chat .user-row").last).to_contain_text(follow_up)
    expect(page.locator("#chat .reply")).to_have_count(2)


def test_a_short_question_is_read_with_the_one_before(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "and why?")
    expect(page.locator("#chat .reply").last).to_have_class(re.compile("clarify"))  # there is nothing before
    ask(page, "should I block my ex everywhere?")
    ask(page, "and why?")
    follow_up = page.locator("#chat .reply").last
    expect(follow_up).to_have_class(re.compile("answer"))
    expect(follow_up).to_contain_text(re.compile("block", re.IGNORECASE))
    expect(follow_up.locator("sup a").first).to_have_attribute("href", re.compile("^#source-3-1"))


def test_a_person_at_risk_gets_numbers_of_their_country_that_can_be_dialled(open_page: OpenPage) -> None:
    page = open_page(locale="en-GB")
    ask(page, CRISIS)
    care = page.locator("#chat .care")
    expect(care.locator(".helplines li").first).to_contain_text("United Kingdom, emergency number")
    expect(care.locator('.now a[href="tel:999"]')).to_be_in_viewport()
    expect(care.locator('a[href="tel:116123"]')).to_be_visible()
    expect(page.locator("#chat .cited")).to_have_count(0)


def test_another_country_changes_the_numbers_that_are_shown_and_the_next_ones(open_page: OpenPage) -> None:
    page = open_page(locale="en-GB")
    ask(page, CRISIS)
    country = page.get_by_label("Helplines for")
    expect(country).to_have_value("United Kingdom")
    country.click()
    page.get_by_role("option", name="United States").click()
    expect(page.locator('#chat .care a[href="tel:988"]')).to_be_visible()
    expect(page.locator('#lines a[href="tel:911"]')).to_be_visible()
    ask(page, "I still want to die")
    expect(page.locator("#chat .care").last.locator('a[href="tel:988"]')).to_be_visible()


def test_a_browser_without_a_country_gets_international_lines(open_page: OpenPage) -> None:
    page = open_page(locale="en")
    expect(page.get_by_label("Helplines for")).to_have_value("Not chosen (international)")
    ask(page, CRISIS)
    expect(page.locator("#chat .care")).to_contain_text("Choose your country under Helplines")


def test_what_a_person_writes_is_shown_as_words(open_page: OpenPage) -> None:
    page = open_page()
    attack = '<img src="https://evil.example/a.png" onerror="alert(1)"> ![x](https://evil.example/b.png) **b** $$x$$'
    ask(page, attack)
    expect(page.locator("#chat .user-row .message")).to_have_text(attack)
    expect(page.locator("#chat img")).to_have_count(0)


def test_a_blank_message_is_not_sent(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_label("Your question")
    box.fill("   ")
    box.press("Enter")
    page.wait_for_timeout(500)
    expect(page.locator("#chat .message-row")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_everything_without_scrolling_sideways(open_page: OpenPage, dark: bool) -> None:
    page = open_page(width=390, height=844, dark=dark)
    for message in (QUESTION, "the answer is " + "w" * 200, CRISIS):
        ask(page, message)
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.locator(
        "#chips button:visible, #forget, #tools button:visible, #bar a:visible, #box button, summary:visible"
    ).evaluate_all("all => all.filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)")
    assert small == []


def test_messages_have_plain_names_for_screen_readers(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    names = page.locator("#chat [data-testid=user], #chat [data-testid=bot]").evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert names == ["You wrote", "The guide"]
    expect(page.get_by_role("log")).to_be_visible()
    assert page.title() == "The no-contact guide"
    unnamed = page.locator("button:visible").evaluate_all(
        "all => all.filter(e => !(e.innerText || e.getAttribute('aria-label'))).map(e => e.outerHTML)"
    )
    assert unnamed == []
