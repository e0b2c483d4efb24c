from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from indexer.__main__ import main
from indexer.build import build_index
from indexer.lint import CheckReport, check_corpus
from indexer.lint_finding import Finding
from indexer.lint_fix import mend, mend_folder
from indexer.lint_shape import count_syllables
from indexer.lint_words import FORBIDDEN
from tests.conftest import ROOT, WordEncoder, write_corpus

TODAY = date(2026, 11, 23)
ARTICLE = """---
title: Evenings
summary: What to do when the evening is long.
topics: [instead]
reviewed: 2026-11-01
---

## Put the phone away

<!-- topics: instead; references: smoke-2009 -->

Put the phone in another room and drink a glass of water. Lue argues that the evening is yours. The wish to write is strong, and it need not be obeyed. In one study of 123 people the urge was no weaker, and they smoked less. Nobody has tried it on an ex. Walk round the block and ring a friend afterwards.

Read on: [First questions](../faq/first.md#what-can-i-do-tonight)

Also asked:

- how do i leave the phone alone
- phone buzzing at midnight
"""
FAQ = """---
title: First questions
summary: Short answers.
topics: [instead]
reviewed: 2026-11-01
---

## What can I do tonight?

<!-- id: F01; topics: instead -->

Cook something with many steps and put on a voice that you like. An evening with small jobs in it goes by more quickly than one in bed. Then write one line on paper about the day, and leave the paper on the table. Tomorrow you can read it with a friend and laugh or cry.

Also asked:

- what now
- long evening alone
"""
CLEAN = {
    "articles/evenings.md": ARTICLE,
    "faq/first.md": FAQ,
    "topics.yaml": "instead:\n  title: Urges\nwork:\n  title: Work\n",
    "references.yaml": "# sources\n\nsmoke-2009:\n  kind: study\n  title: Urges\nlue:\n  kind: author\n"
    "  title: The Rule\n  authors: Lue, N.\n",
    "claims.yaml": "- id: A1\n  claim: An urge passes.\n  whose: study\n  strength: borrowed\n"
    "  references: [smoke-2009]\n  carried_by:\n    - articles/evenings#Put the phone away\n"
    "    - faq/first#F01\n",
}
CLEAN["articles/evenings.md"] = ARTICLE.replace("smoke-2009", "smoke-2009, lue")
LONG = "And so the evening goes on and on until " + "the moon and the lamp and " * 6 + "the day is over."


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", CLEAN)


def check(corpus: Path, *, deep: bool = True, index: Path | None = None) -> CheckReport:
    return check_corpus(corpus, TODAY, index or corpus.parent / "none", WordEncoder(), deep=deep)


def edit(corpus: Path, name: str, old: str, new: str) -> None:
    text = CLEAN.get(name, "")
    assert old in text
    write_corpus(corpus, {name: text.replace(old, new, 1)})


def test_a_clean_corpus_has_no_findings(corpus: Path) -> None:
    report = check(corpus)
    assert report.findings == () and report.accepted == () and report.notes == ()


FAULTS = [
    ("topic", "faq/first.md", "topics: instead -->", "topics: insteadd -->", "unknown topic `insteadd`"),
    ("reference", "articles/evenings.md", "smoke-2009, lue", "smoke-2009, lue, smoke-2010", "no reference `smoke-2010`"),
    ("unused", "references.yaml", "lue:\n", "other:\n  kind: study\n  title: Other\nlue:\n", "no text names `other`"),
    ("unsourced", "faq/first.md", "Cook something", "In a study of 40 people it helped. Cook something", "F01 says"),
    ("unsourced", "faq/first.md", "Cook something", "About 12 % cook. Cook something", "names no reference"),
    ("wording", "faq/first.md", "Cook something", "It always helps. Cook something", '"always"'),
    ("wording", "faq/first.md", "Cook something", "The only way is to cook. Cook something", "The only way"),
    ("wording", "faq/first.md", "summary: Short", "summary: Proven, short", '"Proven"'),
    ("wording", "faq/first.md", "Cook something", "You will heal in 30 days. Cook something", "no number of days"),
    ("correction", "faq/first.md", "Cook something", "It is like a slot machine. Cook something", "analogy"),
    ("never", "faq/first.md", "- what now", "- is it true that 73% improve", "whose study cannot be found"),
    ("never", "articles/evenings.md", "Lue argues", "Wendy and Lue argue", "Melanie Tonia Evans"),
    ("phone", "faq/first.md", "- what now", "- is it 0808 2000 247", "looks like a number to dial"),
    ("phone", "faq/first.md", "Cook something", "Please call 988 now. Cook something", "call 988"),
    ("long-sentence", "faq/first.md", "Cook something", f"{LONG} Cook something", "a sentence of"),
    ("length", "faq/first.md", FAQ[FAQ.index("An evening") : FAQ.index("\n\nAlso")], "", "F01 has 13 words"),
    ("length", "faq/first.md", "Cook something", "We sat by the fire. " * 40 + "Cook something", "40 to 180"),
    ("same-wording", "faq/first.md", "- what now", "- Phone buzzing at midnight?", "stands at articles/evenings.md:19"),
    ("link", "articles/evenings.md", "faq/first.md#", "faq/last.md#", "leads to no file"),
    ("link", "articles/evenings.md", "tonight)", "today)", "leads to no heading"),
    ("review", "faq/first.md", "2026-11-01", "2025-11-01", "more than a year ago"),
    ("review", "faq/first.md", "2026-11-01", "2026-12-01", "still to come"),
    ("review", "faq/first.md", "reviewed: 2026-11-01\n", "", "no review date"),
    ("review", "faq/first.md", "2026-11-01", "November", "is no date"),
    ("front-matter", "faq/first.md", "summary: Short answers.\n", "", "no summary"),
    ("untidy", "faq/first.md", "what now", "what\u2019s now", "1 curly quotation mark"),
    ("claim", "claims.yaml", "faq/first#F01", "faq/first#F02", "A1: faq/first#F02 is no section"),
    ("claim", "claims.yaml", "borrowed", "proven", "is not on the ladder"),
    ("claim", "claims.yaml", "whose: study", "whose: me", "is not known"),
    ("claim", "claims.yaml", "references: [smoke-2009]", "references: [gone]", "no reference `gone`"),
    ("claim", "claims.yaml", "- articles/evenings#Put the phone away\n    ", "", "no carrying passage names `smoke-2009`"),
    ("unreadable", "topics.yaml", "instead:", "instead: [", "bad YAML"),
    ("unreadable", "claims.yaml", "- id: A1\n  claim", "- claim", "needs an `id`"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "old", "new", "words"), FAULTS)
def test_each_fault_is_found_where_it_stands(
    corpus: Path, name: str, file: str, old: str, new: str, words: str
) -> None:
    edit(corpus, file, old, new)
    findings = [f for f in check(corpus).findings if f.check == name]
    assert findings and {f.path for f in findings} == {file}
    assert words in findings[0].why and findings[0].advice


def test_a_finding_reads_as_file_line_why_and_what_to_do() -> None:
    finding = Finding("faq/first.md", 11, "wording", '"always": no finding holds each time', "Say how often.")
    assert str(finding) == 'faq/first.md:11: "always": no finding holds each time. Say how often. [wording]'


def test_findings_come_in_order_of_file_and_line(corpus: Path) -> None:
    edit(corpus, "faq/first.md", "Cook something", "It always helps. Cook something")
    edit(corpus, "articles/evenings.md", "Put the phone in", "It is guaranteed. Put the phone in")
    places = [(f.path, f.line) for f in check(corpus).findings]
    assert places == sorted(places) == [("articles/evenings.md", 12), ("faq/first.md", 12)]


def test_hard_texts_are_named_with_their_grade(corpus: Path) -> None:
    hard = "Psychological considerations necessitate professional communication. " * 9
    edit(corpus, "faq/first.md", FAQ[FAQ.index("Cook") : FAQ.index("\n\nAlso")], hard.strip())
    assert [f.check for f in check(corpus).findings if f.path == "faq/first.md"] == ["reading"]


@pytest.mark.parametrize(
    ("word", "count"),
    [("write", 1), ("people", 2), ("wanted", 2), ("asked", 1), ("wishes", 2), ("times", 1), ("being", 1),
     ("friendship", 2), ("recovery", 4), ("don't", 1), ("58", 1)],
)  # fmt: skip
def test_syllables_are_counted_closely(word: str, count: int) -> None:
    assert count_syllables(word) == count


def test_a_passage_that_repeats_another_is_named_with_its_twin(corpus: Path) -> None:
    body = FAQ[FAQ.index("Cook") : FAQ.index("\n\nAlso")]
    write_corpus(corpus, {"faq/second.md": FAQ[: FAQ.index("## What")] + f"## And later?\n\n{body}\n"})
    twins = [f for f in check(corpus).findings if f.check == "twin"]
    assert [f.path for f in twins] == ["faq/second.md"]
    assert '"And later?" shares 100% of its runs of words with "F01" of faq/first.md' in twins[0].why


def test_a_wording_that_belongs_elsewhere_is_named_with_both_entries(corpus: Path) -> None:
    work = FAQ.replace("instead", "work").replace("F01", "F02").replace("What can I do tonight?", "Lunch?")
    work = work.replace(
        FAQ[FAQ.index("Cook") : FAQ.index("\n\nAlso")], "Colleagues nod in the corridor. " * 10
    )
    work = work.replace("- what now\n- long evening alone", "- phone buzzing at midnight, loudly")
    write_corpus(corpus, {"faq/work.md": work})
    far = [f for f in check(corpus).findings if f.check == "far-wording" and f.path == "faq/work.md"]
    assert len(far) == 1
    assert '"phone buzzing at midnight, loudly"' in far[0].why and '"Lunch?"' in far[0].why
    assert '"Put the phone away" in articles/evenings' in far[0].why


def test_wordings_are_not_compared_without_vectors_and_a_note_says_so(corpus: Path) -> None:
    report = check(corpus, deep=False)
    assert report.findings == ()
    assert len(report.notes) == 1 and "guide-index check --deep" in report.notes[0]


def test_the_vectors_of_the_last_build_are_used(corpus: Path, tmp_path: Path, words: WordEncoder) -> None:
    build_index(corpus, tmp_path / "index", words)
    words.encoded.clear()
    report = check_corpus(corpus, TODAY, tmp_path / "index", words)
    assert report.notes == () and words.encoded == []


def test_a_study_that_nobody_has_done_needs_no_reference(corpus: Path) -> None:
    edit(corpus, "faq/first.md", "Cook something", "We found no study of cooking. Cook something")
    assert check(corpus).findings == ()


def test_a_question_may_hold_what_an_answer_may_not(corpus: Path) -> None:
    edit(corpus, "faq/first.md", "## What can I do tonight?", "## Is it always like that tonight?")
    edit(corpus, "articles/evenings.md", "#what-can-i-do-tonight", "#is-it-always-like-that-tonight")
    assert [f for f in check(corpus).findings if f.check == "wording"] == []


def test_a_file_without_topics_is_named_unless_its_sections_have_them(corpus: Path) -> None:
    bare = FAQ.replace("topics: [instead]\n", "")
    write_corpus(corpus, {"faq/first.md": bare})
    assert check(corpus).findings == ()
    write_corpus(corpus, {"faq/first.md": bare.replace("; topics: instead", "")})
    assert [(f.check, f.why) for f in check(corpus).findings] == [("topic", "no topics")]


TOO_STRONG = [
    "It is proven that it helps.",
    "It always passes.",
    "It never works.",
    "The sole answer is to wait.",
    "Science says that it hurts.",
    "Everyone knows that it hurts.",
    "Relief is guaranteed.",
    "A brain chemical is to blame.",
    "You need a dopamine detox.",
    "Running burns cortisol.",
    "Silence rewires you.",
    "You will feel better after 30 days.",
    "Narcissists never listen.",
]


@pytest.mark.parametrize("sentence", TOO_STRONG)
def test_a_sentence_that_claims_too_much_is_found(corpus: Path, sentence: str) -> None:
    edit(corpus, "faq/first.md", "Cook something", f"{sentence} Cook something")
    assert "wording" in {f.check for f in check(corpus).findings}


def test_every_kind_of_strong_word_is_tried() -> None:
    untried = [r.why for r in FORBIDDEN if not any(r.pattern.search(s) for s in TOO_STRONG)]
    assert untried == []
    assert all(allowed.reason for rule in FORBIDDEN for allowed in rule.allowed)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("The 122 separated adults felt worse.", "The 122 separated adults who met felt worse."),
        ("People misjudge how long it lasts.", "People fear the start too much."),
        ("Avoiding reminders is quick.", "Avoiding reminders has not been shown to help."),
        ("Prolonged grief is a diagnosis.", "Prolonged grief is a diagnosis after a death."),
        ("A slip seen as total failure returns.", "In addiction, a slip seen as total failure returns."),
        ("Sixty days is the time.", "Sixty days is a rule of thumb."),
        ("Hope is a slot machine.", "Hope is a slot machine, by analogy."),
    ],
)
def test_a_correction_has_to_stand(corpus: Path, wrong: str, right: str) -> None:
    for sentence, expected in ((wrong, ["correction"]), (right, [])):
        edit(corpus, "articles/evenings.md", "Walk round", f"{sentence} Walk round")
        assert [f.check for f in check(corpus).findings] == expected


def test_a_paper_is_not_cited_without_the_one_that_corrects_it(corpus: Path) -> None:
    pair = "".join(f"{key}:\n  kind: study\n  title: Pain\n" for key in ("kross-2011", "woo-2014"))
    write_corpus(corpus, {"references.yaml": CLEAN["references.yaml"] + pair})
    edit(corpus, "articles/evenings.md", "smoke-2009, lue", "smoke-2009, lue, kross-2011")
    assert {f.check for f in check(corpus).findings} == {"correction", "unused"}
    edit(corpus, "articles/evenings.md", "smoke-2009, lue", "smoke-2009, lue, kross-2011, woo-2014")
    assert check(corpus).findings == ()


def test_an_author_is_named_where_a_claim_is_hers(corpus: Path) -> None:
    claim = CLEAN["claims.yaml"].replace("whose: study", "whose: author").replace("[smoke-2009]", "[lue]")
    write_corpus(corpus, {"claims.yaml": claim})
    assert check(corpus).findings == ()
    edit(corpus, "articles/evenings.md", "Lue argues that the evening is yours.", "The evening is yours.")
    text = (corpus / "articles/evenings.md").read_text().replace("smoke-2009", "smoke-2009, lue")
    write_corpus(corpus, {"articles/evenings.md": text})
    assert [f.why for f in check(corpus).findings] == ["A1: no carrying passage names Lue"]


ACCEPTED = "- file: faq/first.md\n  check: wording\n  what: always\n  reason: The reader says it.\n"


def test_an_accepted_finding_is_set_aside_and_kept_in_the_report(corpus: Path) -> None:
    edit(corpus, "faq/first.md", "Cook something", "It always helps. Cook something")
    write_corpus(corpus, {"accepted.yaml": ACCEPTED})
    report = check(corpus)
    assert report.findings == ()
    assert [f.check for f in report.accepted] == ["wording"]


def test_an_acceptance_that_covers_nothing_is_a_finding(corpus: Path) -> None:
    write_corpus(corpus, {"accepted.yaml": "# rows\n\n" + ACCEPTED})
    findings = check(corpus).findings
    assert [(f.path, f.line, f.check) for f in findings] == [("accepted.yaml", 3, "acceptance")]


def test_an_acceptance_needs_a_reason(corpus: Path) -> None:
    write_corpus(corpus, {"accepted.yaml": ACCEPTED.replace("The reader says it.", "")})
    assert [f.why for f in check(corpus).findings] == ["an acceptance without reason"]


def test_an_acceptance_of_a_check_that_did_not_run_is_not_called_stale(corpus: Path) -> None:
    write_corpus(corpus, {"accepted.yaml": ACCEPTED.replace("wording", "far-wording")})
    assert check(corpus, deep=False).findings == ()
    assert [f.check for f in check(corpus, deep=True).findings] == ["acceptance"]


def test_a_corpus_without_lists_is_checked_without_them(tmp_path: Path) -> None:
    plain = FAQ.replace("topics: [instead]\n", "").replace("; topics: instead", "")
    assert check(write_corpus(tmp_path / "own", {"faq/first.md": plain})).findings == ()


def test_a_broken_file_does_not_hide_the_faults_of_the_others(corpus: Path) -> None:
    (corpus / "articles/latin.md").write_bytes("Caf\u00e9".encode("latin-1"))
    edit(corpus, "faq/first.md", "Cook something", "It always helps. Cook something")
    assert [f.check for f in check(corpus).findings] == ["unreadable", "wording"]


UNTIDY = "---\ntitle: \u201cA\u201d  \n---\r\n\r\n\r\n## It\u2019s late\n\nWait. \n\n```\n\u2018x\u2019\n\n\n```\n\n\n\nGo"
TIDY = "---\ntitle: \u201cA\u201d\n---\n\n## It's late\n\nWait.\n\n```\n\u2018x\u2019\n\n\n```\n\nGo\n"


def test_mending_changes_what_is_safe_and_nothing_else() -> None:
    text, changes = mend(UNTIDY)
    assert text == TIDY
    assert changes == [
        "line ends of another system",
        "2 lines with trailing spaces",
        "1 curly quotation mark",
        "2 double blank lines",
        "the end of the file",
    ]
    assert mend(text) == (text, [])


def test_mending_a_folder_leaves_tidy_and_other_files_alone(corpus: Path) -> None:
    (corpus / "notes.txt").write_bytes(b"a  \r\n")
    (corpus / "topics.yaml").write_bytes(b"instead:  \r\n  title: \xe2\x80\x9cx\xe2\x80\x9d\r\n")
    (corpus / "faq/first.md").write_bytes(FAQ.replace("\n", "\r\n").encode())
    before = {p: p.read_bytes() for p in corpus.rglob("*") if p.is_file()}
    assert [str(m) for m in mend_folder(corpus)] == ["mended faq/first.md: line ends of another system"]
    after = {p: p.read_bytes() for p in corpus.rglob("*") if p.is_file()}
    assert {p for p in before if before[p] != after[p]} == {corpus / "faq/first.md"}
    assert after[corpus / "faq/first.md"] == FAQ.encode()


def run(corpus: Path, *options: str) -> int:
    return main(["check", "--corpus", str(corpus), "--index", str(corpus.parent / "none"), *options])


def test_the_command_ends_with_1_for_findings_and_0_without(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = date.today().isoformat()
    for name in ("faq/first.md", "articles/evenings.md"):
        write_corpus(corpus, {name: CLEAN[name].replace("2026-11-01", fresh)})
    assert run(corpus) == 0
    assert "nothing found" in capsys.readouterr().err
    write_corpus(corpus, {"faq/first.md": FAQ.replace("2026-11-01", fresh).replace("what now", "what now ")})
    assert run(corpus) == 1
    out = capsys.readouterr().out
    assert out == "faq/first.md: 1 line with trailing spaces. Run: guide-index check --fix [untidy]\n"
    assert run(corpus, "--fix") == 0
    assert capsys.readouterr().out == "mended faq/first.md: 1 line with trailing spaces\n"


def test_findings_can_be_read_by_a_program(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(corpus, "faq/first.md", "Cook something", "It always helps. Cook something")
    assert run(corpus, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [f["check"] for f in report["findings"]].count("wording") == 1
    assert report["mended"] == [] and report["reading"]["median"] > 0


def test_a_helpline_that_nobody_checked_for_a_year_is_named_on_its_line(corpus: Path) -> None:
    text = (ROOT / "corpus/helplines.yaml").read_text(encoding="utf-8")
    write_corpus(corpus, {"helplines.yaml": text})
    later = date(2030, 1, 1)
    report = check_corpus(corpus, later, corpus.parent / "none", WordEncoder(), deep=True)
    stale = [f for f in report.findings if f.check == "helpline"]
    assert len(stale) > 20
    lines = text.split("\n")
    assert all(
        f.why.split(" ", 1)[1].split(" was last")[0][:12] in lines[f.line - 1] for f in stale if f.line
    )
