from __future__ import annotations

import re
import subprocess

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TREE = README.split("<!-- tree -->")[1].split("\n\nSettings")[0]
LISTED = set(re.findall(r"^    (\S+)  ", TREE, re.MULTILINE))
PACKAGES = ("indexer", "chat", "evals")


def test_the_tree_names_every_module_and_nothing_that_is_gone() -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).glob("*.py")
        if path.name != "__init__.py"
    }
    assert modules <= LISTED
    assert all((ROOT / name).exists() for name in LISTED)


def test_the_make_targets_and_links_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^    make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists()


def test_imports_run_one_way() -> None:
    allowed = {"indexer": {"indexer"}, "chat": {"indexer", "chat"}, "evals": {"indexer", "chat", "evals"}}
    for package, known in allowed.items():
        for path in (ROOT / package).glob("*.py"):
            found = re.findall(
                r"^\s*(?:from|import) (indexer|chat|evals|tests)\b", path.read_text(), re.MULTILINE
            )
            assert set(found) <= known, path


def test_help_of_the_makefile_lists_every_target() -> None:
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in ("chat", "index", "test", "evals", "browser-test", "help"):
        assert re.search(rf"^{target}\s", shown, re.MULTILINE)
