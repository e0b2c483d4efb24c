"""What the figures of a run belong to: code, corpus, build, model, cases, thresholds, machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import chat.answer
import chat.guide
import chat.retrieval
from chat.retrieval import RANKER
from chat.rulebook import RULES
from evals.cases import CaseSource
from indexer.encoder import DEFAULT_HUB_NAME, DEFAULT_MODEL, DEFAULT_SHA256
from indexer.index import Index

SHORT = 12  # hex digits of a hash
# Two runs are about the same thing when these agree; the code and its thresholds are what is compared.
MUST_AGREE = ("split", "part", "corpus", "model", "model_hash", "cases")


def provenance(index: Index, source: CaseSource, part: str = "", root: Path | None = None) -> dict[str, Any]:
    """Return what the figures belong to. `part`: which of the cases were asked; empty for all."""
    kinds = Counter(index.document(document_id).kind for document_id in index.document_ids())
    return {
        "commit": current_commit(root or Path(__file__).parents[1]),
        "corpus": hash_corpus(index),
        "build": index.build_id,
        "documents": dict(sorted(kinds.items())),
        "passages": len(index.passages),
        "model": index.model,
        "model_hash": hash_model(index.model),
        "split": "file" if source.is_file else source.split,
        "part": part,
        "cases": source.hashes(),
        "ranker": _ranker(),
        "rules": hash_files(sorted(RULES.glob("*.yaml"))),
        "nets": hash_files(sorted(RANKER.parent.glob("*.safetensors"))),
        "thresholds": {m.__name__: _numbers(m) for m in (chat.answer, chat.guide, chat.retrieval)},
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
    }


def hash_corpus(index: Index) -> str:
    """Return a hash of every document's words as this build has them."""
    digest = hashlib.sha256()
    for document_id in index.document_ids():
        digest.update(f"{document_id}\0{index.document(document_id).text}\0".encode())
    return digest.hexdigest()[:SHORT]


def hash_model(model: str) -> str | None:
    """Return a hash of the encoder's weights; None for a model that is known by its name alone."""
    if model in (DEFAULT_MODEL, DEFAULT_HUB_NAME):
        return DEFAULT_SHA256[:SHORT]  # the encoder refuses to load any other
    weights = Path(model) / "model.safetensors"
    return hash_files([weights]) if weights.is_file() else None


def hash_files(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:SHORT]


def current_commit(root: Path) -> str | None:
    """Return the commit checked out at `root`, read from its .git folder; None where there is none."""
    try:
        head = (root / ".git" / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = root / ".git" / name
        if loose.exists():
            return loose.read_text(encoding="ascii").strip()
        packed = (root / ".git" / "packed-refs").read_text(encoding="ascii").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None


def _ranker() -> dict[str, Any]:
    """The fitted ranking: its hash, and what it says of itself."""
    data = RANKER.read_bytes()
    fitted = json.loads(data)
    known = {key: fitted[key] for key in ("fitted", "data_hash", "threshold") if key in fitted}
    return {"hash": hashlib.sha256(data).hexdigest()[:SHORT], **known}


def _numbers(module: ModuleType) -> dict[str, float]:
    """The named numbers of a module: its thresholds and lengths."""
    return {
        name: value
        for name, value in sorted(vars(module).items())
        if name.isupper() and isinstance(value, int | float) and not isinstance(value, bool)
    }
