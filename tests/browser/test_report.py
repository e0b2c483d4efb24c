"""The evals' report, opened from disk with the network off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from evals.run import Run
from tests.evals.conftest import (  # noqa: F401 - the fixtures of the tiny run
    report_page,
    small_cases,
    small_guide,
    small_index,
    small_run,
)

pytestmark = pytest.mark.browser
SIZES = [(390, 844), (1280, 860)]


@pytest.fixture(scope="module")
def report(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_page(small_run), encoding="utf-8")
    return path


@pytest.fixture(params=[(size, dark) for size in SIZES for dark in (False, True)], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    """The report at both sizes, light and dark; afterwards, see that it asked for and complained of nothing."""
    (width, height), dark = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", offline=True
    )
    asked: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda one: asked.append(one.url))
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert asked == [report.as_uri()]
    assert complaints == []


def test_everything_is_there_and_axe_finds_no_fault(page: Page) -> None:
    for plot in page.locator("svg.plot").all():
        expect(plot).to_be_visible()
    assert page.locator("svg.plot").count() >= 4
    expect(page.locator("#shown")).to_have_text("2 of 2 cases shown")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found] == []


def test_a_flip_leads_to_its_case_and_the_filters_choose(page: Page) -> None:
    page.locator("#flips ~ p a").first.click()
    case = page.locator("#a-2")
    expect(case).to_have_attribute("open", "")
    expect(case.locator("mark").first).to_be_visible()
    page.locator("#kind").select_option("fixed")
    expect(page.locator("#shown")).to_have_text("1 of 2 cases shown")
    expect(case).to_be_hidden()
    page.get_by_role("button", name="Show all").click()
    page.locator("#search").fill("office")
    expect(page.locator("#shown")).to_have_text("1 of 2 cases shown")


def test_a_cell_of_the_heat_map_leads_to_its_cases(page: Page) -> None:
    page.locator(".heat a[data-topic=work]").click()
    expect(page.locator("#shown")).to_have_text("1 of 2 cases shown on work, plain")
    expect(page.locator("#a-2")).to_be_visible()
