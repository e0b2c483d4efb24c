"""The window and the JSON API: FastAPI, with Gradio mounted in it. Nothing here decides what is answered."""

# No `from __future__ import annotations`: Gradio hands a request to an event function by its annotation,
# which must be the class itself.

import asyncio
import atexit
import contextlib
import json
import logging
import os
import shutil
import socket
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import anyio
import anyio.from_thread
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.middleware import Middleware
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat.__main__ import answer_question
from chat.referral import referral_for, render_helplines
from chat.render import render_panel, render_question, render_reply, render_sources, render_standing_helplines
from chat.types import Reply, Turn
from indexer.errors import GuideError
from indexer.types import Helpline

if TYPE_CHECKING:
    import gradio as gr

    from chat.guide import Guide

log = logging.getLogger("chat")

ASSETS = Path(__file__).with_name("assets")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_BODY = 1 << 20  # bytes of one request: some fifty messages of the longest kind
AT_ONCE = 4  # replies worked out at the same time; encoding uses all cores anyway
WAITING = 64  # questions of the window that may wait for their turn
REMEMBERED_TURNS = 80  # turns of a conversation that go along with the next question
FORGET_AFTER = timedelta(hours=1)  # how long the words of a window that was left stay in memory
CHIPS = 4

# ---------------------------------------------------------------- settings and numbers


def prepare_environment() -> None:
    """Set what Gradio reads when it is imported: no analytics, no run history, a folder that goes at exit.

    The model must have been loaded before, because nothing may be fetched afterwards.
    """
    private = tempfile.mkdtemp(prefix="guide-")
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_RUN_HISTORY="False",
        GRADIO_SHARE="False",
        GRADIO_TEMP_DIR=private,
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
    )


def trusted_hosts(host: str) -> list[str]:
    """The names by which a browser may call a server at `host`, without ports.

    On this machine only its own names, so that a foreign page cannot reach the guide through a name that it
    points here. GUIDE_HOSTS adds names, comma by comma, for a guide behind a proxy.
    """
    added = [name.strip() for name in os.environ.get("GUIDE_HOSTS", "").split(",") if name.strip()]
    if host in ("127.0.0.1", "localhost", "::1") or added:
        return [*LOOPBACK, *added]
    return ["*"]


class Metrics:
    """Counts and times, never words. Each app has its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._replies = Counter(
            "guide_replies", "Replies by kind and level of risk", ["kind", "level"], registry=self.registry
        )
        self._seconds = Histogram(
            "guide_reply_seconds",
            "Time from question to reply",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self._failures = Counter("guide_failures", "Replies that failed by a fault", registry=self.registry)

    def count(self, reply: Mapping[str, Any]) -> None:
        """Count one reply line."""
        self._replies.labels(reply["kind"], reply["risk"]["level"]).inc()
        self._seconds.observe(reply["latency_ms"] / 1000)

    def count_failure(self, error: Exception) -> None:
        """Count a fault, and log where it was. Its message may quote a person, so only its kind is told."""
        self._failures.inc()
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("A reply failed: %s at\n%s", type(error).__name__, frames)


# ---------------------------------------------------------------- what every request passes

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "frame-ancestors 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_KEPT_BY_BROWSERS = ("/assets/", "/static/")  # the window's own scripts and fonts, the same for everybody
# What the window needs of Gradio. The rest (uploads, deep links that write a conversation to the disk,
# a proxy, monitoring) is closed.
_GRADIO_OPEN = ("queue/join", "queue/data", "heartbeat/", "cancel", "app_id")
_GRADIO_PREFIX = "/gradio_api/"
_CLOSED = ("/monitoring", "/login", "/logout", "/runs", "/run-history", "/svelte")


class _TooLarge(Exception):
    pass


class Guard:
    """Strict headers on every response; foreign pages, large bodies and unused doors are refused."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        # Nothing here speaks over web sockets: returning without a word closes one.

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_strictly(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _set_headers(scope["path"], MutableHeaders(scope=message))
            await send(message)

        refusal = _refusal(scope["path"], Headers(scope=scope))
        if refusal is None:
            try:
                await self._app(scope, _limited(receive), send_strictly)
            except _TooLarge:
                refusal = _too_large()
            except Exception as error:  # the edge: the person is told, and the log says where
                self._metrics.count_failure(error)
                refusal = _error(500, "something went wrong inside the guide; please try again")
        if refusal is not None and not started:
            await refusal(scope, receive, send_strictly)


def _set_headers(path: str, headers: MutableHeaders) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    if not path.startswith(_KEPT_BY_BROWSERS):
        headers["Cache-Control"] = "no-store"
    for name in [name for name in headers if name.lower().startswith("access-control-")]:
        del headers[name]


def _refusal(path: str, headers: Headers) -> Response | None:
    below = path.removeprefix(_GRADIO_PREFIX)
    if path.startswith(_CLOSED) or (below != path and not below.startswith(_GRADIO_OPEN)):
        return _error(404, "there is nothing here")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        return _error(403, "the guide does not answer pages of other sites")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        return _too_large()
    return None


def _limited(receive: Receive) -> Receive:
    """Hand a body on until it is longer than MAX_BODY; its length may not have been told."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise _TooLarge
        return message

    return receive_some


def _error(status: int, why: str, question_id: Any = None) -> JSONResponse:
    return JSONResponse({"id": question_id, "error": why}, status)


def _too_large() -> JSONResponse:
    return _error(413, f"a request may have at most {MAX_BODY} bytes")


# ---------------------------------------------------------------- the API

_QUESTION_SCHEMA = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "id": {"description": "handed back with the reply"},
        "message": {"type": "string"},
        "history": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["role", "content"],
                "properties": {
                    "role": {"type": "string", "enum": ["user", "assistant"]},
                    "content": {"type": "string"},
                },
            },
        },
        "country": {"type": "string", "description": "ISO code for helplines, such as GB"},
    },
    "example": {"message": "how long should no contact last?", "country": "GB"},
}
_ASK_DOCUMENTATION = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _QUESTION_SCHEMA}}},
    "responses": {
        "200": {"description": "a reply line, as the README describes it"},
        "400": {"description": "the body is not JSON; `error` says why"},
        "413": {"description": "the body is too large"},
        "422": {"description": "the question has not the right form; `error` says what is wrong"},
    },
}


def build_app(guide: "Guide", hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """Return the app that serves `guide` to browsers that call it by one of `hosts`.

    Imports Gradio, which takes seconds. Loads no model: call `guide.warm_up()` before.
    """
    prepare_environment()
    metrics = Metrics()
    app = FastAPI(
        title="The no-contact guide",
        docs_url=None,  # its page would load scripts from another host
        redoc_url=None,
        lifespan=_forgetting,
        middleware=[
            Middleware(Guard, metrics=metrics),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
    )
    _add_api(app, guide, metrics)
    with anyio.from_thread.start_blocking_portal() as portal:
        # In a running loop: without one, Gradio makes a loop for each of its locks and closes none of them.
        portal.call(_mount_window, app, guide, metrics)
    return app


def _add_api(app: FastAPI, guide: "Guide", metrics: Metrics) -> None:
    limiter = anyio.CapacityLimiter(AT_ONCE)

    @app.post("/api/ask", openapi_extra=_ASK_DOCUMENTATION)
    async def ask(request: Request) -> JSONResponse:
        """Answer one question."""
        try:
            question = parse_question(await request.body())
        except ValueError as error:
            return _error(400, str(error))
        try:
            line = await anyio.to_thread.run_sync(
                answer_question, guide, question, os.environ.get("GUIDE_COUNTRY"), limiter=limiter
            )
        except ValueError as error:
            return _error(422, str(error), question.get("id"))
        metrics.count(line)
        return JSONResponse(line)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "up"}

    @app.get("/readyz", responses={503: {"description": "no index can be read"}})
    def readyz() -> JSONResponse:
        """The index is loaded; says which build."""
        try:
            return JSONResponse({"status": "ready", "build": _readable_build(guide)})
        except Exception as error:  # whatever the reason, the answer to this question is no
            return JSONResponse({"status": "not ready", "why": type(error).__name__}, 503)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def numbers() -> Response:
        """Counts and times for Prometheus, never words."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def parse_question(body: bytes) -> dict[str, Any]:
    """Read the body of a question; raise ValueError, in words for the caller, where it is no JSON object."""
    try:
        question = json.loads(body, parse_constant=_no_constant)
        json.dumps(question, ensure_ascii=False).encode()  # half a character cannot be sent back
    except (ValueError, RecursionError) as error:
        raise ValueError('the body must be JSON in UTF-8, such as {"message": "how long?"}') from error
    if not isinstance(question, dict):
        raise ValueError('the body must be one JSON object, such as {"message": "how long?"}')
    return question


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _readable_build(guide: "Guide") -> str:
    """The id of the build that is served, after a look at its files."""
    index = guide.index
    index.document_ids()
    return index.build_id


# ---------------------------------------------------------------- the conversation


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the reply to it, and the sources as they stood in the index at that moment."""

    question: str
    reply: Reply
    sources: str  # HTML


Conversation = tuple[Exchange, ...]


def turns_of(conversation: Conversation) -> list[Turn]:
    """The conversation as the guide reads it, without its oldest turns when there are very many."""
    turns = []
    for exchange in conversation:
        turns += [Turn("user", exchange.question), Turn("assistant", exchange.reply.text)]
    return turns[-REMEMBERED_TURNS:]


def messages_of(conversation: Conversation) -> list[dict[str, str]]:
    """The conversation as the window shows it."""
    messages = []
    for number, exchange in enumerate(conversation, 1):
        messages.append({"role": "user", "content": render_question(exchange.question)})
        messages.append({"role": "assistant", "content": render_reply(exchange.reply, number)})
    return messages


def continue_conversation(
    guide: "Guide", conversation: Conversation, message: str, country: str | None
) -> Conversation:
    """Ask `guide` and return the conversation with one exchange more."""
    reply = guide.reply(message, turns_of(conversation), country or None)
    index = guide.index
    passages = {p.passage_id: p for p in index.passages}
    sources = render_sources(reply, passages, index.references, len(conversation) + 1)
    return (*conversation, Exchange(message, reply, sources))


def with_country(guide: "Guide", conversation: Conversation, country: str | None) -> Conversation:
    """The same conversation with the helplines of another country in its referrals."""
    changed = []
    for exchange in conversation:
        reply = exchange.reply
        if reply.helplines:
            lines = guide.desk.helplines(referral_for(reply.risk), country or None)
            text = reply.text.replace(render_helplines(reply.helplines), render_helplines(lines))
            reply = replace(reply, helplines=lines, text=text)
        changed.append(replace(exchange, reply=reply))
    return tuple(changed)


def guess_country(accept_language: str, known: Sequence[str]) -> str:
    """The region of the first language that a browser asks for, such as GB in "en-GB,en;q=0.9".

    An empty text where it names none, or one without helplines.
    """
    first = accept_language.split(",")[0].split(";")[0].strip()
    region = first.split("-")[-1].upper() if "-" in first else ""
    return region if region in known else ""


def standing_helplines(guide: "Guide", country: str | None) -> tuple[Helpline, ...]:
    """The lines that are always in reach: emergency, suicide, violence at home."""
    lines = [
        guide.desk.helplines(category, country or None) for category in ("self_harm", "partner_violence")
    ]
    return tuple(dict.fromkeys(line for some in lines for line in some))


def starters(guide: "Guide") -> tuple[str, ...]:
    """Questions to begin with: each stands in the library, so each has an answer."""
    written = {question: None for p in guide.index.passages for question in p.questions}
    wanted = [question for question in STARTERS if question in written]
    return tuple(dict.fromkeys([*wanted, *guide.reply("").suggestions]))[:CHIPS]


# ---------------------------------------------------------------- the window

STARTERS = (
    "It is two in the morning and I want to write. What now?",
    "How long should no contact last?",
    "They keep reaching out. What should I do?",
    "I broke no contact. Do I start over?",
)
BAR = (
    '<div class="bar"><h1>The no-contact guide</h1>'
    '<a class="leave" href="https://www.wikipedia.org/" title="Opens another site in place of this page">'
    "Leave this page</a></div>"
)
INTRODUCTION = (
    "<p>Answers about keeping distance after a breakup, each sentence with its source. "
    "This is a program, not a person, a therapist or an emergency service.</p>"
)
WELCOME = (
    '<div class="welcome"><p><strong>What is on your mind?</strong></p>'
    "<p>Say it the way you would say it to a friend. Nothing you write is kept.</p></div>"
)
NOTE = (
    "<details><summary>What this guide is, and what it is not</summary>"
    "<p>This guide is a program. Nobody reads what you write, and nobody will write back. It is not a therapist "
    "and not an emergency service. If you are in danger, call the emergency number under Helplines.</p>"
    "<p>It quotes its own library and nothing else. When the library has no answer, it says so. It can be wrong, "
    "and it can miss that somebody is in danger.</p>"
    "<p>Nothing you write is saved to a disk, here or in your browser, and nothing is sent to other sites. The "
    "words on this page stay in memory until you press Clear, or for about an hour after your last question.</p>"
    "<p>Somebody who uses your device may still see it: on the screen, through a program that watches it, or as a "
    "visited page in the browser's history. If that could put you at risk, use a device that they cannot reach. "
    '"Leave this page" opens another site at once. It does not clean the history.</p></details>'
)
WAITING_REPLY = '<p class="waiting">Looking in the library</p>'
TROUBLE = (
    "<p>Something went wrong on my side, so I have no answer. Your words are still in the box: "
    "please send them again. If you are in danger, do not wait for me. The emergency number is under Helplines.</p>"
)
NOT_CHOSEN = "Not chosen (international)"


@dataclass(frozen=True, slots=True)
class _Parts:
    """What changes in the window, in the order in which the event functions return it."""

    chat: "gr.Chatbot"
    panel: "gr.Markdown"
    box: "gr.Textbox"
    label: "gr.Markdown"
    chips: "list[gr.Button]"
    state: "gr.State"
    country: "gr.Dropdown"
    lines: "gr.Markdown"
    clear: "gr.Button"

    @property
    def talk(self) -> list[Any]:
        return [self.chat, self.box, self.panel, self.label, *self.chips, self.state]


def _mount_window(app: FastAPI, guide: "Guide", metrics: Metrics) -> None:
    import gradio as gr

    first = starters(guide)
    with gr.Blocks(
        title="The no-contact guide", analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True
    ) as window:
        parts = _lay_out(first)
        _connect(window, parts, guide, metrics, first)
    window.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    script = (ASSETS / "guide.js").read_text(encoding="utf-8")
    gr.mount_gradio_app(
        app,
        window,
        path="/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        favicon_path=str(ASSETS / "icon.png"),
        max_file_size=0,
        allowed_paths=[],
        blocked_paths=["/"],
        theme=_theme(),
        css_paths=[ASSETS / "guide.css"],
        head=f'<meta name="referrer" content="no-referrer"><script>{script}</script>',
    )
    app.state.sessions = app.routes[-1].app.state_holder  # type: ignore[attr-defined]


# The page is drawn in these before guide.css is there; the rest of the colours stand in that file.
_COLOURS = {
    "body_background_fill": "#faf8f5",
    "body_background_fill_dark": "#171918",
    "body_text_color": "#2a2826",
    "body_text_color_dark": "#ebe7e1",
    "block_background_fill": "var(--card)",
    "block_background_fill_dark": "var(--card)",
    "block_border_color": "var(--line)",
    "block_border_color_dark": "var(--line)",
    "block_info_text_color": "var(--quiet)",
    "block_info_text_color_dark": "var(--quiet)",
    "block_label_text_color": "var(--quiet)",
    "block_label_text_color_dark": "var(--quiet)",
    "block_title_text_color": "var(--quiet)",
    "block_title_text_color_dark": "var(--quiet)",
    "input_background_fill": "transparent",
    "input_background_fill_dark": "transparent",
    "input_placeholder_color": "var(--quiet)",
    "input_placeholder_color_dark": "var(--quiet)",
    "link_text_color": "var(--accent)",
    "link_text_color_dark": "var(--accent)",
    "link_text_color_hover": "var(--ink)",
    "link_text_color_hover_dark": "var(--ink)",
    "link_text_color_visited": "var(--accent)",
    "link_text_color_visited_dark": "var(--accent)",
}


def _theme() -> "gr.Theme":
    import gradio as gr

    system = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        radius_size="lg",
        font=system,
        font_mono=("ui-monospace", "monospace"),
    ).set(**_COLOURS)


def _lay_out(first: Sequence[str]) -> _Parts:
    import gradio as gr

    gr.Markdown(BAR, elem_id="bar", latex_delimiters=[])
    gr.Markdown(INTRODUCTION, elem_id="introduction", latex_delimiters=[])
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=3, min_width=300, elem_id="talk"):
            chat = gr.Chatbot(
                label="Conversation",
                show_label=False,
                elem_id="chat",
                height=None,
                autoscroll=False,  # guide.js shows the last question at the top instead
                buttons=[],
                feedback_options=None,
                latex_delimiters=[],
                sanitize_html=True,
                allow_tags=False,
                allow_file_downloads=False,
                group_consecutive_messages=False,
                layout="bubble",
                placeholder=WELCOME,
            )
            label = gr.Markdown(_label(False), elem_id="ask-label", latex_delimiters=[])
            with gr.Row(elem_id="chips"):
                chips = [gr.Button(**_chip(first, n), elem_classes="chip", size="sm") for n in range(CHIPS)]
            box = gr.Textbox(
                label="Your question",
                placeholder="Ask in your own words",
                lines=1,
                max_lines=8,
                max_length=20_000,
                submit_btn="Ask",
                elem_id="box",
                html_attributes=gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="send"),
            )
            clear = gr.Button("Clear the conversation", elem_id="clear", size="sm", variant="secondary")
        with gr.Column(scale=2, min_width=300, elem_id="side"):
            gr.Markdown("<h2>Sources of the last answer</h2>", latex_delimiters=[])
            panel = gr.Markdown(render_panel(()), elem_id="sources", latex_delimiters=[])
            gr.Markdown("<h2>Helplines</h2>", latex_delimiters=[])
            country = gr.Dropdown([(NOT_CHOSEN, "")], value="", label="Helplines for", elem_id="country")
            lines = gr.Markdown("", elem_id="lines", latex_delimiters=[])
            gr.Markdown(NOTE, elem_id="note", latex_delimiters=[])
    return _Parts(chat, panel, box, label, chips, gr.State(()), country, lines, clear)


def _label(has_begun: bool) -> str:
    return f'<p class="hint">{"You could also ask" if has_begun else "You could start with"}</p>'


def _chip(questions: Sequence[str], number: int) -> dict[str, Any]:
    """Value and visibility of one of the buttons that ask a question."""
    question = questions[number] if number < len(questions) else ""
    return {"value": question, "visible": bool(question)}


def _connect(
    window: "gr.Blocks", parts: _Parts, guide: "Guide", metrics: Metrics, first: Sequence[str]
) -> None:
    import gradio as gr

    def show(conversation: Conversation) -> list[Any]:
        suggestions = conversation[-1].reply.suggestions if conversation else first
        return [
            messages_of(conversation),
            "",
            render_panel([exchange.sources for exchange in conversation]),
            gr.Markdown(value=_label(bool(conversation)), visible=bool(suggestions)),
            *(gr.Button(**_chip(suggestions, n)) for n in range(CHIPS)),
            conversation,
        ]

    def show_only(conversation: Conversation, message: str, words: str, box: str) -> list[Any]:
        """The conversation with something below it that is not part of it."""
        asked = [
            {"role": "user", "content": render_question(message)},
            {"role": "assistant", "content": words},
        ]
        return [[*messages_of(conversation), *asked], box, *[gr.skip()] * (len(parts.talk) - 2)]

    def ask(message: str, conversation: Conversation, country: str) -> Iterator[list[Any]]:
        if not message.strip():
            yield [gr.skip()] * len(parts.talk)
            return
        yield show_only(conversation, message, WAITING_REPLY, box="")
        try:
            longer = continue_conversation(guide, conversation, message, country)
        except Exception as error:  # the edge: the person is told, and the words go back to the box
            metrics.count_failure(error)
            yield show_only(conversation, message, TROUBLE, box=message)
            return
        metrics.count(longer[-1].reply.to_json())
        chat, _, *rest = show(longer)
        yield [chat, gr.skip(), *rest]  # what was written meanwhile stays in the box

    def choose(country: str, conversation: Conversation) -> list[Any]:
        changed = with_country(guide, conversation, country)
        return [messages_of(changed), changed, render_standing_helplines(standing_helplines(guide, country))]

    def greet(request: gr.Request) -> list[Any]:
        countries = guide.desk.countries()
        known = [code for _, code in countries]
        chosen = os.environ.get("GUIDE_COUNTRY", "").upper()
        if chosen not in known:
            chosen = guess_country(request.headers.get("accept-language", ""), known)
        lines = render_standing_helplines(standing_helplines(guide, chosen))
        return [gr.Dropdown(choices=[(NOT_CHOSEN, ""), *countries], value=chosen), lines]

    def listen(event: Callable[..., Any], *wiring: Any, **more: Any) -> Any:
        private = {"api_visibility": "private", "show_progress": "hidden"}
        return event(*wiring, **private, concurrency_id="answer", concurrency_limit=AT_ONCE, **more)

    context = [parts.state, parts.country]
    asking = [listen(parts.box.submit, ask, [parts.box, *context], parts.talk)]
    asking += [listen(chip.click, ask, [chip, *context], parts.talk) for chip in parts.chips]
    listen(parts.clear.click, lambda: show(()), [], parts.talk, cancels=asking)
    listen(parts.country.input, choose, [parts.country, parts.state], [parts.chat, parts.state, parts.lines])
    listen(window.load, greet, [], [parts.country, parts.lines])


@contextlib.asynccontextmanager
async def _forgetting(app: FastAPI) -> AsyncIterator[None]:
    """While the app runs, drop the words of windows that were left."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(60)
            forget_idle(app.state.sessions, datetime.now() - FORGET_AFTER)

    task = asyncio.create_task(sweep())
    yield
    task.cancel()


def forget_idle(sessions: Any, before: datetime) -> None:
    """Drop all that Gradio's `sessions` hold of windows that were not used since `before`.

    Gradio itself deletes the state of a closed window, but keeps what its parts last showed.
    """
    for key, used in list(sessions.time_last_used.items()):
        if used < before:
            sessions.session_data.pop(key, None)
            sessions.time_last_used.pop(key, None)


# ---------------------------------------------------------------- serving


def serve(guide: "Guide", host: str, port: int) -> None:
    """Serve `guide` until the process is told to stop, and say when it answers.

    Raises `GuideError` when the port cannot be had.
    """
    import uvicorn

    listener = _claim(host, port)
    guide.warm_up()
    app = build_app(guide, trusted_hosts(host))
    address = _address(host, listener.getsockname()[1])

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"The guide is ready at {address}", flush=True)  # noqa: T201

    # uvicorn's own log would quote what a bug's message says; faults are logged by Guard, without words.
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, timeout_graceful_shutdown=1
    )
    _exit_cleanly_when_told()
    Server(config).run(sockets=[listener])


def _claim(host: str, port: int) -> socket.socket:
    """Take the port before anything slow begins; nobody is answered on it yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name != "nt":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise GuideError(
            f"Port {port} at {host} cannot be used ({error}). Choose another with --port or GUIDE_PORT"
        ) from error
    return listener


def _address(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def _exit_cleanly_when_told() -> None:
    """Let a polite end of the process run what was registered for its exit."""
    import signal

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
