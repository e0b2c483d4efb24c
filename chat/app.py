"""The app: the JSON API and the window put together, and the server that runs them."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

import anyio.from_thread
from fastapi import FastAPI
from fastapi.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from chat.frame import WindowFrame
from chat.http import Guard, add_api
from chat.metrics import Metrics
from chat.pages import add_pages, window_extra
from chat.tools import add_tools
from chat.window import forget_in_time, mount_window
from indexer.errors import GuideError

if TYPE_CHECKING:
    from chat.guide import Guide

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


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


def build_app(guide: Guide, hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """Return the app that serves `guide` to browsers that call it by one of `hosts`.

    Imports Gradio, which takes seconds. Loads no model: call `guide.warm_up()` before.
    """
    prepare_environment()
    metrics = Metrics()
    app = FastAPI(
        title="The no-contact guide",
        description="The JSON API. With GUIDE_MCP=1 the same replies are given to programs as MCP tools at /mcp.",
        docs_url=None,  # its page would load scripts from another host
        redoc_url=None,
        lifespan=_forgetting,
        middleware=[
            Middleware(Guard, metrics=metrics),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            # The pages shrink to a third; a stream, a part of a file and a PDF go as they are.
            Middleware(
                GZipMiddleware,
                minimum_size=1000,
                compresslevel=6,
                exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/pdf"),
            ),
            Middleware(WindowFrame, extra=lambda: window_extra(guide)),
        ],
    )
    add_api(app, guide, metrics)
    app.state.tools = add_tools(app, guide, metrics)
    add_pages(app, guide)
    with anyio.from_thread.start_blocking_portal() as portal:
        # In a running loop: without one, Gradio makes a loop for each of its locks and closes none of them.
        portal.call(mount_window, app, guide, metrics)
    return app


@contextlib.asynccontextmanager
async def _forgetting(app: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(forget_in_time(app.state.sessions))
    async with app.state.tools.open() if app.state.tools else contextlib.nullcontext():
        yield
    task.cancel()


def serve(guide: Guide, host: str, port: int) -> None:
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
