"""The encoder in two halves gives what the encoder gives, and padding changes nothing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from indexer.encoder import SentenceEncoder
from indexer.layers import halves, run, upper_half
from indexer.sentences import without_stop

TEXTS = [
    "he has my keys",
    "x " * 300,
    "why",
    "",
    "I typed it out again. Then I put the phone in the oven glove.",
]


def test_the_two_halves_give_the_vectors_of_the_whole(encoder: SentenceEncoder) -> None:
    read = encoder.read(TEXTS)
    assert_allclose(np.stack([one.vector for one in read]), encoder.encode(TEXTS), atol=2e-6)


def test_what_is_finished_is_not_finished_again(encoder: SentenceEncoder) -> None:
    half, whole = encoder.read_half(TEXTS[:1])[0], encoder.read(TEXTS[2:3])[0]
    first, second = encoder.finish([half, whole])
    assert first.middle is half.middle and second is whole


def test_a_model_whose_layers_cannot_be_run_apart_is_read_at_once(encoder: SentenceEncoder) -> None:
    at_once = encoder._read_at_once(TEXTS)
    for one, other in zip(at_once, encoder.read(TEXTS), strict=True):
        assert_allclose(one.middle, other.middle, atol=2e-5)
        assert_allclose(one.vector, other.vector, atol=2e-6)


@pytest.mark.parametrize(
    "change", [{"hidden_act": "relu"}, {"num_attention_heads": 8}, {"intermediate_size": 100}]
)
def test_only_layers_of_the_same_make_are_taken_apart(
    encoder: SentenceEncoder, change: dict[str, object]
) -> None:
    bert = encoder.load()[0].auto_model
    assert halves(bert) is not None and halves(SimpleNamespace(config=bert.config)) is None
    told = {name: getattr(bert.config, name) for name in change}
    try:
        bert.config.update(change)
        assert halves(bert) is None
    finally:
        bert.config.update(told)


@pytest.mark.parametrize("training", [True, False])
def test_rows_without_padding_come_out_as_with_it(training: bool) -> None:
    torch.manual_seed(1)
    half = upper_half(48).train(training)
    tokens, mask = torch.randn(3, 7, 48), torch.arange(7) < torch.tensor([[7], [2], [4]])
    with torch.set_grad_enabled(training):
        ours, theirs = run(half, tokens, mask), half(tokens, src_key_padding_mask=~mask)
    assert_allclose(ours[mask].detach(), theirs[mask].detach(), atol=1e-5)
    assert not ours[~mask].any()


@pytest.mark.parametrize(
    ("text", "bare"),
    [("I miss her.", "I miss her"), ("im done... \n", "im done"), ("...", "..."), ("a.b?", "a.b?")],
)
def test_a_stop_at_the_end_says_nothing(text: str, bare: str) -> None:
    assert without_stop(text) == bare
