"""The guide as tools for other programs, over MCP: closed unless GUIDE_MCP=1, stateless, and nothing is kept."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chat.__main__ import reply_to
from chat.frame import NAME
from chat.http import AT_ONCE, MAX_BODY
from chat.metrics import Metrics
from chat.referral import render_helplines
from chat.render import render_record
from indexer.errors import GuideError

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from chat.guide import Guide
    from chat.types import Reply

PATH = "/mcp"
INSTRUCTIONS = (
    "Answers about keeping distance after a breakup, in whole sentences of a small library, each with its source. "
    "Show what ask_guide says word for word, with its [1] marks and its sources; put nothing else in its place. "
    "Where `kind` is referral somebody may be in danger: show the text and every helpline first, and no advice of "
    "your own beside it. It is a program, not a therapist or an emergency service."
)
_COUNTRY = {"type": "string", "description": "ISO code for helplines, such as GB"}
_INPUT = {
    "ask_guide": {
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string", "description": "the question"}, "country": _COUNTRY},
        "additionalProperties": False,
    },
    "find_helpline": {
        "type": "object",
        "required": ["country"],
        "properties": {"country": _COUNTRY},
        "additionalProperties": False,
    },
}
_TOLD = {
    "ask_guide": "Ask the guide one question. Gives its text with [1] marks, each source with the exact quote, and "
    "where somebody may be at risk a referral with helplines. Keeps nothing.",
    "find_helpline": "The helplines of a country, emergency number first, each with its hours. A country that is "
    "not known gets the international ones.",
}
_FAULT = "something went wrong inside the guide; please try again"


class ToolsMissing(GuideError):
    """GUIDE_MCP is set, and the package that it needs is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "GUIDE_MCP=1 needs the package mcp. Install it with: "
            ".venv/bin/pip install -c constraints.txt -e '.[mcp]'"
        )


class ToolDoor:
    """The address at which programs call the tools; it answers while `open` is entered.

    Each request stands alone and gets one JSON answer: there are no sessions and no streams.
    """

    def __init__(self, guide: Guide, metrics: Metrics) -> None:
        try:
            from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        except ImportError as error:
            raise ToolsMissing from error
        logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)  # its faults would quote what was asked
        self._server = _server(guide, metrics)
        self._make_manager = StreamableHTTPSessionManager
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer calls; a manager serves one run of the app, and each run gets its own."""
        # Host, origin and headers are Guard's and TrustedHostMiddleware's, as for every other request.
        manager = self._make_manager(
            self._server, json_response=True, stateless=True, max_request_body_size=MAX_BODY
        )
        async with manager.run():
            self._manager = manager
            yield
        self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":  # no streams (GET) and no sessions to end (DELETE)
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        if self._manager is None:
            raise RuntimeError("the tools answer only while the app runs")
        await self._manager.handle_request(scope, receive, send)


def add_tools(app: FastAPI, guide: Guide, metrics: Metrics) -> ToolDoor | None:
    """Add the tools to `app` where GUIDE_MCP=1; the door that its lifespan must open, else None.

    Raises `ToolsMissing` where they are wanted and the package is not there.
    """
    if os.environ.get("GUIDE_MCP") != "1":
        return None
    door = ToolDoor(guide, metrics)
    # A route and not a mount: a mount would send /mcp on to /mcp/.
    app.router.routes.append(Route(PATH, endpoint=door, include_in_schema=False))
    return door


def tool_record(reply: Reply) -> dict[str, Any]:
    """The reply line of the outside contract, and the helplines that a referral shows."""
    return reply.to_json() | {"helplines": [asdict(line) for line in reply.helplines]}


def _server(guide: Guide, metrics: Metrics) -> Server[Any]:
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.shared.exceptions import MCPError

    limiter = anyio.CapacityLimiter(AT_ONCE)
    marks = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    tools = [
        types.Tool(name=name, description=_TOLD[name], input_schema=_INPUT[name], annotations=marks)
        for name in _INPUT
    ]

    async def list_tools(context: Any, asked: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        if asked.name not in _INPUT:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {asked.name!r}")
        call = _ask if asked.name == "ask_guide" else _find
        try:
            text, record = await anyio.to_thread.run_sync(
                call, guide, metrics, asked.arguments or {}, limiter=limiter
            )
        except UnicodeEncodeError:
            return _said("half a surrogate pair is no text", is_error=True)
        except ValueError as error:
            return _said(str(error), is_error=True)
        except Exception as error:  # the edge: the caller is told, and the log says where
            metrics.count_failure(error)
            return _said(_FAULT, is_error=True)
        return _said(text, record)

    def _said(
        text: str, record: dict[str, Any] | None = None, is_error: bool = False
    ) -> types.CallToolResult:
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=record, is_error=is_error
        )

    return Server(
        "no-contact-guide",
        title=NAME,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _ask(guide: Guide, metrics: Metrics, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    question = {name: arguments[name] for name in ("message", "country") if name in arguments}
    reply = reply_to(guide, question, os.environ.get("GUIDE_COUNTRY"))
    record = tool_record(reply)
    metrics.count(record)
    return render_record(reply), record


def _find(guide: Guide, metrics: Metrics, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    country = arguments.get("country")
    if not isinstance(country, str):
        raise ValueError('"country" must be an ISO code such as "GB"')
    lines = guide.desk.lines_of(country)
    return render_helplines(lines), {"helplines": [asdict(line) for line in lines]}
