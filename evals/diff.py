"""What did my edit do? Every question asked of two builds, and the replies that are not the same.

A reply has changed when it is of another kind (an answer became a refusal), when its words are
others, or when the same words come from other places.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from chat.guide import Guide
from chat.types import Reply, Turn
from evals.cases import FOLDER, SPLITS, CaseError, CaseSource
from evals.run import Keep, keep_some
from indexer import store
from indexer.encoder import Encoder, SentenceEncoder
from indexer.errors import GuideError
from indexer.index import Index

QUESTIONS = FOLDER / "questions.txt"
ASKED = ("answerable", "unanswerable", "followups", "misuse")
Progress = Callable[[str, int, int], None]
Part = tuple[Literal["same", "out", "in"], str]  # words that stayed, went or came
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask both builds."""

    id: str
    message: str
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What one build replied: the kind, the words as shown, and where they stand."""

    kind: str
    text: str
    sources: tuple[str, ...]

    @classmethod
    def of(cls, reply: Reply) -> Said:
        sources = (f"{c.document}: {c.heading or c.title}" for c in reply.citations)
        return cls(reply.kind, reply.text, tuple(dict.fromkeys(sources)))


@dataclass(frozen=True, slots=True)
class Changed:
    """A question whose reply is not the same in both builds."""

    question: Question
    before: Said
    after: Said

    @property
    def what(self) -> str:
        """What changed, the gravest first: the kind of reply, its words, or only its sources."""
        if self.before.kind != self.after.kind:
            return f"{self.before.kind} -> {self.after.kind}"
        return "words" if self.before.text != self.after.text else "sources"

    @property
    def parts(self) -> tuple[Part, ...]:
        return mark_changes(self.before.text, self.after.text)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two builds, how many questions both were asked, and which replies changed."""

    before: str  # build ids
    after: str
    asked: int
    changed: tuple[Changed, ...]


def read_questions(path: Path = QUESTIONS) -> tuple[Question, ...]:
    """Return the questions of a text file, one a line; blank lines and lines with # are passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from error
    return tuple(
        Question(f"{path.stem}:{number}", line.strip())
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    )


def every_question(folder: Path = FOLDER, keep: Keep | None = None) -> tuple[Question, ...]:
    """Return the message of every case that can be answered or refused: of both splits, or of one file."""
    found = []
    for split in SPLITS[:1] if folder.is_file() else SPLITS:
        source = CaseSource(folder, split)
        cases = [case for stem in ASKED for case in source.cases(stem)]
        if split == SPLITS[0]:
            cases += source.musts()
        found += [Question(c.id, c.message, c.history) for c in cases if keep is None or keep(c)]
    return tuple(found)


def diff_builds(
    before: Path, after: Path, questions: Sequence[Question], progress: Progress = lambda *counts: None
) -> Difference:
    """Ask both builds every question. `before` and `after`: an index folder, or one build in it.

    Raises `GuideError` where one of them is no build. Costs about 0.2 s a question on two cores.
    """
    encoders: dict[str, Encoder] = {}
    with _opened(before, encoders) as old, _opened(after, encoders) as new:
        changed = []
        for number, question in enumerate(questions, 1):
            said = [Said.of(g.reply(question.message, question.history)) for g in (old, new)]
            if said[0] != said[1]:
                changed.append(Changed(question, *said))
            progress("both builds", number, len(questions))
        return Difference(old.index.build_id, new.index.build_id, len(questions), tuple(changed))


def describe_edit(index: Path, before: str) -> str:
    """Say which replies the newest build below `index` changed against the build `before`.

    Asks the plain questions and every tenth case: half a minute on two cores.
    """
    old = store.build_folder(index, before)
    found = diff_builds(old, index, every_question(keep=keep_some()) + read_questions())
    whole = f"All cases: guide-evals diff --before {old} --after {index}"
    return f"{render_diff(found)}\n{whole}"


def mark_changes(before: str, after: str) -> tuple[Part, ...]:
    """Return the words of both texts in one row, each marked as staying, gone or come."""
    old, new = before.split(), after.split()
    parts: list[Part] = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            parts.append(("same", " ".join(old[i:j])))
            continue
        if j > i:
            parts.append(("out", " ".join(old[i:j])))
        if m > k:
            parts.append(("in", " ".join(new[k:m])))
    return tuple(parts)


def render_diff(difference: Difference) -> str:
    """Return the changes for a terminal: words that went in [-...-], words that came in {+...+}."""
    lines = []
    for change in sorted(difference.changed, key=_gravity):
        lines += [f"{change.question.id}  {change.what}: {_short(change.question.message)}"]
        if change.before.sources != change.after.sources:
            lines += [
                f"    - {source}" for source in change.before.sources if source not in change.after.sources
            ]
            lines += [
                f"    + {source}" for source in change.after.sources if source not in change.before.sources
            ]
        if change.before.text != change.after.text:
            lines.append(f"    {' '.join(_plain(change.parts))}")
        lines.append("")
    return "\n".join([*lines, summary(difference)])


def summary(difference: Difference) -> str:
    """One line: how many replies changed, and how many of them changed their kind."""
    kinds = sum(c.before.kind != c.after.kind for c in difference.changed)
    return (
        f"{len(difference.changed)} of {difference.asked} replies changed between build {difference.before} "
        f"and {difference.after}, {kinds} of them to another kind of reply"
    )


def _gravity(change: Changed) -> tuple[int, str]:
    kinds = change.before.kind != change.after.kind
    return (0 if kinds else 1 if change.what == "words" else 2, change.question.id)


def _plain(parts: Iterable[Part]) -> Iterator[str]:
    for what, words in parts:
        if what == "same":
            some = words.split()
            yield words if len(some) <= 12 else f"{' '.join(some[:5])} ... {' '.join(some[-5:])}"
        else:
            yield f"[-{words}-]" if what == "out" else f"{{+{words}+}}"


def _short(message: str) -> str:
    flat = _SPACE.sub(" ", message)
    return flat if len(flat) <= 90 else f"{flat[:87]}..."


@contextmanager
def _opened(build: Path, encoders: dict[str, Encoder]) -> Iterator[Guide]:
    """Open an index folder, or one build of it as though it were the served one."""
    if (build / store.POINTER).exists():
        yield _guide(build, encoders)
        return
    if not (build / store.VECTORS).exists():
        raise GuideError(
            f"{build} is no build. Name an index folder such as .index, or a folder in its {store.BUILDS}/."
        )
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / store.BUILDS).mkdir()
        store.build_folder(root, build.name).symlink_to(build.resolve(), target_is_directory=True)
        (root / store.POINTER).write_text(build.name + "\n", encoding="ascii")
        yield _guide(root, encoders)


def _guide(index: Path, encoders: dict[str, Encoder]) -> Guide:
    opened = Index.open(index)
    encoder = encoders.setdefault(opened.model, SentenceEncoder(opened.model, threads=1))
    opened.close()
    return Guide.open(index, encoder)
