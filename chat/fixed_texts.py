"""The guide's own fixed words: what it says when it quotes nothing. None of them states a fact
about breakups."""

from __future__ import annotations

from chat.conversation import Smalltalk

SMALLTALK: dict[Smalltalk, str] = {
    "greeting": (
        "Hello. I'm a guide to the no-contact rule after a breakup. I'm a program, not a person, and I answer "
        "from a small library of articles and studies, with the source beside each sentence. What's on your mind?"
    ),
    "thanks": "You're welcome. Come back whenever it gets hard again, at any hour.",
    "goodbye": "Take care of yourself tonight. I'll be here if you need to ask something.",
    "who": (
        "I'm a program, not a person and not a therapist. I answer questions about the no-contact rule after a "
        "breakup with sentences from a small library, and I show the source of each one. What I can't find there, "
        "I don't say. Nothing that you write here is kept."
    ),
    "help": (
        "You can ask me anything about keeping distance after a breakup: how long, what counts, what to do when "
        "the urge to write comes, what to do if they write, children, work, friends, closure. Ask in your own words."
    ),
    "acknowledge": "I'm here. Is there something more that you'd like to ask?",
    "empty": "I couldn't find any words in that. What would you like to ask?",
}

CLARIFY = "I'm not sure what that points to. Could you say it in a sentence or two, so that I can look for the right thing?"

ABSTAIN = (
    "I don't have anything in my library that answers that, and I'd rather say so than guess. I know about keeping "
    "distance after a breakup and what comes with it. Could you put it another way, or try one of the questions below?"
)

SUPPORT_LINE = "This sounds like a lot to carry. A doctor, a therapist or someone you trust could carry some of it with you."

CUT_NOTE = "Your message was very long, so I read the beginning and the end of it."

ASIDE = "In case this is part of it too:"

UNSURE = "I may not have caught what matters most to you here. The nearest that I have is this:"
