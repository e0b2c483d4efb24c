"""What every page stands in: head, bar and foot; and the styles and scripts, served by version.

The window is Gradio's page with the same bar and foot put around it, so that the way out is there before
any script has run, and stays there without scripts.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SITE = Path(__file__).with_name("assets") / "site"
NAME = "The no-contact guide"
DESCRIPTION = "Answers about keeping distance after a breakup, each sentence with its source."
ELSEWHERE = "https://www.wikipedia.org/"  # an ordinary site, for whoever has to leave at once
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")
_PREVIEW_TAGS = re.compile(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')
_MANIFEST_TAG = re.compile(r'<link rel="manifest"[^>]*>')


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load, as it goes over the wire."""

    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Every file of assets/site by name."""
    return {
        path.name: Asset(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(SITE.iterdir())
        if path.suffix in _TYPES
    }


@cache
def version() -> str:
    """A short hash over all the files: it stands in their addresses, so browsers may keep them."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + asset.content)
    return digest.hexdigest()[:12]


def asset_path(name: str) -> str:
    """The address of one of the files; a KeyError for one that is not there."""
    assets()[name]
    return f"/site/{version()}/{name}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of ours: `main` is trusted HTML, and `path` says which entry of the menu it is."""

    title: str
    main: str
    path: str
    pause: bool = True  # whether "I'm about to contact them" is offered


NOTHING_HERE = Page(
    "Nothing here",
    "<h1>There is nothing here</h1><p>The address may be old. "
    '<a href="/read">Look through everything the guide can say</a>, or <a href="/">ask it</a>.</p>',
    "/nothing",
)
MENU = (
    ("/", "Ask"),
    ("/read", "Read"),
    ("/plan", "Plan"),
    ("/helplines", "Helplines"),
    ("/how-it-works", "How it works"),
    ("/privacy", "Privacy"),
)


def render_page(page: Page) -> str:
    """Return the whole page."""
    return (
        f'<!doctype html><html lang="en" class="plain"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(page.title)} · {NAME}</title>{head()}</head>"
        f"<body>{bar(page.path, page.pause)}"
        f'<main id="main" tabindex="-1"><div class="page">{page.main}</div></main>'
        f"{foot()}</body></html>"
    )


def head() -> str:
    """What the head of every page holds, the window's included."""
    return (
        '<meta name="referrer" content="no-referrer">'
        f'<meta name="description" content="{DESCRIPTION}">'
        '<meta name="robots" content="noarchive">'
        '<meta name="format-detection" content="telephone=no">'
        '<meta name="theme-color" content="#faf8f5" media="(prefers-color-scheme: light)">'
        '<meta name="theme-color" content="#171918" media="(prefers-color-scheme: dark)">'
        f'<link rel="manifest" href="{asset_path("guide.webmanifest")}">'
        f'<link rel="icon" type="image/png" href="{asset_path("icon-192.png")}">'
        f'<link rel="stylesheet" href="{asset_path("site.css")}">'
        f'<script src="{asset_path("first.js")}"></script>'
        f'<script type="module" src="{asset_path("site.js")}"></script>'
    )


def bar(path: str, pause: bool = True) -> str:
    """The bar at the head: name, menu, the button for the urge, and the way out."""
    items = "".join(
        f'<li><a href="{address}"{_current(address, path)}>{name}</a></li>' for address, name in MENU
    )
    name = f"<h1>{NAME}</h1>" if path == "/" else f'<a class="home" href="/">{NAME}</a>'
    urge = '<a class="urge" href="/pause">I’m about to contact them</a>' if pause else ""
    return (
        '<a class="skip" href="#main">Skip to the content</a>'
        f'<header class="bar" id="bar"><div class="bar-row">{name}'
        f'<nav aria-label="Pages"><ul>{items}</ul></nav>'
        '<details class="menu"><summary>Menu</summary>'
        f'<nav aria-label="All pages"><ul>{items}</ul></nav></details>'
        f"{urge}{leave_link()}</div></header>"
    )


def leave_link() -> str:
    """The way out, as it stands in every bar."""
    return (
        f'<a class="leave" href="{ELSEWHERE}" rel="noreferrer" '
        'title="Opens another site in place of this page. Pressing Escape three times does the same.">'
        "Leave<span> this page</span></a>"
    )


def foot() -> str:
    """The foot of every page, and the places that the script writes into."""
    links = (
        ("/helplines", "Helplines"),
        ("/read", "Everything the guide can say"),
        ("/about-the-screen", "What it may not notice"),
        ("/privacy", "What is kept, and what is not"),
    )
    listed = "".join(f'<li><a href="{address}">{name}</a></li>' for address, name in links)
    return (
        '<footer class="foot"><p>This is a program, not a person, a therapist or an emergency service.</p>'
        f'<nav aria-label="More"><ul>{listed}</ul></nav></footer>'
        '<div id="announcer" class="unseen" role="status" aria-live="polite"></div>'
        '<div id="notice" role="alert"></div>'
    )


def _current(address: str, path: str) -> str:
    here = path == address or (address != "/" and path.startswith(f"{address}/"))
    return ' aria-current="page"' if here else ""


NO_SCRIPT = (
    '<noscript><div class="page notice"><h2>The conversation needs JavaScript</h2>'
    '<p>Everything else works without it: <a href="/helplines">helplines</a>, '
    '<a href="/read">all that the guide can say</a>, and <a href="/pause">a pause</a> before you write '
    "to somebody.</p></div></noscript>"
)


class WindowFrame:
    """Puts the bar, the foot and a strict policy for scripts around Gradio's own page at "/".

    `extra` gives the HTML that the window needs besides, such as what it keeps at hand for a lost connection.
    """

    def __init__(self, app: ASGIApp, extra: Callable[[], str] = str) -> None:
        self._app = app
        self._extra = extra

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            if scope["path"] == "/":
                await self._frame(scope, receive, send)
                return
            if "text/html" in Headers(scope=scope).get("accept", ""):
                send = _told_kindly(send)
        await self._app(scope, receive, send)

    async def _frame(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            if message["type"] in ("http.response.start", "http.response.body"):
                held.append(message)

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, hold)
        start = held[0]
        body = b"".join(message.get("body", b"") for message in held[1:])
        if start["status"] == 200 and _is(start, "text/html"):
            nonce = secrets.token_urlsafe(16)
            body = frame_window(body.decode(), nonce, self._extra()).encode()
            headers = MutableHeaders(scope=start)
            headers["Content-Security-Policy"] = policy(f"'nonce-{nonce}'")
            headers["Content-Length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _told_kindly(send: Send) -> Send:
    """Where the toolkit answers a person's browser with a bare "Not Found", send a page."""
    page = render_page(NOTHING_HERE).encode()
    is_replaced = False

    async def send_page(message: Message) -> None:
        nonlocal is_replaced
        if message["type"] == "http.response.start":
            if message["status"] == 404 and _is(message, "application/json"):
                is_replaced = True
                headers = MutableHeaders(scope=message)
                headers["Content-Type"] = "text/html; charset=utf-8"
                headers["Content-Length"] = str(len(page))
        elif is_replaced:
            message = {"type": "http.response.body", "body": b"" if message.get("more_body") else page}
            message["more_body"] = not message["body"]
        await send(message)

    return send_page


def _is(start: Message, media_type: str) -> bool:
    return Headers(scope=start).get("content-type", "").startswith(media_type)


def frame_window(page: str, nonce: str, extra: str = "") -> str:
    """Return Gradio's page with our head, bar and foot, and `nonce` on each script that stood in it."""
    page = _MANIFEST_TAG.sub("", _PREVIEW_TAGS.sub("", page))
    page = re.sub(r"<script(?=[\s>])", f'<script nonce="{nonce}"', page)
    page = re.sub(r"<title>.*?</title>", "", page, flags=re.DOTALL)
    page = page.replace("</head>", f"<title>{NAME}</title>{head()}</head>", 1)
    page = re.sub(
        r"<body[^>]*>",
        lambda found: f'{found.group()}{bar("/")}<div id="main" tabindex="-1">{NO_SCRIPT}',
        page,
        count=1,
    )
    return page.replace("</body>", f"</div>{foot()}{extra}</body>", 1)


def embedding_sites() -> tuple[str, ...]:
    """The origins of GUIDE_EMBED, comma by comma, that may show the guide in a frame; none by default."""
    named = [origin.strip().rstrip("/") for origin in os.environ.get("GUIDE_EMBED", "").split(",")]
    return tuple(origin for origin in named if _ORIGIN.fullmatch(origin))


def policy(scripts: str = "") -> str:
    """The Content-Security-Policy: nothing from another host, no inline script but one with a nonce.

    Styles may stand inline because Gradio writes them so.
    """
    ancestors = " ".join(("'self'", *embedding_sites()))
    return (
        f"default-src 'none'; script-src 'self'{f' {scripts}' if scripts else ''}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
        f"frame-src 'self'; frame-ancestors {ancestors}; object-src 'none'; base-uri 'self'; form-action 'self'"
    )
