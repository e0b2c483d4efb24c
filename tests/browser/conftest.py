"""A real server with the real corpus, and a real browser that may speak to nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
START_SECONDS = 120
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def server(corpus_index: Path) -> Iterator[str]:
    """The address of `guide-chat serve` on a free port; its own words where it does not start."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("GUIDE_")}
    command = [sys.executable, "-m", "chat", "serve", "--index", str(corpus_index), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=settings, stdout=pipe, stderr=pipe, text=True) as process:
        watch = threading.Timer(START_SECONDS, process.kill)
        watch.start()
        line = process.stdout.readline() if process.stdout else ""
        watch.cancel()
        found = re.fullmatch(r"The guide is ready at (http://127\.0\.0\.1:\d+)\n", line)
        if not found:
            process.kill()
            pytest.fail(f"the server did not start; it said {line!r} and\n{process.communicate()[1]}")
        yield found.group(1)
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert said == "", "the server must be quiet"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[OpenPage]:
    """Open the guide at a size and in a language; afterwards, see that nothing went elsewhere or stayed."""
    contexts = []
    asked: list[str] = []
    complaints: list[str] = []

    def open_one(width: int = 1280, height: int = 860, locale: str = "en-GB", dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server)
        page.locator("#chips button").first.wait_for()
        page.locator("#lines .helplines").first.wait_for()
        return page

    yield open_one
    kept = [
        page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        for context in contexts
        for page in context.pages
        if page.url.startswith(server)
    ]
    cookies = [cookie for context in contexts for cookie in context.cookies()]
    for context in contexts:
        context.close()
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts <= {urlsplit(server).netloc}, "something was asked of another host"
    assert all(left == [0, 0, ""] for left in kept) and not cookies, "something was left in the browser"
    assert complaints == []


@pytest.fixture
def take_picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Save a picture in the folder that GUIDE_SCREENSHOTS names; none where it is not set."""
    folder = os.environ.get("GUIDE_SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if folder:
            page.wait_for_timeout(700)  # scrolling is smooth
            page.screenshot(path=Path(folder) / f"{name}.png")

    return take
