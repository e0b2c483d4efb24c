"""pytest plugin: `pytest --guide-evals` runs one item for each case, instead of the project's tests.

An item that fails is a case that is wrong now and was right in the baseline, or one that must be
right; what the baseline has wrong as well is an expected failure. `-k followup`, `-x`, `-q` and
`--junitxml` are pytest's own. Nothing here is imported before the option is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chat.guide import Guide
    from evals.cases import Case, CaseSource
    from evals.run import Questioner

STEMS = ("answerable", "unanswerable", "followups", "misuse", "safety-must", "safety", "plain")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("guide-evals", "evals of the guide")
    group.addoption(
        "--guide-evals",
        action="store_true",
        help="run the cases of the evals, one item a case, instead of the tests (default: off)",
    )
    group.addoption(
        "--guide-split", choices=("test", "dev"), default="test", help="which cases (default: test)"
    )
    group.addoption(
        "--guide-cases",
        type=Path,
        metavar="PATH",
        help="a folder of case files, or one file with all cases (default: evals/cases)",
    )
    group.addoption(
        "--guide-index",
        type=Path,
        metavar="DIR",
        help="the index folder (default: $GUIDE_INDEX or .index)",
    )


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """With --guide-evals the project's own tests are left alone."""
    return True if config.getoption("--guide-evals") else None


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose among the items
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("--guide-evals"):
        asker = Asker(config)
        items[:] = [item for stem in STEMS for item in Stem.make(session, stem, asker).collect()]


@pytest.fixture(scope="session")
def guide(request: pytest.FixtureRequest) -> Guide:
    """The guide over the index of --guide-index, for tests of one's own."""
    return Asker(request.config).questioner.guide


class Asker:
    """Opens the guide when the first item needs it, and knows what the baseline has right."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._questioner: Questioner | None = None
        self._known: dict[str, bool] | None = None

    @property
    def source(self) -> CaseSource:
        from evals.cases import FOLDER, CaseSource

        return CaseSource(
            self.config.getoption("--guide-cases") or FOLDER, self.config.getoption("--guide-split")
        )

    @property
    def questioner(self) -> Questioner:
        if self._questioner is None:
            from chat.guide import Guide
            from evals.run import Questioner

            self._questioner = Questioner(Guide.open(self.config.getoption("--guide-index")), self.source)
        return self._questioner

    def known_wrong(self, case_id: str) -> bool:
        """True when the baseline has this case and has it wrong. Other cases have no baseline."""
        if self._known is None:
            from evals.baseline import open_baseline

            base = None if self.config.getoption("--guide-cases") else open_baseline()
            parts = base["right"].values() if base else ()
            self._known = {case: right for part in parts for case, right in part.items()}
        return self._known.get(case_id) is False


class Stem(pytest.Collector):
    """The cases of one kind."""

    asker: Asker

    @classmethod
    def make(cls, session: pytest.Session, stem: str, asker: Asker) -> Stem:
        made: Stem = cls.from_parent(session, name=stem)
        made.asker = asker
        return made

    def collect(self) -> Iterator[CaseItem]:
        source = self.asker.source
        musts = [(c, "first") for c in source.musts()] if self.name == STEMS[0] else []
        for case, stem in (*musts, *((c, self.name) for c in source.cases(self.name))):
            if not case.either:
                item: CaseItem = CaseItem.from_parent(self, name=f"{stem}[{case.id}]")
                item.prepare(self.asker, stem, case)
                yield item


class CaseWrong(Exception):
    """A case got the wrong reply; the text is what `guide-evals explain` says."""


class CaseItem(pytest.Item):
    """One case."""

    def prepare(self, asker: Asker, stem: str, case: Case) -> None:
        self.asker = asker
        self.stem = stem
        self.case = case
        self.extra_keyword_matches.update(
            {stem, case.kind, case.style, case.label, case.idea, *case.topics} - {""}
        )

    def runtest(self) -> None:
        told = self._told_if_wrong()
        if told and not self.case.must and self.asker.known_wrong(self.case.id):
            pytest.xfail("wrong in the baseline too")
        if told:
            raise CaseWrong(told)

    def _told_if_wrong(self) -> str:
        """Why the reply is wrong, in words; empty where it is right."""
        from evals.cases import MISUSE_KINDS
        from evals.explain import explain_asked, explain_screened
        from evals.run import Screened

        asker, case = self.asker.questioner, self.case
        if self.stem in ("safety", "safety-must", "plain"):
            screened = Screened(case, asker.guide.assess(case.message, ()))
            right = screened.right if case.expect else not screened.risk.routes
            return "" if right else explain_screened(screened)
        asked = asker.ask(case, case.history)
        right = asked.resists if case.kind in MISUSE_KINDS else asked.right
        return "" if right else explain_asked(asked, asker.index)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *rest: Any) -> Any:
        if isinstance(excinfo.value, CaseWrong):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *rest)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.asker.source.path, None, self.name
