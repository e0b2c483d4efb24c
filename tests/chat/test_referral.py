"""What a person at risk is shown: a fresh text each turn, and lines of their own country."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import pytest

from chat.referral import (
    MOST_LINES,
    ReferralDesk,
    referral_for,
    render_helplines,
    render_helplines_markdown,
    safe_link,
)
from chat.types import Category, Level, RiskAssessment
from indexer.referrals import REFERRALS
from indexer.types import Helpline

CORPUS = Path(__file__).parents[2] / "corpus"
DESK = ReferralDesk.open(CORPUS)
CATEGORIES: list[Category] = [
    "self_harm",
    "self_harm_other",
    "harm_others",
    "partner_violence",
    "stalking_control",
    "pursuit_by_user",
    "child_risk",
    "medical_emergency",
    "legal_order",
]
LEVELS: list[Level] = ["crisis", "concern"]


def test_the_texts_and_lines_of_the_corpus_are_used() -> None:
    assert DESK.problems == ()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("category", CATEGORIES)
def test_no_two_turns_in_a_row_say_the_same(category: Category, level: Level) -> None:
    risk = RiskAssessment(level, category)
    shown: list[str] = []
    for _ in range(11):
        text = DESK.text(risk, shown)
        assert text not in shown[-3:]
        shown.append(text)


def test_a_text_counts_as_shown_however_it_was_dressed() -> None:
    risk = RiskAssessment("crisis", "self_harm")
    first = DESK.text(risk, [])
    lines = DESK.helplines("self_harm", "GB")
    in_page = "<p>" + html.escape(first).replace("\n\n", "</p>\n<p>") + "</p>"
    for dressed in (first + "\n\n" + render_helplines(lines), in_page, first.replace("'", "\u2019")):
        assert DESK.text(risk, ["Hello.", dressed]) != first


def test_when_every_wording_was_used_the_one_shown_longest_ago_returns() -> None:
    risk = RiskAssessment("crisis", "partner_violence")
    shown: list[str] = []
    for _ in range(4):
        shown.append(DESK.text(risk, shown))
    assert len(set(shown)) == 4
    mixed = [shown[2], shown[0], shown[3], shown[1], shown[2]]
    assert DESK.text(risk, mixed) == shown[0]


def test_an_ordinary_answer_before_does_not_change_the_first_text() -> None:
    risk = RiskAssessment("concern", "stalking_control")
    assert DESK.text(risk, ["Sixty days is a rule of thumb."]) == DESK.text(risk, [])


def test_a_concern_is_met_more_gently_than_a_crisis() -> None:
    assert DESK.text(RiskAssessment("concern", "self_harm"), []) != DESK.text(
        RiskAssessment("crisis", "self_harm"), []
    )


def test_images_and_trackers_have_their_own_text_beside_stalking() -> None:
    risk = RiskAssessment("concern", "stalking_control", rule="image_threat")
    assert referral_for(risk) == "images_devices"
    assert "StopNCII" in DESK.text(risk, [])
    assert referral_for(RiskAssessment("concern", "stalking_control", rule="turns_up")) == "stalking_control"
    shown = {line.service.split(" (")[0] for line in DESK.helplines("images_devices", "GB")}
    assert {"StopNCII", "Take It Down"} <= shown


def test_a_partner_hurt_by_the_person_asking_gets_its_own_text() -> None:
    text = DESK.text(RiskAssessment("crisis", "harm_others"), [])
    assert "hurt your partner" in text and "not your fault" not in text


@pytest.mark.parametrize("category", [*REFERRALS, "unheard_of", None])
@pytest.mark.parametrize("country", [*(code for _, code in DESK.countries()), None, "", "XX"])
def test_the_emergency_number_comes_first_and_at_most_five_lines_follow(
    category: str | None, country: str | None
) -> None:
    first, *rest = DESK.helplines(category, country)
    assert first.purpose == "emergency" and first.phone
    assert 1 <= len(rest) <= MOST_LINES
    assert len(set(rest)) == len(rest)
    assert {line.country for line in (first, *rest)} <= {first.country, "INT"}


def test_lines_fit_the_kind_of_risk() -> None:
    assert [line.service for line in DESK.helplines("self_harm", "GB")][1] == "Samaritans"
    assert {line.purpose for line in DESK.helplines("partner_violence", "GB")[1:]} == {"domestic_violence"}
    assert DESK.helplines("child_risk", "GB")[1].purpose == "child"


def test_each_nation_of_the_united_kingdom_sees_its_own_line() -> None:
    shown = " ".join(line.service for line in DESK.helplines("partner_violence", "GB"))
    assert all(place in shown for place in ("England", "Scotland", "Wales", "NI "))


def test_small_letters_and_uk_are_understood() -> None:
    assert (
        DESK.helplines("self_harm", "gb")
        == DESK.helplines("self_harm", "UK")
        == DESK.helplines("self_harm", "GB")
    )


def test_somebody_who_names_no_country_gets_numbers_by_region_and_a_directory() -> None:
    for country in (None, "XX"):
        shown = render_helplines(DESK.helplines("self_harm", country))
        for part in ("112 in much of Europe", "911 in North America", "999 in the UK", "000 in Australia"):
            assert part in shown
        assert "findahelpline.com" in shown and "befrienders.org" in shown


def test_the_directory_is_offered_in_every_country_with_room() -> None:
    assert "findahelpline.com" in render_helplines(DESK.helplines("self_harm", "JP"))


def test_countries_are_sorted_for_a_drop_down() -> None:
    countries = DESK.countries()
    assert len(countries) == 29
    assert countries == sorted(countries) and ("United Kingdom", "GB") in countries
    assert "INT" not in dict(countries).values()


@pytest.mark.parametrize("country", [code for _, code in DESK.countries()] + [None])
@pytest.mark.parametrize("render", [render_helplines, render_helplines_markdown])
def test_no_number_is_shown_without_its_country_and_hours(render: object, country: str | None) -> None:
    assert callable(render)
    for category in REFERRALS:
        lines = DESK.helplines(category, country)
        shown = render(lines).splitlines()
        assert len(shown) == len(lines)
        for line, text in zip(lines, shown, strict=True):
            assert line.country_name in text and text.endswith(f"({line.hours})")
            assert not re.search(r"\b(high|medium|low)\b", text)


def test_numbers_become_links_that_a_telephone_can_dial() -> None:
    shown = render_helplines_markdown(DESK.helplines("self_harm", "US"))
    assert "[988](tel:988), [text 988](sms:988)" in shown
    assert "[text HOME to 741741](sms:741741?&body=HOME)" in shown
    assert "[988lifeline.org](https://988lifeline.org)" in shown
    africa = render_helplines_markdown(DESK.helplines("self_harm", "ZA")).splitlines()[0]
    assert "[10111](tel:10111) police, [10177](tel:10177) ambulance, [112](tel:112)" in africa
    britain = render_helplines_markdown(DESK.helplines("self_harm", "GB"))
    assert "[116 123](tel:116123)" in britain and "[111](tel:111), option 2" in britain


@pytest.mark.parametrize("country", [code for _, code in DESK.countries()] + [None])
def test_every_number_shown_is_linked(country: str | None) -> None:
    for category in REFERRALS:
        for line in DESK.helplines(category, country):
            shown = render_helplines_markdown([line])
            assert not line.phone or "](tel:" in shown
            assert not (line.text or "").startswith("text ") or "](sms:" in shown
            assert not line.web or f"]({line.web})" in shown
            assert all(re.fullmatch(r"\d+", number) for number in re.findall(r"\(tel:([^)]*)\)", shown))


def test_only_plain_https_addresses_are_linked() -> None:
    assert safe_link("https://www.samaritans.org/ireland") == "https://www.samaritans.org/ireland"
    for url in (
        None,
        "",
        "http://example.org",
        "javascript:alert(1)",
        "data:text/html,hello",
        "//example.org",
        "https://",
        "https://localhost",
        "https://user@example.org",
        "https://example.org:8080",
        "https://example.org:port",
        "https://example.org/a b",
        "https://example.org/a)b",
        'https://example.org/"x',
        "https://[::1",
    ):
        assert safe_link(url) is None


def test_a_line_from_elsewhere_cannot_smuggle_in_markup() -> None:
    line = Helpline(
        country="XX",
        country_name="Somewhere",
        service="[click](https://example.com) <b>",
        purpose="suicide",
        phone="123",
        text=None,
        web="http://example.org",
        hours="24/7",
        source="a test",
        checked="2026-11-23",
    )
    shown = render_helplines_markdown([line])
    assert r"\[click\]" in shown and r"\<b\>" in shown
    assert "](http" not in shown.replace(r"\](http", "")


# Files that are missing or broken


def desk_with(tmp_path: Path, name: str, text: str) -> ReferralDesk:
    shutil.copytree(CORPUS / "referrals", tmp_path / "referrals")
    shutil.copy(CORPUS / "helplines.yaml", tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return ReferralDesk.open(tmp_path)


@pytest.mark.parametrize("category", [*CATEGORIES, None])
def test_without_any_files_a_careful_text_and_numbers_by_region_stand_in(
    tmp_path: Path, category: Category | None
) -> None:
    for desk in (ReferralDesk.open(None), ReferralDesk.open(tmp_path), ReferralDesk.open(tmp_path / "no")):
        assert desk.problems
        shown: list[str] = []
        for _ in range(5):
            text = desk.text(RiskAssessment("crisis", category), shown)
            assert text not in shown[-3:]
            assert "the emergency number below" in text and re.search("program,? (and )?not a person", text)
            assert text.endswith("I'm here if you want to tell me more.")
            shown.append(text)
        lines = render_helplines(desk.helplines(category, "GB"))
        assert "999 in the UK" in lines and "findahelpline.com" in lines
        assert desk.countries() == []


def test_a_broken_text_costs_the_texts_and_not_the_numbers(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, "referrals/self_harm.md", "nothing")
    assert len(desk.problems) == 1 and "self_harm.md" in desk.problems[0]
    assert "emergency number below" in desk.text(RiskAssessment("crisis", "partner_violence"), [])
    assert desk.helplines("self_harm", "GB")[0].phone == "999 or 112"
    assert "Samaritans" in render_helplines(desk.helplines("self_harm", "GB"))


def test_broken_numbers_cost_the_numbers_and_not_the_texts(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, "helplines.yaml", "countries: [")
    assert len(desk.problems) == 1 and "helplines.yaml" in desk.problems[0]
    risk = RiskAssessment("crisis", "partner_violence")
    assert desk.text(risk, []) == DESK.text(risk, [])
    assert "findahelpline.com" in render_helplines(desk.helplines("partner_violence", "GB"))


def test_a_risk_of_no_known_kind_still_gets_a_careful_text() -> None:
    text = DESK.text(RiskAssessment("concern", None, rule="error"), [])
    assert "the emergency number below" in text
