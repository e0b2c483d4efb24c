"""A real server with the real corpus, and a real browser that may speak to nothing else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

ROOT = Path(__file__).parents[2]
START_SECONDS = 240
PATIENCE = 30_000  # milliseconds; a busy machine is slow, and only a failure waits that long
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OpenPage = Callable[..., Page]
OWN_SCHEMES = (
    "data:",
    "blob:",
    "chrome-extension:",
    "chrome:",
)  # never leave the browser, its PDF viewer included
expect.set_options(timeout=PATIENCE)


@contextmanager
def run_server(index: Path, port: int = 0, **settings: str) -> Iterator[str]:
    """The address of `guide-chat serve`; its own words where it does not start. It must be quiet."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("GUIDE_")}
    own |= {"PYTHONFAULTHANDLER": "1"} | settings
    command = [sys.executable, "-m", "chat", "serve", "--index", str(index), "--port", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=own, stdout=pipe, stderr=pipe, text=True) as process:
        watch = threading.Timer(START_SECONDS, process.kill)
        watch.start()
        line = process.stdout.readline() if process.stdout else ""
        watch.cancel()
        found = re.fullmatch(r"The guide is ready at (http://127\.0\.0\.1:\d+)\n", line)
        if not found:
            process.kill()
            pytest.fail(f"the server did not start; it said {line!r} and\n{process.communicate()[1]}")
        try:
            yield found.group(1)
        finally:
            process.terminate()
            said = _last_words(process)
    assert process.returncode == 0, said
    assert said == "", "the server must be quiet"


def _last_words(process: subprocess.Popen[str]) -> str:
    """What the server said on its way out; where it does not go, it is ended and its traceback is shown."""
    try:
        return process.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # PYTHONFAULTHANDLER then shows where it hangs
        return f"the server did not stop\n{process.communicate()[1]}"


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def friendly_port() -> int:
    """Where a site runs that may show the guide in a frame."""
    return free_port()


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server may write: its home and its folder for temporary files."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(corpus_index: Path, friendly_port: int, servers_home: Path) -> Iterator[str]:
    home = str(servers_home)
    friend = f"http://127.0.0.1:{friendly_port}"
    with run_server(corpus_index, GUIDE_EMBED=friend, HOME=home, TMPDIR=home) as address:
        yield address


def chromium() -> str:
    """The system's own browser; none is downloaded."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Traffic:
    """What the pages of one test asked for and complained of."""

    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: str = ""  # a complaint that the test brings about, as a pattern

    def urls(self) -> list[str]:
        return [request.url for request in self.requests]


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def open_page(browser: Browser, server: str, traffic: Traffic) -> Iterator[OpenPage]:
    """Open a page of the guide at a size and in a language; afterwards, see that nothing went elsewhere or stayed."""
    contexts: list[BrowserContext] = []

    def open_one(
        path: str = "/",
        width: int = 1280,
        height: int = 860,
        locale: str = "en-GB",
        dark: bool = False,
        base: str = server,
        **more: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme="dark" if dark else "light",
            **more,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        context.on("request", lambda request: traffic.requests.append(request))
        page = context.new_page()
        watch_page(page, traffic)
        page.goto(base + path)
        if path.startswith(("/?", "/#")) or path == "/":
            wait_until_ready(page)
        return page

    yield open_one
    pages = [page for context in contexts for page in context.pages if page.url.startswith(server)]
    kept = [page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") for page in pages]
    cookies = [cookie for context in contexts for cookie in context.cookies()]
    for context in contexts:
        context.close()
    hosts = {urlsplit(url).netloc for url in traffic.urls() if not url.startswith(OWN_SCHEMES)}
    assert all(host.startswith("127.0.0.1:") for host in hosts), "something was asked of another host"
    assert all(left == [0, 0, ""] for left in kept) and not cookies, "something was left in the browser"
    if traffic.expected:
        traffic.complaints = [c for c in traffic.complaints if not re.search(traffic.expected, c)]
    assert traffic.complaints == []


def watch_page(page: Page, traffic: Traffic) -> None:
    page.on("console", lambda m: traffic.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: traffic.complaints.append(str(error)))


def wait_until_ready(page: Page) -> None:
    """Wait until the window can be used."""
    page.locator("#box textarea").wait_for()
    page.locator("#lines .helplines").first.wait_for()


def ask(page: Page, message: str) -> None:
    """Send a message and wait until its reply stands there."""
    replies = page.locator("#chat .reply").count()
    box = page.get_by_label("Your question")
    box.fill(message)
    box.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(replies + 1)
