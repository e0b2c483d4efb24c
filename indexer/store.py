"""Where builds live: one folder a build, and a pointer that names the one being served.

.index/CURRENT                    the id of the served build, replaced by one atomic rename
.index/builds/<id>/passages.sqlite
.index/builds/<id>/vectors.faiss
.index/builds/<id>/topics.npz     the topic model, where the corpus gave enough wordings for one
.index/builds/<id>/adapter.safetensors   the adapter that gave its vectors, where one suits the corpus
.index/builds/<id>/safety/        referral texts and helplines, copied from the corpus
.index/vectors.sqlite             vectors by (model, text hash), so that a rebuild is quick
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

POINTER = "CURRENT"
BUILDS = "builds"
PASSAGES = "passages.sqlite"
VECTORS = "vectors.faiss"
TOPICS = "topics.npz"
ADAPTER = "adapter.safetensors"
SAFETY = "safety"
CACHE = "vectors.sqlite"
LOCK = "build.lock"
KEPT_BUILDS = 2  # the served one and the one before it, which a reader may be opening just now


def current_build(index: Path) -> str | None:
    """Return the id of the served build, or None when nothing has been published."""
    try:
        return (index / POINTER).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def build_folder(index: Path, build_id: str) -> Path:
    return index / BUILDS / build_id


def publish(index: Path, draft: Path, build_id: str) -> None:
    """Move a finished draft into place and point readers at it.

    Whatever happens in between, `CURRENT` names a complete build: the folder is synced and
    renamed before the pointer moves, and the pointer moves by one rename.
    """
    target = build_folder(index, build_id)
    for path in sorted(draft.rglob("*")):
        _sync(path)
    if target.exists():  # a complete build of the same content, left by an earlier run
        shutil.rmtree(draft)
    else:
        draft.rename(target)
        _sync(target.parent)
    pointer = index / f"{POINTER}.{os.getpid()}.new"
    pointer.write_text(build_id + "\n", encoding="ascii")
    _sync(pointer)
    pointer.replace(index / POINTER)
    _sync(index)


def discard_leftovers(index: Path) -> None:
    """Remove drafts of builds that died, and all but the newest builds. Call it under the lock."""
    served = current_build(index)
    folder = index / BUILDS
    if folder.is_dir():
        complete = []
        for path in folder.iterdir():
            if path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != served:
                complete.append(path)
        complete.sort(key=lambda p: p.stat().st_mtime, reverse=True)
        for path in complete[KEPT_BUILDS - 1 :]:
            shutil.rmtree(path, ignore_errors=True)
    for path in index.glob(f"{POINTER}.*.new"):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
