"""The encoder's layers, run so that padding costs little: its two halves one after the other, and copies of
the upper one that were trained on, of which the adapter of the search and the second net of the screen are made.

Kept apart from its users because torch is slow to import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from indexer.encoder import HalfRead, of_like_length

LAYERS = 3  # of the upper half of the default encoder
HEADS = 12
EPSILON = 1e-12  # of the encoder's layer norms
MASKED = -1e4  # the fit of what is no token; 16-bit floats hold it
MOST_AT_ONCE = 32  # readings in one pass
SLACK = 8  # tokens by which a reading may be more than twice as long as the shortest beside it


def upper_half(width: int, dropout: float = 0.0, layers: int = LAYERS) -> nn.TransformerEncoder:
    """Return `layers` layers with random weights. `width`: of the encoder's vectors; `dropout`: in training,
    of what each part of a layer adds."""
    layer = nn.TransformerEncoderLayer(
        width, HEADS, 4 * width, dropout, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
    )
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


def halves(bert: Any) -> tuple[nn.TransformerEncoder, nn.TransformerEncoder] | None:
    """Return the lower and the upper layers of a model, or None where it is not built as the default one is."""
    from transformers import BertModel

    if not isinstance(bert, BertModel):
        return None
    told = bert.config
    shape = told.num_attention_heads, told.intermediate_size, told.hidden_act, told.layer_norm_eps
    if shape != (HEADS, 4 * told.hidden_size, "gelu", EPSILON):
        return None
    theirs = list(bert.encoder.layer)
    middle = len(theirs) // 2
    lower = upper_half(told.hidden_size, layers=middle)
    upper = upper_half(told.hidden_size, layers=len(theirs) - middle)
    take_over(lower, theirs[:middle])
    take_over(upper, theirs[middle:])
    return lower.eval().requires_grad_(False), upper.eval().requires_grad_(False)


def take_over(half: nn.TransformerEncoder, layers: Sequence[Any]) -> None:
    """Give `half` the weights of as many layers of a BERT encoder, transformers' `BertModel.encoder.layer`."""
    for own, theirs in zip(half.layers, layers, strict=True):
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


def run(half: nn.TransformerEncoder, tokens: Tensor, mask: Tensor) -> Tensor:
    """What `half(tokens, src_key_padding_mask=~mask)` gives, at half the time where texts differ in length.

    `tokens` (n, tokens, width) and `mask` (n, tokens), True for tokens. All but the attention sees the tokens
    of all texts in one row, without the padding; what comes out for padding is 0. In training only what a
    layer adds is subject to its dropout, not its inside.
    """
    n, longest, width = tokens.shape
    real = mask.flatten().nonzero()[:, 0]
    row = tokens.reshape(-1, width).index_select(0, real)
    seen = mask[:, None, None, :]
    for layer in half.layers:
        own: Any = layer
        attention = own.self_attn
        parts = functional.linear(row, attention.in_proj_weight, attention.in_proj_bias)
        padded = parts.new_zeros(n * longest, 3 * width).index_copy(0, real, parts)
        query, key, value = padded.view(n, longest, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        if torch.is_grad_enabled():  # torch's own attention is slow backwards on a CPU
            fit = query @ key.transpose(2, 3) / (width // HEADS) ** 0.5
            mixed = fit.masked_fill(~seen, MASKED).softmax(3).to(value.dtype) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = mixed.transpose(1, 2).reshape(-1, width).index_select(0, real)
        row = own.norm1(row + own.dropout1(attention.out_proj(mixed)))
        row = own.norm2(row + own.dropout2(own.linear2(functional.gelu(own.linear1(row)))))
    return tokens.new_zeros(n * longest, width).index_copy(0, real, row.to(tokens.dtype)).view_as(tokens)


def mean_of_tokens(tokens: Tensor, mask: Tensor) -> Tensor:
    """`tokens` (n, tokens, width) and `mask` (n, tokens), True for tokens, to their means (n, width)."""
    mean: Tensor = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return mean


def stack(readings: Sequence[npt.NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Pad readings of shape (tokens, width) to one batch, and return it with its mask."""
    longest = max(len(reading) for reading in readings)
    batch = torch.zeros(len(readings), longest, readings[0].shape[1])
    mask = torch.zeros(len(readings), longest, dtype=torch.bool)
    for n, reading in enumerate(readings):
        batch[n, : len(reading)] = torch.from_numpy(reading)
        mask[n, : len(reading)] = True
    return batch, mask


def batches(readings: Sequence[HalfRead]) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Yield (rows of `readings`, their tokens, the mask), those of like length together."""
    for rows in of_like_length([len(reading.middle) for reading in readings], MOST_AT_ONCE, SLACK):
        yield rows, *stack([readings[row].middle for row in rows])


def load_trained(path: Path, name: str, make: Callable[[int], nn.Module]) -> tuple[dict[str, Any], Any]:
    """Return what the file at `path` says of itself under `name`, and the model with its weights.

    `make` gives a model for a width. Raises `ValueError` with the reason when the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        facts = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(about[name]).items()}
        model = make(int(about["width"])).eval().requires_grad_(False)
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ValueError(str(error).split("\n")[0] or type(error).__name__) from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise ValueError("its numbers are damaged")
    return facts, model


def save_trained(path: Path, name: str, facts: dict[str, Any], model: nn.Module, width: int) -> None:
    """Write the weights of `model`, as 16-bit floats, with what is to be known of them."""
    tensors = {key: tensor.detach().half().contiguous() for key, tensor in model.state_dict().items()}
    save_file(tensors, path, {name: json.dumps(facts), "width": str(width)})
