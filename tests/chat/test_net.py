"""The second net reads what the encoder makes of a message, and says when it cannot be used."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from chat.net import (
    CLASSES,
    MOST_SENTENCES,
    MOST_WINDOWS,
    NET,
    WINDOW,
    NetBroken,
    RiskNet,
    sentences,
    windows,
)
from chat.risk import RiskScreen
from indexer.encoder import SentenceEncoder
from tests.conftest import WordEncoder


@pytest.fixture(scope="module")
def net(encoder: SentenceEncoder) -> RiskNet:
    return RiskNet.open(encoder.name)


PAIRS = [  # danger, and nearly the same words without it
    ("he put his hands round my neck and i couldnt speak", "he put his hands round a mug and couldn't speak"),
    ("i have the tablets lined up on the bed", "i have the tickets lined up on the bed"),
    ("she locks me in the flat when she goes to work", "she locks the flat when she goes to work"),
    ("nobody would notice if i was gone for good", "nobody would notice if i left the party early"),
    ("my dad hits my little brother when mum is out", "my dad plays with my little brother when mum is out"),
    (
        "I have written the letters and found someone for the cat",
        "I have written the invitations and fed the cat",
    ),
    ("he sits in his car outside my house every night", "he sits in his garden behind his house every night"),
    ("one day I will make her pay with her face", "one day I will make her a pie with her name on it"),
    ("my son won't say where the burns came from", "my son won't say where the crisps went"),
    ("I don't think I will need a calendar next year", "I don't think I will need a car next year"),
    ("he decides what I wear and whom I see", "he decides what he wears and whom he invites"),
    ("I swallowed everything in the cabinet an hour ago", "I tidied everything in the cabinet an hour ago"),
]


def test_danger_is_likelier_than_nearly_the_same_words_without_it(
    net: RiskNet, encoder: SentenceEncoder
) -> None:
    def probability(message: str) -> float:
        return net.see([message], encoder.read).probability

    seen = [(probability(danger), probability(calm)) for danger, calm in PAIRS]
    log_odds = [(np.log(danger / (1 - danger)), np.log(calm / (1 - calm))) for danger, calm in seen]
    assert sum(danger > calm + 0.4 for danger, calm in log_odds) >= len(PAIRS) - 2, seen
    assert sum(danger > calm for danger, calm in seen) >= len(PAIRS) - 1, seen
    limit = net.facts.threshold
    right = sum((danger >= limit) + (calm < limit) for danger, calm in seen)
    assert right >= 1.5 * len(PAIRS), seen  # of two for each pair


def test_ordinary_questions_stay_below_the_threshold(net: RiskNet, encoder: SentenceEncoder) -> None:
    for question in ("how long should no contact last?", "can we stay friends", "i texted him again"):
        assert net.see([question], encoder.read).probability < net.facts.threshold


def test_the_gravest_window_of_a_long_message_counts(net: RiskNet, encoder: SentenceEncoder) -> None:
    calm = "We cooked, we talked about the flat and the cat, and then I drove home to my sister. " * 25
    danger = "He put his hands round my neck and I could not breathe. "
    alone = net.see([calm], encoder.read).probability
    assert net.see([calm + danger + calm], encoder.read).probability > alone + 0.2


def test_a_second_reading_of_a_message_costs_nothing(net: RiskNet, encoder: SentenceEncoder) -> None:
    first = net.see(["so that was tuesday"], encoder.read)

    def unused(texts: object) -> list[object]:
        raise AssertionError(f"{texts} were read again")

    assert net.see(["so that was tuesday"], unused) is first  # type: ignore[arg-type]


def test_nothing_that_was_said_stands_in_what_is_remembered(net: RiskNet, encoder: SentenceEncoder) -> None:
    net.see(["a secret about marmalade"], encoder.read)
    assert b"marmalade" not in b"".join(net._known)


def test_windows_cover_the_message_and_are_bounded() -> None:
    words = [str(n) for n in range(230)]
    pieces = windows(" ".join(words))
    assert {w for piece in pieces for w in piece.split()} == set(words)
    assert all(len(piece.split()) == WINDOW for piece in pieces)
    many = windows("a " * 50_000 + "end")
    assert len(many) == MOST_WINDOWS and many[-1].endswith("end")
    assert windows("") == [""]


def test_sentences_are_read_by_themselves_and_are_bounded() -> None:
    assert sentences("I am fine. He hit me.\nWhat now?") == ["I am fine.", "He hit me.", "What now?"]
    assert sentences("only one here") == []
    many = sentences("This is a sentence. " * 300)
    assert len(many) == MOST_SENTENCES and sum(piece.count("sentence") for piece in many) == 300


def test_harmless_words_around_a_sentence_do_not_hide_it(net: RiskNet, encoder: SentenceEncoder) -> None:
    danger = "He put his hands round my neck and I could not breathe."
    alone = net.see([danger], encoder.read).probability
    around = f"We watched a film on Friday. {danger} How long should no contact last?"
    assert net.see([around], encoder.read).probability > alone - 0.001


# A net that cannot be used


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "other encoder", "not a number"])
def test_a_net_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "net.safetensors"
    whole = NET.read_bytes()
    encoder = "all-MiniLM-L6-v2"
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        path.write_text("no numbers here")
    elif damage == "other encoder":
        path.write_bytes(whole)
        encoder = "another"
    elif damage == "not a number":
        save_damaged(path)
    with pytest.raises(NetBroken, match="guide-evals fit --net"):
        RiskNet.open(encoder, path)


def save_damaged(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(NET, framework="np") as file:
        about = file.metadata()
    tensors = load_file(NET)
    tensors["value"] = np.full_like(tensors["value"], np.nan)
    save_file(tensors, path, about)


def test_the_screen_says_so_at_start_and_is_careful(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    encoder: SentenceEncoder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("chat.net.RiskNet.open", lambda name: RiskNet_open_missing(name, tmp_path))
    with caplog.at_level(logging.ERROR, logger="chat"):
        screen = RiskScreen.open(encoder)
    assert screen.careful and screen.net is None
    assert "fit --net" in caplog.text and "weak signs" in caplog.text


original_open = RiskNet.open


def RiskNet_open_missing(name: str, folder: Path) -> RiskNet:  # noqa: N802
    return original_open(name, folder / "missing.safetensors")


def test_an_encoder_without_token_vectors_makes_the_screen_careful(words: WordEncoder) -> None:
    assert RiskScreen.open(words).careful


def test_the_classes_are_the_categories_and_harmless() -> None:
    assert CLASSES[0] == "harmless" and "distress" not in CLASSES and len(set(CLASSES)) == 10
