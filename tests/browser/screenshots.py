"""Pictures of every page and state, on a phone and a desktop, light and dark: `make screenshots`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import FLAGS, ask, chromium, run_server, wait_until_ready
from tests.conftest import ROOT

SIZES = {"phone": (390, 844), "desktop": (1280, 860)}
SETTLE = 700  # milliseconds: scrolling is smooth
PAGES = (
    "read",
    "read/articles/how-long",
    "read/faq/urges-and-bad-moments",
    "read/notes/sbarra-contact-and-fading",
    "helplines",
    "plan",
    "unsent",
    "privacy",
    "about-the-screen",
    "how-it-works",
    "nothing-here",
)


def main(folder: Path, index: Path) -> None:
    """Write `<page or state>-<size>-<light or dark>.png` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with run_server(index) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for size in SIZES:
            for scheme in ("light", "dark"):
                picture(browser, server, folder, size, scheme)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


def picture(browser: Browser, server: str, folder: Path, size: str, scheme: str) -> None:
    """All pages and states at one size and in one scheme of colours."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()

    def take(name: str, full: bool = False) -> None:
        page.wait_for_timeout(SETTLE)
        page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=full)

    page.goto(server)
    wait_until_ready(page)
    take_window(page, take, size)
    page.goto(server)
    wait_until_ready(page)
    take_unreachable(page, take)
    for path in PAGES:
        page.goto(f"{server}/{path}")
        if path == "plan":
            page.get_by_label("The day contact stopped").fill("2026-01-01")
            page.get_by_label("Our children").check()
        take(path.rsplit("/", 1)[-1], full=path == "plan")
    context.close()


def take_window(page: Page, take: Callable[[str], None], size: str) -> None:
    """The states of the conversation, one after the other."""
    take("window-start")
    ask(page, "How long should no contact last?")
    take("window-answer")
    page.locator("#chat sup a").first.click()
    take("window-source")
    if size == "phone":
        page.keyboard.press("Escape")
        page.get_by_text("Menu", exact=True).click()
        take("window-menu")
        page.keyboard.press("Escape")
        page.mouse.click(20, 400)
    ask(page, "we work together and he keeps texting me")
    take("window-two-subjects")
    ask(page, "What is the capital of France?")
    take("window-without-an-answer")
    ask(page, "I want to kill myself")
    take("window-referral")
    page.locator('footer a[href="/read"]').click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_be_visible()
    take("window-reading")
    page.get_by_role("button", name="Close").click()
    page.locator("#bar a.urge").click()
    for step in ("1-name", "2-wait", "3-do", "4-unsent", "5-why", "6-now"):
        if step == "2-wait":
            page.get_by_role("button", name="Begin ten quiet minutes").click()
        if step == "6-now":
            page.get_by_text("It is as strong as before").click()
        take(f"pause-{step}")
        if step != "6-now":
            page.get_by_role("button", name="Next").click()


def take_unreachable(page: Page, take: Callable[[str], None]) -> None:
    """What stands there when a question does not get through."""
    page.context.set_offline(True)
    box = page.get_by_label("Your question")
    box.fill("are you there?")
    box.press("Enter")
    expect(page.locator("#notice")).to_contain_text("cannot be reached right now")
    take("window-unreachable")
    page.context.set_offline(False)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"), ROOT / ".index")
