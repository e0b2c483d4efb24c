"""What every request passes, and the JSON API: headers, limits, questions, health and numbers."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat.__main__ import answer_question
from chat.frame import policy
from chat.metrics import Metrics

if TYPE_CHECKING:
    from chat.guide import Guide

MAX_BODY = 1 << 20  # bytes of one request: some fifty messages of the longest kind
MAX_WINDOW_BODY = 4 << 20  # the window hands its whole conversation back: a hundred exchanges as shown
AT_ONCE = 4  # replies worked out at the same time; encoding uses all cores anyway

# ---------------------------------------------------------------- what every request passes

_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_KEPT_BY_BROWSERS = (
    "/assets/",
    "/static/",
    "/site/",
)  # the window's own scripts and fonts, the same for everybody
# What the window needs of Gradio. The rest (uploads, deep links that write a conversation to the disk,
# a proxy, monitoring) is closed.
_GRADIO_OPEN = ("queue/join", "queue/data", "run/predict", "heartbeat/", "cancel", "app_id")
_GRADIO_PREFIX = "/gradio_api/"
_WINDOW_HANDS_OVER = (f"{_GRADIO_PREFIX}queue/join", f"{_GRADIO_PREFIX}run/predict")
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
                await self._app(scope, _limited(receive, _most(scope["path"])), send_strictly)
            except _TooLarge:
                refusal = _too_large(_most(scope["path"]))
            except Exception as error:  # the edge: the person is told, and the log says where
                self._metrics.count_failure(error)
                refusal = _error(500, "something went wrong inside the guide; please try again")
        if refusal is not None and not started:
            await refusal(scope, receive, send_strictly)


def _set_headers(path: str, headers: MutableHeaders) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Content-Security-Policy", policy())
    if path == "/widget.js":
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # the one file that other sites load
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
    if not length.isdecimal() or int(length) > _most(path):
        return _too_large(_most(path))
    return None


def _most(path: str) -> int:
    """How many bytes a request to `path` may have."""
    return MAX_WINDOW_BODY if path in _WINDOW_HANDS_OVER else MAX_BODY


def _limited(receive: Receive, most: int) -> Receive:
    """Hand a body on until it is longer than `most` bytes; its length may not have been told."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _TooLarge
        return message

    return receive_some


def _error(status: int, why: str, question_id: Any = None) -> JSONResponse:
    return JSONResponse({"id": question_id, "error": why}, status)


def _too_large(most: int) -> JSONResponse:
    return _error(413, f"a request may have at most {most} bytes")


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


def add_api(app: FastAPI, guide: Guide, metrics: Metrics) -> None:
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


def _readable_build(guide: Guide) -> str:
    """The id of the build that is served, after a look at its files."""
    index = guide.index
    index.document_ids()
    return index.build_id
