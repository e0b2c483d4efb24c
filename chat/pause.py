"""The pause before writing to somebody, and the message that is not sent. What it states, it quotes."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from chat.reading import stretches
from indexer.index import Index
from indexer.sentences import reading_form
from indexer.types import Passage

URGE = "articles/riding-out-the-urge"  # the text that the pause quotes; where it is missing, less is said
LAPSE = "articles/you-broke-it"
MINUTES = 10
FEELINGS = (
    "I miss them",
    "I’m lonely",
    "I’m angry",
    "I’m worried about them",
    "I’ve been drinking",
    "I don’t know",
)
THINGS = (
    ("Put the phone in another room", "Or hand it to somebody. Ten minutes without it is enough."),
    ("Drink a glass of water", "Slowly. Put the light on while you are up."),
    ("Go round the block, or up and down the stairs", "Any kind of movement you could do on a bad day."),
    ("Ring somebody who is not your ex", "“Can you talk to me for ten minutes about anything else?”"),
    ("Do a small job with an end", "Wash up, fold clothes, feed the cat."),
)


def render_pause(index: Index) -> str:
    """The pause: six steps, one after the other with the script, one below the other without it."""
    steps = [
        _step("name", "You want to write to them", _name(index)),
        _step("wait", "Wait ten minutes", _wait(index)),
        _step("do", "Do one small thing", _do()),
        _step("unsent", "Say it here instead", _unsent(index)),
        _step("why", "Why wait at all?", _why(index)),
        _step("now", "How is it now?", _now(index)),
    ]
    return (
        '<div class="pause" data-minutes="10"><h1 class="unseen">A pause before you write</h1>'
        '<p class="clock" hidden><span class="left"></span> '
        '<button type="button" class="quiet" data-do="skip">Skip the wait</button></p>'
        f"{''.join(steps)}"
        '<p class="steps" hidden><button type="button" class="quiet" data-do="back">Back</button>'
        '<button type="button" class="main" data-do="next">Next</button></p>'
        '<p class="hint away">Afraid of them, or of what you might do to yourself? '
        '<a href="/helplines">Helplines</a> are there now.</p></div>'
    )


def render_unsent(index: Index) -> str:
    """The page for the message that is not sent."""
    return f'<h1>The message you won’t send</h1><div class="pause">{_unsent(index)}</div>'


def _step(name: str, title: str, body: str) -> str:
    return f'<section class="step" id="pause-{name}" aria-labelledby="pause-{name}-title"><h2 id="pause-{name}-title" tabindex="-1">{title}</h2>{body}</section>'


def _name(index: Index) -> str:
    chosen = "".join(
        f'<label class="pick"><input type="radio" name="feeling" autocomplete="off"> <span>{feeling}</span></label>'
        for feeling in FEELINGS
    )
    return (
        f"{_quote(index, URGE, 0, ('Wanting to write is a strong feeling',))}"
        f'<fieldset class="picks"><legend>What is it, mostly? Only you see this.</legend>{chosen}</fieldset>'
        "<p>Say it out loud: “I want to write to them, and I am not going to do it tonight.”</p>"
        '<p class="hint">Is it about children, work or a practical matter? '
        '<a href="/read/articles/children-together">Then it is about writing less, and plainly.</a></p>'
    )


def _wait(index: Index) -> str:
    return (
        f"{_quote(index, URGE, 1, ('Ten minutes is short enough',))}"
        '<div class="breath" aria-hidden="true"><span></span></div>'
        '<p class="breath-words">Breathe in while the circle grows, and out, slowly, while it sinks.</p>'
        '<p class="begin" hidden><button type="button" class="main" data-do="begin">Begin ten quiet minutes</button></p>'
        '<p class="hint">Nothing rings. You can go on to the next step at any time: the minutes pass there too.</p>'
    )


def _do() -> str:
    items = "".join(f"<li><strong>{what}</strong><span>{how}</span></li>" for what, how in THINGS)
    return f'<p>One of these is enough.</p><ul class="things">{items}</ul>'


def _unsent(index: Index) -> str:
    return (
        "<p>Write what you want to tell them. <strong>These words stay in this page.</strong> They are not sent, "
        "not stored, and gone when you let them go or close the page.</p>"
        '<label for="unsent">The message you won’t send</label>'
        '<textarea id="unsent" rows="7" dir="auto" autocomplete="off" autocorrect="off" autocapitalize="sentences" '
        'spellcheck="false" data-unsent></textarea>'
        '<p class="row"><button type="button" class="main" data-do="let-go">Let it go</button></p>'
        '<p class="hint gone" role="status"></p>'
        f'<p class="hint">{_words(index, URGE, 6, ("If you notice that you write the same page",))} '
        f"{_onward(index, URGE, 6)}</p>"
    )


def _why(index: Index) -> str:
    return (
        f"{_quote(index, URGE, 0, ('An urge rises', 'Therapists see this often', 'In a trial', 'You can want'))}"
        f"{_quote(index, URGE, 1, ('A message that is worth sending', 'There is no study of ten minutes'))}"
        f"{_quote(index, URGE, 10, ('We found no study that tests',))}"
    )


def _now(index: Index) -> str:
    eased = _quote(index, URGE, 9, ("When the urge has sunk", "One line is enough"))
    strong = _quote(index, URGE, 1, ("If it is still high", "If you must decide"))
    wrote = _quote(index, LAPSE, 0, ("You have not ruined anything",)) + _quote(
        index, LAPSE, 1, ("Do not send a second message",)
    )
    answers = (
        ("eased", "It has eased", f"{eased}<p>You can close this page, or stay a while.</p>"),
        (
            "strong",
            "It is as strong as before",
            f'{strong}<p class="row"><button type="button" class="main" data-do="again">Ten more minutes</button> '
            '<a href="/helplines">Talk to a person</a></p>',
        ),
        ("wrote", "I have written to them", wrote),
        (
            "worse",
            "It is getting darker",
            "<p>Then this is not about a message any more. Please ring somebody now: "
            '<a href="/helplines">helplines and emergency numbers</a>.</p>',
        ),
    )
    return (
        '<div class="answers">'
        + "".join(
            f'<details name="now" id="now-{key}"><summary>{title}</summary><div>{body}</div></details>'
            for key, title, body in answers
        )
        + "</div>"
    )


def _quote(index: Index, document: str, place: int, beginnings: Sequence[str]) -> str:
    words = _words(index, document, place, beginnings)
    return f"<blockquote><p>{words}</p><p>{_onward(index, document, place)}</p></blockquote>" if words else ""


def _words(index: Index, document: str, place: int, beginnings: Sequence[str]) -> str:
    """The sentences of the `place`-th section, from 0, that begin so; as HTML, empty where there are none."""
    found = [s for s in _sentences(index, document, place) if s.startswith(tuple(beginnings))]
    return html.escape(" ".join(found))


def _sentences(index: Index, document: str, place: int) -> Iterator[str]:
    for passage in _section(index, document, place):
        for span in passage.sentences:
            yield " ".join(reading_form(passage.quote(span)).split())


def _section(index: Index, document: str, place: int) -> tuple[Passage, ...]:
    parts = stretches(index, document)
    return parts[place].passages if place < len(parts) else ()


def _onward(index: Index, document: str, place: int) -> str:
    parts = stretches(index, document)
    if place >= len(parts):
        return ""
    part = parts[place]
    title = html.escape(part.passages[0].title)
    return f'<a class="source-link" href="/read/{quote(document)}#{part.anchor}">From “{title}”</a>'
