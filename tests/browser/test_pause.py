"""The pause, the message that is not sent, and the plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Traffic

pytestmark = pytest.mark.browser
UNSENT = "zebraumbrella I miss you"


def open_pause(page: Page) -> Page:
    page.locator("#bar a.urge").click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=2).first).to_be_visible()
    return page


def step_on(page: Page, times: int = 1) -> None:
    for _ in range(times):
        page.get_by_role("button", name="Next").click()


def heading(page: Page) -> str:
    return page.locator(".step:visible h2").inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pause_goes_step_by_step_and_ends_with_a_plain_question(open_page: OpenPage, width: int) -> None:
    page = open_page(width=width, height=844)
    urge = page.get_by_role("link", name="I’m about to contact them")
    page.mouse.wheel(0, 3000)
    expect(urge).to_be_in_viewport()
    urge.focus()
    page.keyboard.press("Enter")
    seen = [heading(page)]
    page.get_by_label("I’m lonely").check()
    while page.get_by_role("button", name="Next").is_visible():
        page.get_by_role("button", name="Next").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".step:visible h2")).to_be_focused()
        seen.append(heading(page))
    assert seen[0] == "You want to write to them" and seen[-1] == "How is it now?" and len(seen) == 6
    page.get_by_text("It is getting darker").click()
    expect(page.get_by_role("link", name="helplines and emergency numbers")).to_be_visible()
    page.get_by_text("I have written to them").click()
    expect(page.get_by_text("You have not ruined anything")).to_be_visible()


def test_the_ten_minutes_pass_quietly_and_can_be_skipped(open_page: OpenPage) -> None:
    page = open_page("/pause")
    page.clock.install()
    page.reload()
    step_on(page)
    page.get_by_role("button", name="Begin ten quiet minutes").click()
    expect(page.locator(".left")).to_have_text("10 minutes left")
    page.clock.run_for(61_000)
    expect(page.locator(".left")).to_have_text("9 minutes left")
    step_on(page, 2)  # the minutes pass there too
    expect(page.locator(".clock")).to_be_visible()
    page.clock.run_for(8.5 * 60_000)
    expect(page.locator(".left")).to_have_text("Less than a minute left")
    page.clock.run_for(40_000)
    expect(page.locator(".clock")).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text("The ten minutes have passed.")
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Begin ten quiet minutes").click()
    page.get_by_role("button", name="Skip the wait").click()
    expect(page.locator(".clock")).to_be_hidden()


def test_the_breathing_stands_still_for_who_wants_no_motion(open_page: OpenPage) -> None:
    moving = "getComputedStyle(document.querySelector('.breath span')).animationName"
    for motion, name in (("no-preference", "breathe"), ("reduce", "none")):
        page = open_page("/pause", reduced_motion=motion)
        step_on(page)
        page.get_by_role("button", name="Begin ten quiet minutes").click()
        assert page.evaluate(moving) == name


@pytest.mark.parametrize("place", ["/", "/unsent"])
def test_the_message_you_wont_send_never_leaves_the_page(
    open_page: OpenPage, traffic: Traffic, place: str
) -> None:
    page = open_page(place)
    if place == "/":
        open_pause(page)
        step_on(page, 3)
    field = page.get_by_label("The message you won’t send")
    expect(field).to_have_attribute("spellcheck", "false")
    expect(field).to_have_attribute("autocomplete", "off")
    before = len(traffic.requests)
    field.press_sequentially(UNSENT, delay=3)
    if place == "/":  # closing the sheet by mistake loses nothing
        page.get_by_role("button", name="Close").click()
        page.locator("#bar a.urge").click()
        expect(field).to_have_value(UNSENT)
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Let it go").click()
    expect(field).to_have_value("")
    expect(page.get_by_text("It is gone. Nobody has read it")).to_be_visible()
    page.wait_for_timeout(300)
    sent = [r.url + (r.post_data or "") for r in traffic.requests[before:]]
    assert not [words for words in sent if "zebra" in words]
    assert place == "/" or sent == []


def test_back_brings_no_unsent_words(open_page: OpenPage, server: str) -> None:
    page = open_page("/unsent")
    page.get_by_label("The message you won’t send").fill(UNSENT)
    page.goto(f"{server}/privacy")
    page.go_back()
    expect(page.get_by_label("The message you won’t send")).to_have_value("")


# ---------------------------------------------------------------- the plan


def days_ago(days: int) -> str:
    return (date.today() - timedelta(days=days)).isoformat()


def stored(page: Page) -> int:
    return int(page.evaluate("localStorage.length"))


@pytest.mark.parametrize(
    ("gap", "unit", "goal", "why"),
    [
        ("", "days", 60, "about sixty days"),
        ("3", "weeks", 60, "about sixty days"),
        ("12", "weeks", 85, "one day longer than your longest gap before"),
        ("60", "days", 61, "one day longer"),
    ],
)
def test_the_first_date_is_longer_than_the_longest_gap_and_sixty_days_at_least(
    open_page: OpenPage, gap: str, unit: str, goal: int, why: str
) -> None:
    page = open_page("/plan")
    page.get_by_label("The day contact stopped").fill("2026-01-01")
    page.get_by_label("Number").fill(gap)
    page.get_by_label("Unit").select_option(label=unit)
    due = date(2026, 1, 1) + timedelta(days=goal)
    expect(page.locator(".plan-goal")).to_contain_text(f"{due.day} {due:%B} {due.year}")
    if why.startswith("one"):
        assert goal > 60
    expect(page.locator(".plan-shows")).to_contain_text("a convention")


def test_the_plan_is_kept_only_where_it_is_wanted_and_deleted_in_one_tap(open_page: OpenPage) -> None:
    page = open_page("/plan")
    page.get_by_label("The day contact stopped").fill(days_ago(5))
    page.get_by_label("Our children").check()
    expect(page.locator(".plan-days")).to_have_text("5 days since contact stopped.")
    expect(page.locator(".plan-exceptions")).to_contain_text("Our children")
    assert stored(page) == 0
    page.reload()
    expect(page.get_by_label("The day contact stopped")).to_have_value("")
    page.get_by_label("The day contact stopped").fill(days_ago(5))
    page.get_by_label("Keep my plan on this device").check()
    assert stored(page) == 1
    page.reload()
    expect(page.locator(".plan-days")).to_have_text("5 days since contact stopped.")
    page.get_by_role("button", name="Delete my plan").click()
    expect(page.locator(".plan-shows")).to_be_hidden()
    assert stored(page) == 0
    page.reload()
    expect(page.get_by_label("The day contact stopped")).to_have_value("")


def test_the_plan_can_be_saved_as_a_file(open_page: OpenPage) -> None:
    page = open_page("/plan")
    page.get_by_label("The day contact stopped").fill(days_ago(1))
    page.get_by_label("Work or study").check()
    words = downloaded(page, lambda: page.get_by_role("button", name="Save my plan as a file").click())
    assert "1 day since contact stopped." in words and "- Work or study" in words


def downloaded(page: Page, press: Callable[[], None]) -> str:
    """The text of the file that `press` saves."""
    with page.expect_download() as saving:
        press()
    return Path(saving.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("plan", ['"x"', "{}", "[", '{"start":"x","except":7}'])
def test_a_damaged_plan_does_no_harm(open_page: OpenPage, plan: str) -> None:
    page = open_page("/plan")
    page.evaluate("plan => localStorage.setItem('guide-plan', plan)", plan)
    page.reload()
    page.get_by_label("The day contact stopped").fill(days_ago(2))
    expect(page.locator(".plan-days")).to_have_text("2 days since contact stopped.")
    page.get_by_role("button", name="Delete my plan").click()
