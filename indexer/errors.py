"""Expected problems, each saying what, why and what to do.

Only the edges (command line, app) catch `GuideError`; bugs keep their traceback.
"""

from __future__ import annotations

from pathlib import Path


class GuideError(Exception):
    """A problem that can be explained to the person at the keyboard. Exit code 1."""


class IndexMissing(GuideError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"No index at {path}. Build one with: guide-index build")
        self.path = path


class IndexUnusable(GuideError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"The index at {path} cannot be used: {why}. Build it anew with: guide-index build")
        self.path = path


class DocumentError(GuideError):
    """One file of the corpus that cannot be read. `line` is 1-based, 0 where there is none."""

    def __init__(self, path: str, why: str, line: int = 0) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}")
        self.path = path
        self.why = why
        self.line = line


class EncoderUnavailable(GuideError):
    """The weights are missing or are not the ones that the index was built with."""
