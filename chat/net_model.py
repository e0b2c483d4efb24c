"""The network of the second net: the encoder's upper layers, trained on to see danger.

Kept apart from chat/net.py because torch is slow to import.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from indexer.layers import LAYERS, mean_of_tokens, run, take_over, upper_half

SHARPNESS = 0.05  # of the attention at the start of training


class DangerModel(nn.Module):
    """Token vectors half-way up the encoder to one logit for each class.

    Three layers that began as the encoder's own, then for each class the tokens that its query picks
    out, and the mean of all.
    """

    def __init__(self, classes: int, width: int, dropout: float = 0.0) -> None:
        """`width`: of the encoder's vectors. `dropout`: of what the classes read, in training."""
        super().__init__()
        self.layers = upper_half(width)
        self.norm = nn.LayerNorm(width)
        self.query = nn.Parameter(torch.randn(classes, width) * SHARPNESS)
        self.value = nn.Parameter(torch.zeros(classes, width))
        self.whole = nn.Linear(width, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`tokens` (n, tokens, width) and `mask` (n, tokens), True for tokens, to logits (n, classes)."""
        tokens = self.norm(run(self.layers, tokens, mask))
        fit = tokens @ self.query.T / tokens.shape[-1] ** 0.5
        attention = fit.masked_fill(~mask[..., None], -1e9).softmax(1)
        picked = torch.einsum("ntc,ntd->ncd", attention, self.dropout(tokens))
        whole = self.whole(self.dropout(mean_of_tokens(tokens, mask)))
        logits: Tensor = (picked * self.value).sum(-1) + whole
        return logits

    def start_from(self, layers: Any) -> None:
        """Take over the upper layers of a BERT encoder, transformers' `BertModel.encoder.layer`."""
        take_over(self.layers, list(layers)[-LAYERS:])
