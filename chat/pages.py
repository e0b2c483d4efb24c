"""The pages beside the conversation: reading, helplines, pause, plan, privacy, and how it works."""

from __future__ import annotations

import html
import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from markdown_it import MarkdownIt

from chat.frame import NOTHING_HERE, Page, assets, embedding_sites, render_page, version
from chat.pause import render_pause, render_unsent
from chat.printed import find_printed
from chat.reading import read_spans, render_document, render_library, stretches
from chat.render import render_helpline_list
from chat.session import guess_country
from indexer.referrals import INTERNATIONAL

if TYPE_CHECKING:
    from chat.guide import Guide

TEXTS = Path(__file__).with_name("assets") / "texts"
FIGURES = Path(__file__).with_name("figures.json")  # what `make evals` measured; see the file
_MARKDOWN = MarkdownIt("commonmark", {"html": False})
# The browser's own viewer puts the file into an embedded object.
_PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_FOREVER = "public, max-age=31536000, immutable"  # the address changes with the content


def add_pages(app: FastAPI, guide: Guide) -> None:
    """Add every page to `app`; none of them keeps anything or sets a cookie."""
    _add_reading(app, guide)
    _add_help(app, guide)
    for path, name, title in (
        ("/privacy", "privacy.md", "What is kept, and what is not"),
        ("/about-the-screen", "about-the-screen.md", "What it may not notice"),
        ("/how-it-works", "how-it-works.md", "How it works"),
    ):
        page = render_page(Page(title, render_text(name), path))
        app.get(path, include_in_schema=False)(_always(page))
    plan = (TEXTS / "plan.html").read_text(encoding="utf-8")
    app.get("/plan", include_in_schema=False)(_always(render_page(Page("My plan", plan, "/plan"))))

    @app.get("/site/{build}/{name}", include_in_schema=False)
    def asset(build: str, name: str) -> Response:
        if build != version() or name not in assets():
            return _missing()
        found = assets()[name]
        return Response(found.content, media_type=found.media_type, headers={"Cache-Control": _FOREVER})

    @app.get("/widget.js", include_in_schema=False)
    def widget() -> Response:
        if not embedding_sites():
            return _missing()
        return Response(assets()["widget.js"].content, media_type="text/javascript")

    @app.get("/offline.js", include_in_schema=False)
    def worker() -> Response:
        return Response(assets()["worker.js"].content, media_type="text/javascript")


def _add_reading(app: FastAPI, guide: Guide) -> None:
    @app.get("/read", include_in_schema=False)
    def library() -> HTMLResponse:
        return _page("Everything the guide can say", render_library(guide.index), "/read")

    @app.get("/read/{document_id:path}.pdf", include_in_schema=False)
    def printed(document_id: str) -> Response:
        try:
            path = find_printed(guide.index.document(document_id))
        except KeyError:
            path = None
        if path is None:
            return _missing()
        name = f"{document_id.rsplit('/', 1)[-1]}.pdf"
        headers = {"Content-Security-Policy": _PDF_POLICY}
        return FileResponse(
            path, 200, headers, "application/pdf", filename=name, content_disposition_type="inline"
        )

    @app.get("/read/{document_id:path}", include_in_schema=False)
    def document(document_id: str, mark: str = "") -> HTMLResponse:
        index = guide.index
        try:
            found = index.document(document_id)
        except KeyError:
            return _missing()
        parts = stretches(index, document_id)
        has_pdf = find_printed(found) is not None
        body = render_document(found, parts, index.references, read_spans(mark), has_pdf)
        return _page(found.title, body, f"/read/{document_id}")


def _add_help(app: FastAPI, guide: Guide) -> None:
    @app.get("/helplines", include_in_schema=False)
    def helplines(request: Request, country: str = "") -> HTMLResponse:
        known = [code for _, code in guide.desk.countries()]
        chosen = country.upper() if country.upper() in known else preferred_country(request, known)
        return _page("Helplines", render_helplines_page(guide, chosen), "/helplines")

    @app.get("/pause", include_in_schema=False)
    def pause() -> HTMLResponse:
        return _page("A pause before you write", render_pause(guide.index), "/pause", pause=False)

    @app.get("/unsent", include_in_schema=False)
    def unsent() -> HTMLResponse:
        return _page("The message you won’t send", render_unsent(guide.index), "/unsent")


def preferred_country(request: Any, known: list[str]) -> str:
    """The country of GUIDE_COUNTRY, else of the browser's language; empty where neither has helplines."""
    set_here = os.environ.get("GUIDE_COUNTRY", "").upper()
    return set_here if set_here in known else guess_country(request.headers.get("accept-language", ""), known)


def render_helplines_page(guide: Guide, chosen: str) -> str:
    """Every helpline of every country, the chosen country first and open."""
    countries = guide.desk.countries()
    names = {code: name for name, code in countries}
    options = "".join(
        f'<option value="{code}"{" selected" if code == chosen else ""}>{html.escape(name)}</option>'
        for name, code in [("Not chosen (international)", ""), *countries]
    )
    first = chosen or INTERNATIONAL
    others = "".join(
        f'<details id="country-{code}"><summary>{html.escape(name)}</summary>'
        f"{render_helpline_list(guide.desk.lines_of(code))}</details>"
        for name, code in countries
        if code != chosen
    )
    return (
        "<h1>Helplines</h1>"
        '<p class="lead">People to talk to, now. In danger, ring the emergency number first. '
        "You do not need to know what to say, or to have decided anything.</p>"
        '<form class="choose" method="get" action="/helplines"><label for="country-of">Country</label>'
        f'<select id="country-of" name="country" autocomplete="off">{options}</select>'
        '<button type="submit" class="quiet">Show</button></form>'
        f'<section class="own-country" id="country-{first}"><h2>{html.escape(names.get(first, "International"))}</h2>'
        f"{render_helpline_list(guide.desk.lines_of(first))}</section>"
        f"<section><h2>Other countries</h2>{others}</section>"
        '<p class="hint">Numbers change. Each stands with its hours; if one fails, use the emergency number '
        "or findahelpline.com.</p>"
        '<p class="offline" hidden><button type="button" class="quiet" data-do="keep-helplines">'
        "Keep the helplines on this device, for when there is no network</button>"
        '<span class="hint" role="status"></span></p>'
    )


@cache
def render_text(name: str) -> str:
    """One of the texts as HTML, with the measured figures where it names them."""
    source = (TEXTS / name).read_text(encoding="utf-8")
    figures = read_figures()
    for group in ("answers", "screen"):
        source = source.replace(f"{{{group}}}", f"figures-of-{group}")
    page: str = _MARKDOWN.render(source.replace("{command}", figures["command"]))
    for group in ("answers", "screen"):
        page = page.replace(f"<p>figures-of-{group}</p>", _figure_list(figures[group]))
    return page


@cache
def read_figures() -> dict[str, Any]:
    """The measured figures that the pages tell."""
    found: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found


def _figure_list(figures: list[dict[str, str]]) -> str:
    rows = "".join(_figure_row(figure) for figure in figures)
    return f'<table class="figures"><caption class="unseen">Measured figures</caption>{rows}</table>'


def _figure_row(figure: dict[str, str]) -> str:
    between = f' <span class="hint">({html.escape(figure["range"])})</span>' if figure["range"] else ""
    value = html.escape(figure["value"])
    return f'<tr><th scope="row">{html.escape(figure["what"])}</th><td><strong>{value}</strong>{between}</td></tr>'


def _always(page: str) -> Any:
    def serve() -> HTMLResponse:
        return HTMLResponse(page)

    return serve


def _page(title: str, main: str, path: str, pause: bool = True) -> HTMLResponse:
    return HTMLResponse(render_page(Page(title, main, path, pause)))


def _missing() -> HTMLResponse:
    return HTMLResponse(render_page(NOTHING_HERE), 404)


def window_extra(guide: Guide) -> str:
    """What the window keeps at hand, so that the pause opens even when the server cannot be reached."""
    return f'<template id="pause-page"><div class="page">{render_pause(guide.index)}</div></template>'
