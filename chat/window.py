"""The window: what stands where, and what happens when something is pressed. It decides no answer."""

# No `from __future__ import annotations`: Gradio hands a request to an event function by its annotation,
# which must be the class itself.

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from chat.frame import NAME
from chat.http import AT_ONCE
from chat.metrics import Metrics
from chat.pages import preferred_country
from chat.render import render_panel, render_question, render_standing_helplines
from chat.session import (
    MOST_STARTERS,
    Conversation,
    continue_conversation,
    messages_of,
    pack,
    standing_helplines,
    starters,
    unpack,
    with_country,
)

if TYPE_CHECKING:
    import gradio as gr

    from chat.guide import Guide

ASSETS = Path(__file__).with_name("assets")
WAITING = 64  # questions of the window that may wait for their turn
FORGET_AFTER = timedelta(minutes=1)  # how long what a window last showed stays in memory; the page holds it
WELCOME = (
    '<div class="welcome"><h2>What is on your mind?</h2>'
    "<p>Say it the way you would say it to a friend. A program answers with sentences from a small library, "
    "each with its source. Nothing you write is kept.</p></div>"
)
TOOLS = (
    '<p class="talk-tools"><button class="copy-talk">Copy the conversation</button>'
    '<button class="save-talk">Save it as a file</button></p>'
)
WAITING_REPLY = '<p class="waiting">Looking in the library</p>'
TROUBLE = (
    '<div class="reply trouble"><p>Something went wrong on my side, so I have no answer. Your words are still in '
    "the box: please send them again. If you are in danger, do not wait for me. The emergency number is under "
    "Helplines.</p></div>"
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
    held: "gr.Textbox"  # the conversation itself: the page holds it, so that the server need not
    tools: "gr.Row"
    country: "gr.Dropdown"
    lines: "gr.Markdown"
    forget: "gr.Button"

    @property
    def talk(self) -> list[Any]:
        return [self.chat, self.box, self.panel, self.label, *self.chips, self.held, self.tools]


def mount_window(app: FastAPI, guide: "Guide", metrics: Metrics) -> None:
    """Add the window to `app` at "/", and its sessions to `app.state`."""
    import gradio as gr

    def forget(request: gr.Request) -> None:
        forget_window(app.state.sessions, request.session_hash)

    first = starters(guide)
    with gr.Blocks(title=NAME, analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True) as window:
        parts = _lay_out(first, guide.desk.countries())
        _connect(window, parts, guide, metrics, first)
        window.unload(forget)
    window.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
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
        css_paths=[ASSETS / "window.css"],
    )
    app.state.sessions = app.routes[-1].app.state_holder  # type: ignore[attr-defined]
    metrics.watch_windows(lambda: len(app.state.sessions.session_data))


# The page is drawn in these before site.css is there; the rest of the colours stand in that file.
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


def _lay_out(first: Sequence[str], countries: Sequence[tuple[str, str]]) -> _Parts:
    import gradio as gr

    with gr.Row(elem_id="desk"):
        with gr.Column(scale=3, min_width=300, elem_id="talk"):
            chat = gr.Chatbot(
                label="Conversation",
                show_label=False,
                elem_id="chat",
                height=None,
                autoscroll=False,  # talk.js shows the last question at the top instead
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
                chips = [
                    gr.Button(**_chip(first, n), elem_classes="chip", size="sm") for n in range(MOST_STARTERS)
                ]
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
            held = gr.Textbox("[]", elem_id="held", visible="hidden", label="Held by this page")
            with gr.Row(elem_id="tools", visible=False) as tools:
                gr.Markdown(TOOLS, latex_delimiters=[])
                forget = gr.Button("Forget this chat", elem_id="forget", size="sm", variant="secondary")
        with gr.Column(scale=2, min_width=300, elem_id="side"):
            gr.Markdown("<h2>Sources of the last answer</h2>", elem_id="sources-title", latex_delimiters=[])
            panel = gr.Markdown(render_panel(()), elem_id="sources", latex_delimiters=[])
            gr.Markdown("<h2>Helplines</h2>", elem_id="lines-title", latex_delimiters=[])
            # All countries from the beginning: a server that forgot this window, or was started anew, knows no others
            # and would refuse the question of somebody whose country it does not know.
            choices = [(NOT_CHOSEN, ""), *countries]
            country = gr.Dropdown(choices, value="", label="Helplines for", elem_id="country")
            lines = gr.Markdown("", elem_id="lines", latex_delimiters=[])
    return _Parts(chat, panel, box, label, chips, held, tools, country, lines, forget)


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

    known = [code for _, code in guide.desk.countries()]

    def show(conversation: Conversation) -> list[Any]:
        suggestions = conversation[-1].suggestions if conversation else first
        return [
            messages_of(conversation),
            "",
            render_panel([exchange.sources for exchange in conversation]),
            gr.Markdown(value=_label(bool(conversation)), visible=bool(suggestions)),
            *(gr.Button(**_chip(suggestions, n)) for n in range(MOST_STARTERS)),
            pack(conversation),
            gr.Row(visible=bool(conversation)),
        ]

    def show_only(conversation: Conversation, message: str, words: str, box: str) -> list[Any]:
        """The conversation with something below it that is not part of it."""
        asked = [
            {"role": "user", "content": render_question(message)},
            {"role": "assistant", "content": words},
        ]
        return [[*messages_of(conversation), *asked], box, *[gr.skip()] * (len(parts.talk) - 2)]

    def ask(message: str, held: str, country: str) -> Iterator[list[Any]]:
        if not message.strip():
            yield [gr.skip()] * len(parts.talk)
            return
        conversation = unpack(held)
        yield show_only(conversation, message, WAITING_REPLY, box="")
        try:
            longer, reply = continue_conversation(guide, conversation, message, country)
        except Exception as error:  # the edge: the person is told, and the words go back to the box
            metrics.count_failure(error)
            yield show_only(conversation, message, TROUBLE, box=message)
            return
        metrics.count(reply.to_json())
        chat, _, *rest = show(longer)
        yield [chat, gr.skip(), *rest]  # what was written meanwhile stays in the box

    def restore(held: str) -> list[Any]:
        chat, _, *rest = show(unpack(held))
        return [chat, gr.skip(), *rest]

    def choose(country: str, held: str) -> list[Any]:
        changed = with_country(guide, unpack(held), country or "")
        lines = render_standing_helplines(standing_helplines(guide, country))
        return [messages_of(changed), pack(changed), lines]

    def greet(request: gr.Request) -> list[Any]:
        chosen = preferred_country(request, known)
        return [chosen, render_standing_helplines(standing_helplines(guide, chosen))]

    def listen(event: Callable[..., Any], *wiring: Any, **more: Any) -> Any:
        return event(*wiring, api_visibility="private", show_progress="hidden", **more)

    def listen_at_once(event: Callable[..., Any], *wiring: Any, **more: Any) -> Any:
        # Without the queue: a question that is asked at the moment in which the queue's stream closes is lost.
        return listen(event, *wiring, queue=False, **more)

    context = [parts.held, parts.country]
    turns = {"concurrency_id": "answer", "concurrency_limit": AT_ONCE}
    asking = [listen(parts.box.submit, ask, [parts.box, *context], parts.talk, **turns)]
    asking += [listen(chip.click, ask, [chip, *context], parts.talk, **turns) for chip in parts.chips]
    listen_at_once(parts.forget.click, lambda: show(()), [], parts.talk, cancels=asking)
    # After a lost connection: see talk.js.
    listen_at_once(parts.held.input, restore, [parts.held], parts.talk)
    chosen = [parts.chat, parts.held, parts.lines]
    listen_at_once(parts.country.input, choose, [parts.country, parts.held], chosen)
    listen_at_once(window.load, greet, [], [parts.country, parts.lines])


async def forget_in_time(sessions: Any) -> None:
    """As long as the app runs, drop the words of windows that were left."""
    while True:
        await asyncio.sleep(10)
        forget_idle(sessions, datetime.now() - FORGET_AFTER)


def forget_idle(sessions: Any, before: datetime) -> None:
    """Drop all that Gradio's `sessions` hold of windows that were not used since `before`.

    Gradio itself deletes the state of a closed window, but keeps what its parts last showed.
    """
    for key, used in list(sessions.time_last_used.items()):
        if used < before:
            forget_window(sessions, key)


def forget_window(sessions: Any, key: str | None) -> None:
    """Drop what `sessions` hold of one window, as when its page is closed."""
    sessions.session_data.pop(key, None)
    sessions.time_last_used.pop(key, None)
