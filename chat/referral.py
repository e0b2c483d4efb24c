"""What a person at risk is given: a text that was not shown before, and helplines of their country.

Nothing here may fail towards an ordinary answer: where the texts or the helplines cannot be read,
careful ones that stand in this file take their place.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote, urlsplit

from chat.types import RiskAssessment
from indexer.errors import GuideError
from indexer.referrals import (
    INTERNATIONAL,
    HelplineEntry,
    Referral,
    find_number,
    read_helplines,
    read_referrals,
)
from indexer.types import Helpline

MOST_LINES = 5  # beside the emergency number: five lets all nations of the United Kingdom see their own line
IMAGES = "images_devices"
_IMAGE_RULES = re.compile(r"imag|devic|photo|nude|track|spyware|account|sextort|blackmail", re.IGNORECASE)
_ALIASES = {"UK": "GB"}

_FALLBACK = Referral(
    category="",
    title="If you or someone else is not safe",
    block="",
    helplines=("emergency", "suicide"),
    reviewed="2026-11-23",
    crisis=(
        "In case this is about your safety, or somebody else's, I want to be careful. Are you safe right now?"
        "\n\nIf anyone is hurt or in danger, call the emergency number below first. If you have thoughts of "
        "suicide or of hurting yourself, a crisis line can listen, and if someone frightens you, a "
        "domestic-abuse service can plan with you. Use a device that nobody else can see."
        "\n\nPlease let a person you trust be near you, an adult if you are under 18. I am a program, not a "
        "person, so a friend and a doctor can do what I can't. I'm here if you want to tell me more.",
        "I take what you wrote seriously, and I would rather be too careful than not careful enough."
        "\n\nIn danger, the emergency number below comes first, for you or for anybody else. The links below "
        "it lead to helplines in your country, for thoughts of suicide as well as for fear of someone. You "
        "do not need to know what to say to them, or to have decided anything."
        "\n\nTell one person you trust how it is, and stay near people. A doctor can help as well. I am a "
        "program and not a person. In case I have misread you, say so. I'm here if you want to tell me more.",
        "I'm still here. Is there any danger right now, to you or to someone else? Then please call the "
        "emergency number below before we go on."
        "\n\nIf there is time to breathe, choose a helpline for your country below and start with the words "
        "that you wrote to me. Keep away from anything that could do harm, and from anyone you are afraid of."
        "\n\nA person you trust should know about this, and a doctor or an advocate can help with what comes "
        "next. I am a program, not a person. In case none of this fits, tell me. I'm here if you want to "
        "tell me more.",
        "I don't want to guess about something that matters so much. If you or anybody else could be hurt, "
        "use the emergency number below first."
        "\n\nOtherwise a helpline is a good next step, and the links below help you to find one where you "
        "live. They hear about suicide, violence and fear every day, and they will not be shocked."
        "\n\nAsk someone you trust to stay with you, and let a doctor know when you can. I am a program and "
        "not a person. In case I have it wrong, you can say so. I'm here if you want to tell me more.",
    ),
    concern=(),
)


def _international(service: str, purpose: str, hours: str, **reach: str) -> HelplineEntry:
    return HelplineEntry(
        country=INTERNATIONAL,
        country_name="International",
        service=service,
        purpose=purpose,
        phone=reach.get("phone"),
        text=None,
        web=reach.get("web"),
        hours=hours,
        source="public lists of helplines",
        checked="2026-11-22",
        dial=("112", "911", "999", "000", "111") if purpose == "emergency" else (),
    )


_FALLBACK_LINES: tuple[Helpline, ...] = (
    _international(
        "emergency number",
        "emergency",
        "24/7",
        phone="112 in much of Europe, 911 in North America, 999 in the UK, 000 in Australia, "
        "111 in New Zealand",
    ),
    _international(
        "Find A Helpline (free helplines in more than 175 countries)",
        "suicide",
        "website open 24/7; it gives the hours of each line",
        web="https://findahelpline.com",
    ),
    _international(
        "Befrienders Worldwide (emotional support centres)",
        "suicide",
        "hours differ by centre: see the website",
        web="https://befrienders.org/find-support-now/",
    ),
)


class ReferralDesk:
    """Chooses the text and the helplines for one kind of risk.

    `problems` says in words why built-in texts or lines stand in, and is empty when all could be read.
    """

    def __init__(
        self,
        referrals: Mapping[str, Referral],
        helplines: Mapping[str, tuple[Helpline, ...]],
        problems: Sequence[str] = (),
    ) -> None:
        self._referrals = dict(referrals)
        self._helplines = {INTERNATIONAL: _FALLBACK_LINES, **helplines}
        self.problems = tuple(problems)

    @classmethod
    def open(cls, folder: Path | None) -> ReferralDesk:
        """Read `folder`/referrals and `folder`/helplines.yaml; what cannot be read is replaced, never fatal."""
        if folder is None:
            return cls({}, {}, ["no folder of referral texts was given; the built-in ones are used"])
        referrals: dict[str, Referral] = {}
        helplines: dict[str, tuple[Helpline, ...]] = {}
        problems = []
        try:
            referrals = read_referrals(folder / "referrals")
        except (GuideError, OSError, ValueError) as error:
            problems.append(str(error))
        try:
            helplines = read_helplines(folder / "helplines.yaml")
        except (GuideError, OSError, ValueError) as error:
            problems.append(str(error))
        return cls(referrals, helplines, problems)

    def text(self, risk: RiskAssessment, shown: Sequence[str]) -> str:
        """The text for `risk`: the first wording that stands in none of `shown`.

        `shown` holds what the guide said before, oldest first, as plain text, Markdown or HTML. When every
        wording was used, the one shown longest ago comes again. A risk without a known category gets the
        built-in careful text.
        """
        referral = self._referrals.get(referral_for(risk), _FALLBACK)
        wordings = referral.wordings("concern" if risk.level == "concern" else "crisis")
        earlier = [_words(text) for text in shown]
        return min(wordings, key=lambda wording: _last_shown(_words(wording), earlier))

    def helplines(self, category: str | None, country: str | None) -> tuple[Helpline, ...]:
        """The emergency number and then at most five lines that fit `category`, in its order of kinds.

        Every kind that the category names is there as long as one line serves it. A kind that the country
        lacks is taken from the international lines, and so is all of it where `country` is None or unknown.
        """
        kinds = self._referrals.get(category or "", _FALLBACK).helplines
        entries = self._helplines.get(_country_code(country), self._helplines[INTERNATIONAL])
        everywhere = self._helplines[INTERNATIONAL]
        ranked = [_of_kind(entries, kind) or _of_kind(everywhere, kind) for kind in kinds]
        # By turns, so that five lines of one kind never push out the only ones of another.
        chosen = [line for turn in zip_longest(*ranked) for line in turn if line]
        directory = next((line for line in everywhere if line.purpose != "emergency"), None)
        if directory and directory not in chosen:
            chosen.append(directory)
        kept = chosen[:MOST_LINES]
        in_order = [line for lines in ranked for line in lines if line in kept]
        in_order += [line for line in kept if line not in in_order]
        return (entries[0], *in_order)

    def lines_of(self, country: str) -> tuple[Helpline, ...]:
        """Every line of a country, the emergency number first; the international ones for an unknown country."""
        return self._helplines.get(_country_code(country), self._helplines[INTERNATIONAL])

    def countries(self) -> list[tuple[str, str]]:
        """Name and code of every country, sorted by name, as a drop-down takes them."""
        names = {
            lines[0].country_name: code for code, lines in self._helplines.items() if code != INTERNATIONAL
        }
        return sorted(names.items())


def referral_for(risk: RiskAssessment) -> str:
    """The referral file that serves `risk`: its category, or images_devices where the rule says so."""
    if risk.category == "stalking_control" and risk.rule and _IMAGE_RULES.search(risk.rule):
        return IMAGES
    return risk.category or ""


def render_helplines(lines: Sequence[Helpline]) -> str:
    """Plain text, one line each: country, service, how to reach it, hours."""
    return "\n".join(f"{_label(line)}: {_ways(line)} ({line.hours})" for line in lines)


def render_helplines_markdown(lines: Sequence[Helpline]) -> str:
    """A Markdown list whose numbers a telephone can dial or text, with country and hours beside each."""
    return "\n".join(
        f"- **{_escaped(_label(line))}:** {', '.join(_linked_ways(line))} ({_escaped(line.hours)})"
        for line in lines
    )


def safe_link(url: str | None) -> str | None:
    """`url` if a page may link to it, else None: https, a plain host, nothing that ends a Markdown link."""
    if not url or re.search(r"[\s<>()\[\]\"'`\\\x00-\x1f]", url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    plain = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host)
    return url if parts.scheme == "https" and plain and "@" not in parts.netloc and port is None else None


def _country_code(country: str | None) -> str:
    code = (country or "").strip().upper()
    return _ALIASES.get(code, code)


def _of_kind(lines: Sequence[Helpline], kind: str) -> list[Helpline]:
    return [line for line in lines if line.purpose == kind and kind != "emergency"]


def _words(text: str) -> str:
    """The bare words of a text, so that markup and line breaks do not hide that it was shown."""
    plain = re.sub(r"<[^>]*>", " ", html.unescape(text))
    return " " + " ".join(re.findall(r"[^\W_]+", plain.casefold())) + " "


def _last_shown(wording: str, earlier: Sequence[str]) -> int:
    """The place of the last text that holds `wording`, from 0; -1 when none does."""
    return max((place for place, text in enumerate(earlier) if wording in text), default=-1)


def _label(line: Helpline) -> str:
    return f"{line.country_name}, {line.service}"


def _ways(line: Helpline) -> str:
    return ", ".join(way for way in (line.phone, line.text, line.web) if way)


def _linked_ways(line: Helpline) -> list[str]:
    ways = []
    if line.phone:
        ways.append(_linked_phone(line.phone, line.dial if isinstance(line, HelplineEntry) else ()))
    if line.text:
        ways.append(_linked_text(line.text))
    if line.web:
        link = safe_link(line.web)
        ways.append(f"[{urlsplit(link).netloc.removeprefix('www.')}]({link})" if link else _escaped(line.web))
    return ways


def _linked_phone(phone: str, dial: Sequence[str]) -> str:
    """`phone` with each number of `dial` made a link where it stands; the words between stay as they are."""
    places = []
    for digits in dial:
        match = find_number(digits, phone)
        if match:
            places.append((match.start(), match.end(), digits))
    out, at = [], 0
    for start, end, digits in sorted(places):
        if start >= at:
            out += [_escaped(phone[at:start]), f"[{_escaped(phone[start:end])}](tel:{digits})"]
            at = end
    return "".join([*out, _escaped(phone[at:])])


def _linked_text(text: str) -> str:
    """Make "text HOME to 741741" a link that opens a message with that word; other ways stay as they are."""
    match = re.fullmatch(r"text (?:([A-Z]+) to )?([\d ]+)", text)
    if not match:
        return _escaped(text)
    word, number = match.group(1), re.sub(r"\D", "", match.group(2))
    # "?&" is read by both Android and iOS; each of them alone refuses one of "?" and "&".
    body = f"?&body={quote(word)}" if word else ""
    return f"[{_escaped(text)}](sms:{number}{body})"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)
