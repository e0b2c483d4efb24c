"""The referral texts and helplines themselves, and what their readers refuse."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from indexer.errors import DocumentError
from indexer.referrals import (
    PURPOSES,
    REFERRALS,
    HelplineEntry,
    read_helplines,
    read_referrals,
    stale_helplines,
)

CORPUS = Path(__file__).parents[2] / "corpus"
TEXTS = read_referrals(CORPUS / "referrals")
LINES = read_helplines(CORPUS / "helplines.yaml")
WORDINGS = [
    pytest.param(category, text, id=f"{category}-{part}-{number}")
    for category, referral in TEXTS.items()
    for part in ("crisis", "concern")
    for number, text in enumerate(getattr(referral, part), 1)
]
ENTRIES = [
    pytest.param(line, id=f"{line.country}-{line.service}") for lines in LINES.values() for line in lines
]

# What every single wording of a category has to say, as the safety blocks S1 to S8 fix it.
SAID: dict[str, tuple[str, ...]] = {
    "self_harm": (
        "safe right now",
        "suicide|dying|ending your life",
        "crisis line below",
        "with you|stay with me|near them|ring a friend|somebody is|be with you|being near others|ask for company",
        "could use to hurt yourself|might use|could hurt yourself with",
        "doctor",
    ),
    "self_harm_other": (
        "believe|take it as real",
        "where they are",
        "family",
        "do not have to (go|answer)|must go or reply",
        "do not have to answer",
        "not responsible",
        "(save|keep a copy of) .*message",
    ),
    "harm_others": (
        "step away",
        "call someone|ring a friend|friend|trusted person",
        "hurt your partner",
        "help",
    ),
    "partner_violence": (
        "safe place",
        "device",
        "domestic-abuse service",
        "decided",
        "leaving can raise the danger",
        "advocate|step by step",
        "trust your fear",
    ),
    "stalking_control": (
        "answer nothing|then nothing|after it, nothing|stay silent|no reply|do not answer",
        "mute rather than delete",
        "log",
        "date, time",
        "saw it|witness",
        "must not see",
        "police",
        "specialist service",
        r"if you are afraid|where you are afraid",
        "advi[cs]e.* block|block.*advice",
        "change your number",
        "tell (people|someone|one person)|let (people|a friend)|ask a friend|tell a friend",
    ),
    "images_devices": (
        "do not pay",
        "keep proof",
        "advocate",
        "settings",
        "stopncii",
        "take it down",
        "under 18|before you were 18",
        "adult",
        "police",
        "device",
    ),
    "pursuit_by_user": (
        "stop now",
        "crime",
        "remove the means",
        "is bearable",
        "is your choice|what you do is your choice",
        "tell one person|one trusted person|one friend|ring a friend",
        "therapist",
        "helpline below",
    ),
    "child_risk": (
        "under 18",
        "not your fault|none of it is your fault",
        "an adult you trust",
        "child helpline below",
        "domestic-abuse service",
        "device",
        "court orders",
        "safety plan",
        "legal advice",
        "let another adult take over",
    ),
    "medical_emergency": (
        "doctor|ambulance",
        "die|suicide|meant it|not wanting to live",
        "crisis line below",
    ),
    "legal_order": (
        "court order",
        "not the no-contact rule",
        "safety plan",
        "comes? (first|before)|counts more",
        "restrained person",
        "(even if|wrote first)",
        "wrote first",
        "differ by place|differs by place",
        "lawyer",
        "advice service",
        "children are not messengers",
    ),
    "limits": ("therapist", "lawyer", "emergency service", "general information", "limited"),
}

# What no wording of a category may say. Patterns see lower-case text.
NEVER = (
    r"commit",
    r"can't talk about|cannot talk about|not able to discuss|can't discuss",
    r"i promise|you will be (fine|ok)|everything will|it gets better|always",
    r"your own fault|you should have|why did(n't)? you|you let (him|her|them)",
    r"\b(he|she|him|her|his|hers|himself|herself|girlfriend|boyfriend|husband|wife)\b",
    r"others have it worse|think of your family|selfish",
    r"keep (this|it) (a secret|between us)|nobody will (know|find out)",
    r"narcissis|toxic|trauma bond|attention.seeking",
    "—|’",  # an em dash, a curly apostrophe
)
NEVER_THERE: dict[str, tuple[str, ...]] = {
    "self_harm": (
        r"pill|tablet|rope|blade|knife|bridge|overdose|hang|jump",
        r"no.contact|block them|move on",
    ),
    "self_harm_other": (r"only manipulat|manipulat", r"ignore (it|them)", r"go to them alone|go to them now"),
    "partner_violence": (
        r"just block",
        r"the only way",
        r"not serious",
        r"couple.? (counsel|therap)|last talk",
    ),
    "stalking_control": (
        r"ignore it",
        r"to calm them|calm them down",
        r"delete the messages",
        r"against the law",
    ),
    "images_devices": (r"calm them", r"should not have sent|shouldn't have sent", r"pay (a little|them)"),
    "pursuit_by_user": (r"one last (message|word)", r"password", r"new account", r"write to them once"),
    "child_risk": (
        r"cut off the other parent",
        r"win custody|custody",
        r"sexual",
        r"keep .*from (your|the) parents",
    ),
    "legal_order": (r"is illegal|by law|will be arrested", r"you may answer", r"win"),
    "harm_others": (r"they deserve", r"calm down"),
}


def lower(text: str) -> str:
    return " ".join(text.lower().split())


def test_there_is_a_text_for_every_kind_of_risk() -> None:
    assert set(TEXTS) == set(REFERRALS)


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_every_wording_keeps_its_safety_block(category: str, text: str) -> None:
    missing = [idea for idea in SAID[category] if not re.search(idea, lower(text))]
    assert missing == []


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_no_wording_says_what_must_not_be_said(category: str, text: str) -> None:
    found = [idea for idea in (*NEVER, *NEVER_THERE.get(category, ())) if re.search(idea, lower(text))]
    assert found == []


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_every_wording_names_the_emergency_number_a_professional_and_a_trusted_person(
    category: str, text: str
) -> None:
    said = lower(text)
    assert "the emergency number below" in said
    assert re.search(r"doctor|therapist|police|service|advocate|crisis line|lawyer", said)
    assert re.search(r"trust|friend|relative|neighbour|family|adult|people near you", said)


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_every_wording_says_that_a_program_speaks_and_leaves_the_door_open(category: str, text: str) -> None:
    assert re.search(r"i am a program,? (and )?not a person", lower(text))
    assert text.endswith("I'm here if you want to tell me more.")


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_every_wording_is_kind_to_somebody_who_did_not_need_it(category: str, text: str) -> None:
    assert "in case" in lower(text)


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_every_wording_is_short_enough_to_be_read_at_night(category: str, text: str) -> None:
    assert 60 <= len(text.split()) <= 130


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_no_wording_holds_a_number_that_could_be_dialled(category: str, text: str) -> None:
    assert (
        re.findall(r"\d+", text.replace("under 18", "").replace("were 18", "").replace("Under 18", "")) == []
    )


@pytest.mark.parametrize(("category", "text"), WORDINGS)
def test_the_emergency_number_comes_before_any_other_line(category: str, text: str) -> None:
    said = lower(text)
    others = [said.find(line) for line in ("crisis line below", "helpline below", "service below")]
    after = [place for place in others if place >= 0]
    if category != "pursuit_by_user":  # nobody has to be in danger there, so stopping comes first
        assert all(said.find("emergency number below") < place for place in after)


def test_people_at_risk_of_more_than_one_turn_never_run_out_of_words() -> None:
    for referral in TEXTS.values():
        for part in (referral.crisis, referral.concern):
            assert not part or len(set(part)) >= 4


def test_a_level_without_its_own_part_borrows_the_other() -> None:
    assert TEXTS["partner_violence"].wordings("concern") == TEXTS["partner_violence"].crisis
    assert TEXTS["legal_order"].wordings("crisis") == TEXTS["legal_order"].concern
    assert TEXTS["self_harm"].wordings("concern") != TEXTS["self_harm"].wordings("crisis")


def test_twenty_nine_countries_and_the_world_have_lines() -> None:
    assert len(LINES) == 30
    for code, lines in LINES.items():
        assert lines[0].purpose == "emergency", code
        kinds = {line.purpose for line in lines}
        assert code == "INT" or {"suicide", "domestic_violence"} <= kinds, code


@pytest.mark.parametrize("line", ENTRIES)
def test_every_line_has_country_hours_source_and_date(line: HelplineEntry) -> None:
    assert line.country and line.country_name and line.hours and line.source
    assert date.fromisoformat(line.checked) <= date(2026, 11, 23)
    assert line.purpose in PURPOSES
    assert line.phone or line.text or line.web


@pytest.mark.parametrize("line", ENTRIES)
def test_every_number_is_dialled_as_it_is_printed(line: HelplineEntry) -> None:
    assert bool(line.phone) == bool(line.dial)
    printed = re.sub(r"[ ().-]", "", line.phone or "")
    for digits in line.dial:
        assert digits.isdigit() and digits in printed


def test_numbers_that_mean_two_things_keep_their_country() -> None:
    def purposes(code: str, number: str) -> set[str]:
        return {
            line.purpose for line in LINES[code] if isinstance(line, HelplineEntry) and number in line.dial
        }

    assert purposes("AT", "142") == {"suicide"}
    assert purposes("CH", "142") == {"domestic_violence"}
    assert purposes("NL", "113") == {"suicide"}
    assert purposes("NO", "113") == {"emergency"}
    assert LINES["AU"][0].phone == "000"  # YAML reads a bare 000 as nought


def test_lines_older_than_a_year_are_found_and_younger_ones_are_not() -> None:
    assert {line.country for line in stale_helplines(LINES, date(2026, 11, 23))} == {"AR"}
    checked = min(line.checked for line in LINES["GB"])
    day = date.fromisoformat(checked)
    only_gb = {"GB": LINES["GB"]}
    assert stale_helplines(only_gb, day.replace(year=day.year + 1)) == []
    later = stale_helplines(only_gb, date(2028, 1, 1))
    assert len(later) == len(LINES["GB"]) and later[0].checked == checked


# Files that are broken


def write(tmp_path: Path, name: str, change: tuple[str, str]) -> Path:
    """A copy of the referral texts in which one file is changed."""
    folder = tmp_path / "referrals"
    shutil.copytree(CORPUS / "referrals", folder)
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("title:", "title: [open"), r"self_harm\.md:\d+: bad YAML"),
        (("title: If", "titel: If"), r"self_harm\.md:2: unknown key 'titel'"),
        (("category: self_harm", "category: sadness"), "unknown category 'sadness'"),
        (("category: self_harm", "category: limits"), r"must be called limits\.md"),
        (("[emergency, suicide]", "[emergency, weather]"), "unknown purpose 'weather'"),
        (("2026-11-23", "yesterday"), "reviewed must be a day like"),
        (("2026-11-23", "2026-13-41"), "bad YAML|reviewed must be a day"),
        (("### 4", "### 5"), r"self_harm\.md:\d+: expected `### 4`"),
        (("## Crisis", "## Panic"), r"self_harm\.md:\d+: a part is `## Crisis` or `## Concern`"),
        (("Are you safe right now?", "Call 116 123."), r"self_harm\.md:\d+: a number that could be dialled"),
        (("### 1", "hello\n\n### 1"), "text stands outside a wording"),
        (("---\n", ""), "front matter"),
    ],
)
def test_a_broken_text_is_named_with_its_reason(tmp_path: Path, change: tuple[str, str], why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_referrals(write(tmp_path, "self_harm.md", change))


def test_a_part_with_three_wordings_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "limits.md", ("### 4", "<!--"))
    path = folder / "limits.md"
    path.write_text(path.read_text(encoding="utf-8").split("<!--")[0], encoding="utf-8")
    with pytest.raises(DocumentError, match=r"limits\.md:\d+: concern has 3 wordings and needs 4"):
        read_referrals(folder)


def test_a_wording_without_words_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "limits.md", ("### 1\n", "### 1\n\n### 2\n"))
    path = folder / "limits.md"
    text = path.read_text(encoding="utf-8")
    head, tail = text.split("### 2\n", 1)
    tail = tail.replace("### 4", "### 5").replace("### 3", "### 4").replace("### 2", "### 3")
    path.write_text(head + "### 2\n" + tail, encoding="utf-8")
    with pytest.raises(DocumentError, match="wording 1 of concern is empty"):
        read_referrals(folder)


def test_a_kind_of_risk_without_a_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, "limits.md", ("title", "title"))
    (folder / "legal_order.md").unlink()
    with pytest.raises(DocumentError, match=r"legal_order has no text; write legal_order\.md"):
        read_referrals(folder)
    with pytest.raises(DocumentError, match="there is no such folder"):
        read_referrals(tmp_path / "nowhere")


SMALL = """\
countries:
  - code: INT
    name: International
    emergency: {phone: "112", dial: ["112"], hours: "24/7", source: list, checked: 2026-10-07}
    lines:
      - service: Someone who listens
        purpose: suicide
        phone: "116 123"
        dial: ["116123"]
        web: "https://example.org"
        hours: "24/7"
        source: list
        checked: 2026-10-07
"""


def test_a_small_file_of_helplines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "helplines.yaml"
    path.write_text(SMALL, encoding="utf-8")
    emergency, line = read_helplines(path)["INT"]
    assert (emergency.purpose, emergency.country_name) == ("emergency", "International")
    assert (line.phone, line.text, line.hours, line.checked) == ("116 123", None, "24/7", "2026-10-07")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('        hours: "24/7"\n', ""), r"helplines\.yaml:6: a line of INT has no hours"),
        (("        source: list\n", ""), r"helplines\.yaml:6: a line of INT has no source"),
        (("        checked: 2026-10-07\n", ""), r"helplines\.yaml:6: a line of INT has no checked"),
        (("        checked: 2026-10-07\n", "        checked: lately\n"), "checked must be a day like"),
        (('hours: "24/7", source', "source"), r"helplines\.yaml:4: emergency of INT has no hours"),
        (("purpose: suicide", "purpose: weather"), "unknown purpose 'weather'"),
        (('phone: "116 123"', "phone: 116123"), "phone must be text: put it in quotes"),
        (('dial: ["116123"]', "dial: [116123]"), "dial must be digits only, in quotes"),
        (('dial: ["116123"]', 'dial: ["+44116123"]'), "dial must be digits only"),
        (('dial: ["116123"]', 'dial: ["116124"]'), "dial 116124 does not stand in the phone"),
        (('        dial: ["116123"]\n', ""), "the phone 116 123 has no dial"),
        (("https://example.org", "http://example.org"), "web must be an https address"),
        (("source: list\n        checked", "suorce: list\n        checked"), "unknown key 'suorce'"),
        (("code: INT", "code: ZZ"), "the entry INT is missing"),
        (("code: INT", "code: Britain"), "code must be two capital letters"),
        (("service: Someone", "service: [Someone"), r"helplines\.yaml:\d+: bad YAML"),
        (
            ("        purpose: suicide\n", "        purpose: suicide\n        purpose: child\n"),
            "stands here twice",
        ),
        (("countries:", "lands:"), "`countries` must be a list"),
    ],
)
def test_a_broken_helpline_is_named_with_its_reason(
    tmp_path: Path, change: tuple[str, str], why: str
) -> None:
    assert change[0] in SMALL
    path = tmp_path / "helplines.yaml"
    path.write_text(SMALL.replace(*change, 1), encoding="utf-8")
    with pytest.raises(DocumentError, match=why):
        read_helplines(path)


def test_a_country_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "helplines.yaml"
    path.write_text(SMALL + SMALL.removeprefix("countries:\n"), encoding="utf-8")
    with pytest.raises(DocumentError, match="the country INT stands here twice"):
        read_helplines(path)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"nothing\.yaml: cannot be read"):
        read_helplines(tmp_path / "nothing.yaml")
    path = tmp_path / "helplines.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DocumentError, match="is not UTF-8 text"):
        read_helplines(path)
