"""The network of the second net: the encoder's upper layers, trained on to see danger.

Kept apart from chat/net.py because torch is slow to import.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LAYERS = 3  # the upper half of the default encoder
HEADS = 12
EPSILON = 1e-12  # of the encoder's layer norms
SHARPNESS = 0.05  # of the attention at the start of training


class DangerModel(nn.Module):
    """Token vectors half-way up the encoder to one logit for each class.

    Three layers that began as the encoder's own, then for each class the tokens that its query picks
    out, and the mean of all.
    """

    def __init__(self, classes: int, width: int, dropout: float = 0.0) -> None:
        """`width`: of the encoder's vectors. `dropout`: of what the classes read, in training."""
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, HEADS, 4 * width, 0.0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.query = nn.Parameter(torch.randn(classes, width) * SHARPNESS)
        self.value = nn.Parameter(torch.zeros(classes, width))
        self.whole = nn.Linear(width, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`tokens` (n, tokens, width) and `mask` (n, tokens), True for tokens, to logits (n, classes)."""
        tokens = self.norm(self.layers(tokens, src_key_padding_mask=~mask))
        fit = tokens @ self.query.T / tokens.shape[-1] ** 0.5
        attention = fit.masked_fill(~mask[..., None], -1e9).softmax(1)
        picked = torch.einsum("ntc,ntd->ncd", attention, self.dropout(tokens))
        mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        logits: Tensor = (picked * self.value).sum(-1) + self.whole(self.dropout(mean))
        return logits

    def start_from(self, layers: Any) -> None:
        """Take over the upper layers of a BERT encoder, transformers' `BertModel.encoder.layer`."""
        for own, theirs in zip(self.layers.layers, list(layers)[-LAYERS:], strict=True):
            attention, output = theirs.attention, theirs.output
            inner = attention.self
            parts = (inner.query, inner.key, inner.value)
            own.self_attn.in_proj_weight.data.copy_(torch.cat([part.weight for part in parts]))
            own.self_attn.in_proj_bias.data.copy_(torch.cat([part.bias for part in parts]))
            for mine, model in (
                (own.self_attn.out_proj, attention.output.dense),
                (own.norm1, attention.output.LayerNorm),
                (own.linear1, theirs.intermediate.dense),
                (own.linear2, output.dense),
                (own.norm2, output.LayerNorm),
            ):
                mine.load_state_dict(model.state_dict())


def stack(readings: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad readings of shape (tokens, width) to one batch, and return it with its mask."""
    longest = max(len(r) for r in readings)
    batch = torch.zeros(len(readings), longest, readings[0].shape[1])
    mask = torch.zeros(len(readings), longest, dtype=torch.bool)
    for n, reading in enumerate(readings):
        batch[n, : len(reading)] = reading
        mask[n, : len(reading)] = True
    return batch, mask
