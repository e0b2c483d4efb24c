"""What the window shows: every word there, nothing that anybody wrote turned into markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.answer import render_text
from chat.referral import render_helplines
from chat.render import (
    BEFORE_SOURCES,
    CHOOSE_COUNTRY,
    NO_SOURCES,
    address_of,
    plain_passage,
    render_panel,
    render_question,
    render_record,
    render_reply,
    render_sources,
    render_standing_helplines,
    replace_helplines,
)
from chat.types import AnswerSentence, Citation, Level, Reply, RiskAssessment
from indexer.referrals import HelplineEntry
from indexer.types import Passage, Reference, Span

TEXT = "Grief takes time. Nobody can say how long.\n\n- Walk.\n- Sleep. Eat well.\n\nIt fades."
SENTENCES = (
    "Grief takes time.",
    "Nobody can say how long.",
    "Walk.",
    "Sleep.",
    "Eat well.",
    "It fades.",
)
START = 100


def spans() -> tuple[Span, ...]:
    found = []
    for sentence in SENTENCES:
        start = START + TEXT.index(sentence)
        found.append(Span(start, start + len(sentence), sentence in ("Walk.", "Sleep.", "Eat well.")))
    return tuple(found)


PASSAGE = Passage(
    "p1",
    "articles/grief",
    "article",
    "On grief",
    ("How long",),
    TEXT,
    START,
    START + len(TEXT),
    spans(),
    references=("sbarra", "lue"),
)
CITATION = Citation(
    n=1,
    passage_id="p1",
    document="articles/grief",
    kind="article",
    title="On grief",
    heading="How long",
    topics=(),
    quote="Grief takes time.",
    start=START,
    end=START + 17,
    page=3,
    spans=((START, START + 17), (START + TEXT.index("Walk."), START + TEXT.index("Walk.") + 5)),
    evidence=("study, 58 students", "an author's view"),
)
REFERENCES = {
    "sbarra": Reference(
        "sbarra",
        "study",
        "Sbarra & Emery",
        "2005",
        "Letting go?",
        "Personal Relationships",
        "10.1111/j.1475-6811.2005.00112.x",
    ),
    "lue": Reference("lue", "author", "Lue, N.", "2013", "The No Contact Rule"),
}
EMERGENCY = HelplineEntry(
    country="GB",
    country_name="United Kingdom",
    service="emergency number",
    purpose="emergency",
    phone="999",
    text=None,
    web=None,
    hours="24/7",
    source="a list",
    checked="2026-11-22",
    dial=("999",),
)
LISTENERS = replace(
    EMERGENCY,
    service="Listeners",
    purpose="suicide",
    phone="116 123",
    web="https://listeners.example.org",
    dial=("116123",),
)


class Page(HTMLParser):
    """Reads HTML as a browser would: tags, attributes, and the words that are seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.seen = ""
        self.marked: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "mark":
            self.marked.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1:] == [tag] or self._open[-1] == "br", f"</{tag}> closes {self._open}"
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.seen += data
        if "mark" in self._open:
            self.marked[-1] += data

    def links(self) -> list[str]:
        return [str(attributes.get("href")) for tag, attributes in self.tags if tag == "a"]


def answer(*texts: str, **more: object) -> Reply:
    sentences = tuple(AnswerSentence(text, (1,), starts_paragraph=n == 0) for n, text in enumerate(texts))
    reply = Reply("answer", render_text(sentences), sentences, (CITATION,))
    return replace(reply, **more)  # type: ignore[arg-type]


def referral(level: Level = "crisis") -> Reply:
    lines = (EMERGENCY, LISTENERS)
    text = f"Are you safe right now?\n\nPlease call somebody.\n\n{render_helplines(lines)}"
    return Reply("referral", text, risk=RiskAssessment(level, "self_harm"), helplines=lines)


def test_each_sentence_carries_the_linked_number_of_its_source() -> None:
    page = Page(render_reply(answer("Grief takes time.", "Walk.")))
    assert "Grief takes time.\u2060[1] Walk.\u2060[1]" in page.seen
    marks = [a for tag, a in page.tags if tag == "a" and str(a["title"]).startswith("Source")]
    assert [a["href"] for a in marks] == ["#source-1-1", "#source-1-1"]
    assert marks[0]["title"] == "Source 1: On grief, How long, page 3"


def test_the_sources_below_an_answer_are_listed_once_with_page_and_evidence() -> None:
    seen = Page(render_reply(answer("Grief takes time.", "Walk."))).seen
    assert seen.count("On grief, How long, page 3") == 1
    assert "(study, 58 students; an author's view)" in seen


def test_links_of_an_earlier_answer_keep_leading_to_its_own_sources() -> None:
    first, second = answer("Grief takes time."), answer("Walk.")
    assert set(Page(render_reply(first, 1)).links()) == {"#source-1-1"}
    assert set(Page(render_reply(second, 2)).links()) == {"#source-2-1"}
    panel = Page(
        render_panel([render_sources(r, {"p1": PASSAGE}, {}, n) for n, r in enumerate((first, second), 1)])
    )
    ids = [a["id"] for tag, a in panel.tags if tag == "section"]
    assert ids == ["source-2-1", "source-1-1"]  # the last answer's first, the earlier one's folded away


def test_a_number_without_a_source_is_not_shown() -> None:
    reply = answer("Grief takes time.")
    stray = replace(reply, sentences=(replace(reply.sentences[0], citations=(1, 7)),))
    assert "[7]" not in Page(render_reply(stray)).seen


def test_the_panel_marks_exactly_the_cited_words_in_their_passage() -> None:
    page = Page(render_sources(answer("Grief takes time."), {"p1": PASSAGE}, REFERENCES))
    assert page.marked == ["Grief takes time.", "Walk."]
    assert "Nobody can say how long." in page.seen
    assert "[1] Article, page 3" in page.seen
    assert "Rests on: study, 58 students; an author's view" in page.seen


def test_a_source_leads_to_its_words_in_the_whole_text() -> None:
    assert address_of(CITATION) == "/read/articles/grief?mark=100-117,146-151#cited"
    assert address_of(replace(CITATION, document="notes/a b", spans=())).startswith(
        "/read/notes/a%20b?mark=100-"
    )


def test_a_copied_answer_names_its_sources() -> None:
    record = render_record(answer("Grief takes time."))
    assert record.startswith("Grief takes time.")
    assert "\n\nSources:\n[1] " in record and "(study, 58 students; an author's view)" in record
    assert render_record(Reply("smalltalk", "Hello.")) == "Hello."


def test_only_an_answer_with_sources_can_be_copied() -> None:
    assert "copy-answer" in render_reply(answer("Grief takes time."))
    assert "copy-answer" not in render_reply(Reply("smalltalk", "Hello."))


def test_other_helplines_take_the_place_of_the_old_ones_and_nothing_else_changes() -> None:
    other = (replace(EMERGENCY, country_name="New Zealand", phone="111"),)
    crisis = referral("crisis")
    changed = Page(replace_helplines(render_reply(crisis), crisis.helplines, other))
    assert changed.seen.count("New Zealand") == 2 and "United Kingdom" not in changed.seen
    assert "Are you safe right now?" in changed.seen
    assert replace_helplines("<p>x</p>", crisis.helplines, other) == "<p>x</p>"


def test_a_passage_keeps_its_paragraphs_and_lists() -> None:
    assert plain_passage(PASSAGE) == (
        "<p>Grief takes time. Nobody can say how long.</p>"
        "<ul><li>Walk.</li><li>Sleep. Eat well.</li></ul><p>It fades.</p>"
    )


def test_a_passage_that_has_left_the_index_is_shown_by_its_quote() -> None:
    page = Page(render_sources(answer("Grief takes time."), {}, REFERENCES))
    assert page.marked == ["Grief takes time."]


def test_references_are_given_in_full_and_a_doi_is_a_link() -> None:
    page = Page(render_sources(answer("Grief takes time."), {"p1": PASSAGE}, REFERENCES))
    assert "Sbarra & Emery (2005). Letting go? Personal Relationships." in page.seen
    assert "Lue, N. (2013). The No Contact Rule." in page.seen
    link = next(a for tag, a in page.tags if tag == "a" and str(a["href"]).startswith("https:"))
    assert link["href"] == "https://doi.org/10.1111/j.1475-6811.2005.00112.x"
    assert link["rel"] == "noopener noreferrer" and link["target"] == "_blank"


@pytest.mark.parametrize("doi", ["javascript:alert(1)", '10.1000/x"onclick="y', "see the book", "10.1/x y"])
def test_what_is_no_doi_is_not_a_link(doi: str) -> None:
    references = {"lue": replace(REFERENCES["lue"], doi=doi)}
    page = Page(render_sources(answer("Grief takes time."), {"p1": PASSAGE}, references))
    assert page.links() == [address_of(CITATION), "#reply-1"]


def test_a_reply_without_citations_has_no_sources_and_the_panel_says_so() -> None:
    assert render_sources(Reply("smalltalk", "Hello."), {}, {}) == ""
    assert BEFORE_SOURCES in render_panel([])
    assert NO_SOURCES in render_panel(["", ""])


def test_a_referral_shows_all_its_words_and_numbers_that_can_be_dialled() -> None:
    page = Page(render_reply(referral("concern")))
    assert page.seen.startswith(
        "Are you safe right now?Please call somebody. United Kingdom, emergency number: 999"
    )
    assert "Listeners: 116 123, listeners.example.org (24/7)" in page.seen
    assert ("div", {"class": "care"}) in page.tags
    assert page.links() == ["tel:999", "tel:116123", "https://listeners.example.org"]


def test_in_a_crisis_the_emergency_number_stands_above_the_text_too() -> None:
    page = Page(render_reply(referral("crisis")))
    assert page.seen.strip().startswith("United Kingdom, emergency number: 999 (24/7)")
    assert page.links() == ["tel:999", "tel:999", "tel:116123", "https://listeners.example.org"]


def test_a_referral_for_no_country_says_where_to_choose_one() -> None:
    lines = (replace(EMERGENCY, country="INT", country_name="International"),)
    reply = replace(referral(), text=render_helplines(lines), helplines=lines)
    assert CHOOSE_COUNTRY in render_reply(reply)
    assert CHOOSE_COUNTRY not in render_reply(referral())


def test_passages_beside_a_referral_stand_after_the_helplines() -> None:
    beside = answer("Grief takes time.")
    reply = replace(
        referral(),
        text=f"{referral().text}\n\n{beside.text}",
        sentences=beside.sentences,
        citations=beside.citations,
    )
    seen = Page(render_reply(reply)).seen
    assert seen.index("116 123") < seen.index("Grief takes time.")
    assert seen.count("Grief takes time.") == 1


def test_the_line_of_care_after_an_answer_is_set_apart() -> None:
    reply = answer("Walk.")
    page = Page(
        render_reply(replace(reply, text=f"{reply.text}\n\nThat is a lot.", support_line="That is a lot."))
    )
    assert ("div", {"class": "support"}) in page.tags
    assert page.seen.count("That is a lot.") == 1


def test_a_note_before_an_answer_is_kept() -> None:
    reply = answer("Walk.")
    seen = Page(render_reply(replace(reply, text=f"I read the beginning.\n\n{reply.text}"))).seen
    assert seen.startswith("I read the beginning.Walk.")


def test_the_first_helplines_are_in_sight_and_the_others_folded_away() -> None:
    lines = [EMERGENCY, *(replace(LISTENERS, service=f"Line {n}") for n in range(4))]
    shown, _, folded = render_standing_helplines(lines).partition("<details>")
    assert "emergency number" in shown and "Line 1" in shown
    assert "Line 2" in folded and "Line 3" in folded


ATTACKS = [
    "<script>alert(1)</script>",
    "![x](https://evil.example/a.png)",
    '<img src="https://evil.example/a.png">',
    "[click](javascript:alert(1))",
    "# Not a heading\n\n- not a list\n\n<div>",
    "&lt;b&gt; $$x$$ `code` **bold**",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_of_a_person_is_shown_as_words(attack: str) -> None:
    page = Page(render_question(attack))
    assert {tag for tag, _ in page.tags} <= {"p", "br"}
    assert page.seen.split() == attack.split() or page.seen == "".join(attack.splitlines())


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_of_a_text_is_shown_as_words(attack: str) -> None:
    reply = replace(
        answer(attack), citations=(replace(CITATION, title=attack, heading=attack, quote=attack),)
    )
    references = {"lue": replace(REFERENCES["lue"], title=attack, authors=attack)}
    for html in (render_reply(reply), render_sources(reply, {"p1": PASSAGE}, references)):
        page = Page(html)
        assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "b", "h1"}
        assert all(link.startswith(("#", "/read/", "https://doi.org/")) for link in page.links())


@given(st.text())
def test_whatever_a_person_writes_stays_on_one_line_and_is_no_markup(text: str) -> None:
    html = render_question(text)
    assert len(html.splitlines()) == 1  # a blank line would end the block and let Markdown begin
    page = Page(html)
    assert {tag for tag, _ in page.tags} <= {"p", "br"}
    assert "".join(page.seen.split()) == "".join(text.split())


@given(st.text(), st.sampled_from(["answer", "abstain", "boundary", "smalltalk", "clarify", "referral"]))
def test_whatever_a_reply_says_all_its_words_are_shown(text: str, kind: str) -> None:
    html = render_reply(Reply(kind, text))  # type: ignore[arg-type]
    assert len(html.splitlines()) == 1
    shown = "".join(Page(html).seen.split())
    assert shown.replace("-", "") == "".join(text.split()).replace("-", "")  # dashes of lists become bullets
