"""The pages beside the conversation, as the server gives them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from chat.frame import MENU, assets, frame_window, version
from chat.guide import Guide
from chat.pages import read_figures, render_helplines_page
from chat.pause import LAPSE, URGE
from chat.printed import find_printed
from indexer.sentences import reading_form
from tests.conftest import ROOT

PAGES = [
    "/read",
    "/read/articles/how-long",
    "/helplines",
    "/plan",
    "/pause",
    "/unsent",
    "/privacy",
    "/about-the-screen",
    "/how-it-works",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_one_heading_the_way_out_and_no_inline_script(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    page = response.text
    assert len(re.findall(r"<h1", page)) == 1
    assert 'class="leave"' in page and 'href="https://www.wikipedia.org/"' in page
    assert not re.findall(r"<script(?![^>]*\bsrc=)", page) and " on" not in re.sub(r">[^<]*<", "><", page)
    assert not response.cookies
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [*PAGES, "/"])
def test_every_link_within_the_guide_leads_somewhere(client: TestClient, path: str) -> None:
    page = client.get(path).text
    for address in sorted(set(re.findall(r'<a[^>]* href="(/[^"#?]*)', page)))[:60]:
        assert client.get(address).status_code == 200, f"{path} leads to {address}"
    for address in re.findall(r'(?:src|href)="(/site/[^"]+)"', page):
        assert client.get(address).status_code == 200


def test_the_window_has_the_bar_before_any_script_runs_and_a_word_for_who_blocks_them(
    client: TestClient,
) -> None:
    page = client.get("/").text
    body = page[page.index("<body") :]
    assert body.index('class="leave"') < body.index("<gradio-app")
    assert body.index("<noscript>") < body.index("<gradio-app")
    assert (
        page.count("<title>") == 1 and "og:image" not in page and "gradio.app" not in page.split("<body")[0]
    )
    for address, _ in MENU:
        assert f'href="{address}"' in body


def test_every_script_of_the_window_carries_this_answers_own_nonce(client: TestClient) -> None:
    first, second = client.get("/"), client.get("/")
    nonces = []
    for response in (first, second):
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", response.headers["content-security-policy"]))
        own = re.findall(r'<script nonce="([^"]+)"', response.text)
        bare = [tag for tag in re.findall(r"<script[^>]*>", response.text) if "nonce" not in tag]
        assert own and set(own) == {nonce}
        assert all('src="/site/' in tag for tag in bare)
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_what_stands_in_the_page_of_the_toolkit_is_kept() -> None:
    framed = frame_window(
        "<html><head><title>x</title></head><body a><gradio-app></gradio-app></body></html>", "n", "EXTRA"
    )
    assert framed.index("EXTRA") > framed.index("</gradio-app>")
    assert framed.count("</div>") >= 1 and framed.count('<div id="main"') == 1


def test_styles_and_scripts_may_be_kept_because_their_address_changes_with_them(client: TestClient) -> None:
    for name in assets():
        response = client.get(f"/site/{version()}/{name}")
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
    assert client.get("/site/old/site.css").status_code == 404
    assert client.get(f"/site/{version()}/..%2Fwindow.css").status_code == 404


@pytest.mark.parametrize(
    "path", ["/read/nothing", "/read/articles/../../etc/passwd", "/read/referrals/self_harm"]
)
def test_what_is_not_in_the_library_is_told_kindly(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "There is nothing here" in response.text or response.json()


PRINTED = ("notes/ohara-2020", "notes/sbarra-contact-and-fading")  # beside a Markdown file, and by itself


@pytest.mark.parametrize("document", PRINTED)
def test_a_note_that_exists_as_pdf_can_be_read_so(client: TestClient, document: str) -> None:
    assert f'<a href="/read/{document}.pdf" target="_blank"' in client.get(f"/read/{document}").text
    response = client.get(f"/read/{document}.pdf")
    assert response.status_code == 200
    assert response.content == (ROOT / "corpus" / f"{document}.pdf").read_bytes()
    assert response.headers["content-type"] == "application/pdf"
    name = document.rsplit("/", 1)[-1]
    assert response.headers["content-disposition"] == f'inline; filename="{name}.pdf"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "script-src" not in response.headers["content-security-policy"]
    assert client.post(f"/read/{document}.pdf").status_code in (404, 405)


def test_a_text_without_a_pdf_offers_none(client: TestClient) -> None:
    assert "Read it as PDF" not in client.get("/read/notes/yang-2024").text
    assert "Read it as PDF" not in client.get("/read/articles/how-long").text
    assert client.get("/read/notes/yang-2024.pdf").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "notes/../notes/ohara-2020",
        "notes/..%2Fnotes%2Fohara-2020",
        "..%2F..%2Fcorpus%2Fnotes%2Fohara-2020",
        "%2Fetc%2Fpasswd",
        "notes/ohara-2020%00",
        "notes//ohara-2020",
        "notes/OHARA-2020",
        "referrals/self_harm",
        "notes/nothing",
        "notes/ohara-2020.pdf",
    ],
)
def test_no_trick_with_the_path_gets_a_file(client: TestClient, path: str) -> None:
    for address in (f"/read/{path}.pdf", f"/read/{path}.PDF"):
        response = client.get(address, follow_redirects=False)
        if path == "notes/../notes/ohara-2020" and address.endswith(".pdf"):
            assert response.request.url.path == "/read/notes/ohara-2020.pdf"  # put right before it is sent
        else:
            assert response.status_code == 404 and b"%PDF" not in response.content


def test_a_pdf_of_another_corpus_or_another_state_of_it_is_not_given_out(
    guide: Guide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = guide.index.document("notes/ohara-2020")
    notes = tmp_path / "corpus" / "notes"
    shutil.copytree(ROOT / "corpus" / "notes", notes)
    monkeypatch.setenv("GUIDE_CORPUS", str(notes.parent))
    assert find_printed(document) == notes / "ohara-2020.pdf"
    text = (notes / "ohara-2020.md").read_text(encoding="utf-8")
    (notes / "ohara-2020.md").write_text(text + "\nMore.\n", encoding="utf-8")
    assert find_printed(document) is None
    (notes / "ohara-2020.md").write_text(text, encoding="utf-8")
    (notes / "ohara-2020.pdf").unlink()
    (notes / "ohara-2020.pdf").symlink_to(ROOT / "corpus" / "notes" / "ohara-2020.pdf")
    assert find_printed(document) is None  # leads out of the corpus
    monkeypatch.setenv("GUIDE_CORPUS", str(tmp_path / "nowhere"))
    assert find_printed(document) is None


def test_the_helplines_of_every_country_can_be_dialled_and_have_hours(guide: Guide) -> None:
    page = render_helplines_page(guide, "GB")
    for name, code in guide.desk.countries():
        assert f'id="country-{code}"' in page and name in page
        for line in guide.desk.lines_of(code):
            assert line.hours.split(":")[0].replace("'", "&#x27;")[:12] in page
    assert page.index('id="country-GB"') < page.index("Other countries")
    assert 'href="tel:999"' in page and 'href="tel:988"' in page


def test_the_country_of_a_browser_stands_first_and_another_can_be_named(client: TestClient) -> None:
    british = client.get("/helplines", headers={"Accept-Language": "en-GB"}).text
    assert '<section class="own-country" id="country-GB">' in british
    assert 'id="country-IE"><h2>' in client.get("/helplines?country=ie").text
    assert (
        'id="country-INT"><h2>'
        in client.get("/helplines?country=<x>", headers={"Accept-Language": "xx"}).text
    )


def test_the_pause_quotes_the_library_word_for_word(client: TestClient, guide: Guide) -> None:
    page = client.get("/pause").text
    quotes = re.findall(r"<blockquote><p>(.*?)</p>", page)
    library = " ".join(
        " ".join(reading_form(p.quote(s)).split())
        for p in guide.index.passages
        if p.document_id in (URGE, LAPSE)
        for s in p.sentences
    )
    assert len(quotes) >= 7
    for quoted in quotes:
        for sentence in re.split(r"(?<=[.]) ", quoted.replace("&#x27;", "'").replace("&quot;", '"')):
            assert sentence in library, sentence


def test_a_pause_of_another_corpus_says_less_and_does_not_fail(client: TestClient) -> None:
    from types import SimpleNamespace

    from chat.pause import render_pause

    page = render_pause(SimpleNamespace(passages=()))  # type: ignore[arg-type]
    assert "Begin ten quiet minutes" in page and "<blockquote>" not in page


def test_the_figures_that_pages_tell_are_those_of_the_readme(client: TestClient) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {
        cells[0]: cells[1:3]
        for cells in (
            [c.strip() for c in line.strip("| ").split("|")]
            for line in readme.splitlines()
            if line[:2] == "| "
        )
    }
    for group, path in (("answers", "/how-it-works"), ("screen", "/about-the-screen")):
        page = client.get(path).text
        for figure in read_figures()[group]:
            told = [figure["value"], figure["range"]]
            assert rows.get(figure["what"]) == told, (
                f"put the README's figure into chat/figures.json: {figure}"
            )
            assert figure["value"] in page and figure["range"] in page
    assert "{" not in client.get("/about-the-screen").text.split('id="main"')[1]


def test_the_documentation_of_the_api_does_not_list_pages(client: TestClient) -> None:
    assert "/plan" not in client.get("/openapi.json").json()["paths"]


def test_no_other_site_may_show_the_guide_unless_it_is_named(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/widget.js").status_code == 404
    monkeypatch.setenv(
        "GUIDE_EMBED", "https://care.example.org, nonsense; script-src *, http://127.0.0.1:8000/"
    )
    assert client.get("/widget.js").headers["cross-origin-resource-policy"] == "cross-origin"
    policy = client.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self' https://care.example.org http://127.0.0.1:8000;" in policy
    assert "script-src *" not in policy
