"""The labelled claims, and how often the support tests are wrong on them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from evals.cases import CaseError
from evals.claims import BROKEN_KINDS, KINDS, SUPPORTED_KINDS, Claim, errors_by_kind, read_claims
from evals.grounding import supports, supports_clause
from indexer.documents import read_documents

CORPUS = Path(__file__).parents[2] / "corpus"
FEWEST = 250
FEWEST_OF_A_KIND = 8


def rates(test: object = supports) -> dict[str, float]:
    return {e.kind: e.wrong / e.n for e in errors_by_kind(read_claims(), test)}  # type: ignore[arg-type]


def test_there_are_enough_claims_of_every_kind() -> None:
    claims = read_claims()
    counts = Counter(claim.kind for claim in claims)
    assert len(claims) >= FEWEST
    assert all(counts[kind] >= FEWEST_OF_A_KIND for kind in KINDS), counts


def test_every_quote_stands_in_its_document() -> None:
    texts = {d.document_id: d.text for d in read_documents(CORPUS).documents}
    gone = [c.id for c in read_claims() if c.quote not in texts.get(c.document, "")]
    assert gone == [], "the corpus no longer says this; give the claim its new words"


def test_no_claim_stands_twice() -> None:
    claims = [(c.claim, c.quote) for c in read_claims()]
    assert [pair for pair, count in Counter(claims).items() if count > 1] == []


def test_whole_sentences_let_no_broken_claim_pass_and_refuse_no_verbatim_one() -> None:
    found = rates()
    assert all(found[kind] == 0.0 for kind in BROKEN_KINDS), found
    assert found["verbatim"] == found["typography"] == 0.0


def test_what_the_test_cannot_do_is_known_too() -> None:
    """A paraphrase is supported in truth, and a test of words refuses it: that error is stated, not hidden."""
    found = rates()
    assert found["paraphrase"] == found["clause"] == 1.0


def test_the_test_for_clauses_takes_half_of_them_and_pays_for_it_with_truncations() -> None:
    found = rates(supports_clause)
    assert found["clause"] < 0.6
    assert found["verbatim"] == found["typography"] == 0.0
    for kind in ("number", "name", "antonym", "wrong_citation", "fabrication"):
        assert found[kind] == 0.0, kind
    assert 0.0 < found["truncation"] < 0.4


@pytest.mark.parametrize(
    ("claim", "taken"),
    [
        ("she does not call it a rule", False),
        ("Lue argues for sixty days", True),
        ("full silence is not realistic", False),
        ("Keep a copy", True),
        ("keep a copies", False),
    ],
)
def test_a_clause_is_taken_only_where_the_rest_does_not_turn_it_round(claim: str, taken: bool) -> None:
    quote = "Lue argues for sixty days. But she does not call it a rule. Full silence is not realistic when you have children. Keep a copy, and a list."
    assert supports_clause(claim, [quote]) is taken


def test_errors_are_counted_by_kind_with_the_ids() -> None:
    claims = [
        Claim("1", "Wait a week.", "verbatim", "d", "Wait a week."),
        Claim("2", "Wait.", "truncation", "d", "Wait a week."),
        Claim("3", "Wait seven days.", "paraphrase", "d", "Wait a week."),
    ]
    found = {e.kind: (e.supported, e.wrong, e.n, e.ids) for e in errors_by_kind(claims)}
    assert found == {
        "verbatim": (True, 0, 1, ()),
        "paraphrase": (True, 1, 1, ("3",)),
        "truncation": (False, 0, 1, ()),
    }
    assert set(SUPPORTED_KINDS) | set(BROKEN_KINDS) == set(KINDS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "1"}, r"claims\.jsonl:2: a field is missing or unknown"),
        ({"id": "1", "claim": "c", "kind": "odd", "document": "d", "quote": "q"}, "kind is 'odd', and must be one of: verbatim"),
    ],
)  # fmt: skip
def test_a_faulty_claim_is_named(tmp_path: Path, row: dict[str, str], said: str) -> None:
    meta = {"meta": {"labelled_by": "the tests", "labelled": "2026-01-01"}}
    (tmp_path / "claims.jsonl").write_text(f"{json.dumps(meta)}\n{json.dumps(row)}\n", encoding="utf-8")
    with pytest.raises(CaseError, match=said):
        read_claims(tmp_path)


def test_a_folder_without_claims_has_none(tmp_path: Path) -> None:
    assert read_claims(tmp_path) == ()
