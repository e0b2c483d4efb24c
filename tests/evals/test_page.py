"""The page: what it says, and that it asks nobody for anything. tests/browser looks at it."""

from __future__ import annotations

import re

from evals import plots
from evals.diff import Changed as Change
from evals.diff import Difference, Question, Said
from evals.page import heat_map, mark_passage, render_diff_page, render_page
from evals.run import Run
from tests.evals.conftest import report_page, saved_run


def test_the_page_is_one_file_that_asks_no_other_host(small_run: Run) -> None:
    page = report_page(small_run)
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page
    found = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?((?:https?:)?//[^\"')\s]+)", page)
    assert [address for address in found if "www.w3.org" not in address] == []


def test_the_same_run_gives_the_same_page(small_run: Run) -> None:
    pages = [re.sub(r"\d+ MB at most", "", report_page(small_run)) for _ in range(2)]
    assert pages[0] == pages[1]


def test_the_page_names_figures_judge_flips_cases_and_provenance(small_run: Run) -> None:
    page = report_page(small_run)
    for words in (
        "success@1",
        '<h2 id="heat">',
        "Risk and coverage",
        "Reliability of the confidence",
        "wrong citation",
        "Broken (1)",
        "Fixed (1)",
        'href="#a-2"',
        'id="a-2"',
        "Over the saved runs",
        "c0ffee",
        "all-MiniLM-L6-v2 53aa51172d14",
        "2 cores, Python 3.11, Linux",
    ):
        assert words in page, words


def test_a_failing_case_shows_its_passage_with_the_supported_words_marked(small_run: Run) -> None:
    page = report_page(small_run)
    case = page[page.index('<details class="case" id="a-2"') :].split("</details>")[0]
    assert "<mark>Keep every word at the office about the work itself.</mark>" in case
    assert "faq/time" in case


def test_a_sentence_that_was_not_shown_is_not_marked() -> None:
    citation = {"n": 1, "quote": "One thing. Another thing."}
    shown = [{"text": "One thing.", "supported": True, "citations": [1]}]
    assert mark_passage(citation, shown) == [("One thing.", True), ("Another thing.", False)]
    elsewhere = [{"text": "One thing.", "supported": True, "citations": [2]}]
    assert mark_passage(citation, elsewhere)[0] == ("One thing.", False)


def test_words_of_cases_are_text_and_never_markup(small_run: Run) -> None:
    saved = saved_run(small_run)
    saved["cases"]["answerable"][0] |= {"message": "<script>alert(1)</script>", "right": False}
    page = render_page(saved, None, [])
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_a_run_without_baseline_and_history_has_a_page_too(small_run: Run) -> None:
    page = render_page(saved_run(small_run), None, [])
    assert "no baseline of the same corpus" in page
    assert "Over the saved runs" not in page and "Flips" not in page


def test_the_heat_map_counts_by_topic_and_style_the_worst_first() -> None:
    cases = [
        {"topics": ["work"], "style": "typo", "right": True},
        {"topics": ["work"], "style": "typo", "right": False},
        {"topics": ["closure", "work"], "style": "", "right": False},
        {"topics": [], "style": "long", "right": True},
    ]
    found = heat_map(cases)
    assert list(found) == ["closure", "work", "no topic"]
    assert found["work"]["typo"] == {"right": 1, "n": 2, "shade": 2}
    assert found["closure"]["plain"] == {"right": 0, "n": 1, "shade": 0}
    assert found["no topic"]["long"]["shade"] == 4


def test_a_plot_takes_its_colours_from_the_page_and_tells_its_numbers() -> None:
    drawn = plots.reliability([(0.95, 1.0), (0.15, 0.0), (0.12, 1.0)])
    assert "var(--accent)" in drawn and not re.search(r"#0[1-6]0[2-7]0[3-8]", drawn)
    assert 'role="img"' in drawn
    assert "confidence 0.14: 0.50 of 2" in drawn or "confidence 0.13: 0.50 of 2" in drawn


def test_two_plots_share_no_id() -> None:
    both = plots.trend("a", [("1", 0.5, 0.4, 0.6)]) + plots.trend("b", [("1", 0.5, 0.4, 0.6)])
    ids = re.findall(r'\bid="([^"]+)"', both)
    assert len(ids) == len(set(ids))


def test_the_risk_curve_says_where_the_threshold_stands() -> None:
    drawn = plots.risk_coverage([(0.9, 1.0), (0.8, 0.0), (0.2, 0.0), (0.1, 0.0)], 0.5)
    assert "answering all messages, 75% are wrong; at the threshold 50% and 50%" in drawn
    assert "threshold" not in plots.risk_coverage([(0.9, 1.0)], None)


def test_the_diff_page_marks_what_went_and_what_came() -> None:
    change = Change(
        Question("q:1", "how <long>?"),
        Said("answer", "Wait a week.", ("d: H",)),
        Said("abstain", "Wait a month.", ()),
    )
    page = render_diff_page(Difference("b1", "b2", 7, (change,)))
    assert "1 of 7 replies changed between build b1 and b2." in page
    assert "<del>week.</del>" in page and "<ins>month.</ins>" in page
    assert "answer -&gt; abstain" in page and "how &lt;long&gt;?" in page
