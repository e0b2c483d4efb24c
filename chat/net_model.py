"""The network of the second net: it reads the encoder's middle and upper layers and weighs each token.

Kept apart from chat/net.py because torch is slow to import.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LAYERS = (4, 5, 6)  # of the encoder's layers, the embeddings being 0: the last alone tells less
WIDTH = 192
INNER = 384
HEADS = 6


class DangerModel(nn.Module):
    """Token vectors of three layers to one logit for each class.

    A learned mixture of the layers, one transformer layer over the tokens, then for each class the tokens
    that its query picks out, and the mean of all.
    """

    def __init__(self, classes: int, width: int, dropout: float = 0.0) -> None:
        """`width`: of the encoder's vectors."""
        super().__init__()
        self.mixture = nn.Parameter(torch.zeros(len(LAYERS)))
        self.norm = nn.LayerNorm(width)
        self.narrow = nn.Linear(width, WIDTH)
        self.mix_tokens = nn.TransformerEncoderLayer(
            WIDTH, HEADS, INNER, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.last_norm = nn.LayerNorm(WIDTH)
        self.query = nn.Parameter(torch.randn(classes, WIDTH) * 0.05)
        self.value = nn.Parameter(torch.zeros(classes, WIDTH))
        self.whole = nn.Linear(WIDTH, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, layers: Tensor, mask: Tensor) -> Tensor:
        """`layers` (n, tokens, 3, width) and `mask` (n, tokens), True for tokens, to logits (n, classes)."""
        mixed = (layers * self.mixture.softmax(0)[:, None]).sum(2)
        tokens = self.narrow(self.norm(mixed))
        tokens = self.last_norm(self.mix_tokens(tokens, src_key_padding_mask=~mask))
        attention = (tokens @ self.query.T).masked_fill(~mask[..., None], -1e9).softmax(1)
        picked = torch.einsum("ntc,ntd->ncd", attention, self.dropout(tokens))
        mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        logits: Tensor = (picked * self.value).sum(-1) + self.whole(self.dropout(mean))
        return logits


def stack(readings: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad readings of shape (tokens, 3, width) to one batch, and return it with its mask."""
    longest = max(len(r) for r in readings)
    batch = torch.zeros(len(readings), longest, *readings[0].shape[1:])
    mask = torch.zeros(len(readings), longest, dtype=torch.bool)
    for n, reading in enumerate(readings):
        batch[n, : len(reading)] = reading
        mask[n, : len(reading)] = True
    return batch, mask
