"""Each metric on an example that was worked out by hand, and its edge cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals import intervals
from evals import metrics as m
from evals.metrics import Metric, Score


def scores(
    values: Sequence[float], clusters: Sequence[str] = (), weights: Sequence[float] = ()
) -> list[Score]:
    """A score for each value, of the cases "0", "1" and so on."""
    return [
        Score(str(n), float(value), weights[n] if weights else 1.0, clusters[n] if clusters else "")
        for n, value in enumerate(values)
    ]


def test_a_metric_over_no_case_is_undefined_and_breaches_nothing() -> None:
    empty = m.mean("x", [])
    assert (empty.value, empty.low, empty.n) == (None, None, 0)
    assert not m.with_floors([empty], {"x": 1.0})[0].breached


@pytest.mark.parametrize(
    ("better", "value", "floor", "breached"),
    [
        ("higher", 0.5, 0.6, True),
        ("higher", 0.6, 0.6, False),
        ("lower", 0.09, 0.08, True),
        ("lower", 0.08, 0.08, False),
    ],
)
def test_a_floor_is_a_least_or_a_most_value_by_the_metrics_direction(
    better: m.Better, value: float, floor: float, breached: bool
) -> None:
    assert Metric("x", value, None, None, 9, better, floor).breached is breached


def test_a_floor_goes_to_the_metric_of_its_name_only() -> None:
    one, other = m.with_floors([m.undefined("one"), m.undefined("other")], {"one": 0.5})
    assert (one.floor, other.floor) == (0.5, None)


# Intervals


def test_the_bootstrap_gives_the_same_interval_each_time() -> None:
    values = scores([1.0, 0.0, 0.5, 1.0, 0.0, 1.0])
    assert m.mean("x", values) == m.mean("x", values)


def test_cases_of_one_idea_are_drawn_together_so_the_interval_is_wider() -> None:
    values = [1.0] * 20 + [0.0] * 20
    apart = m.mean("x", scores(values))
    together = m.mean("x", scores(values, [str(n // 10) for n in range(40)]))
    assert apart.low is not None and together.low is not None
    assert together.low < apart.low < 0.5


def test_a_single_cluster_gives_an_interval_without_width() -> None:
    found = m.mean("x", scores([0.9, 0.1], ["same", "same"]))
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_the_bootstrap_interval_of_a_mean_is_near_the_normal_one() -> None:
    found = m.mean("x", scores([1.0] * 60 + [0.0] * 40))
    half = 1.96 * math.sqrt(0.6 * 0.4 / 100)
    assert found.low == pytest.approx(0.6 - half, abs=0.02)
    assert found.high == pytest.approx(0.6 + half, abs=0.02)


def test_near_0_and_1_the_interval_is_exact_and_counts_clusters() -> None:
    found = m.mean("x", scores([1.0] * 40))
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 40)), 1.0)
    few = m.mean("x", scores([1.0] * 40, [str(n // 10) for n in range(40)]))
    assert few.low == pytest.approx(0.025 ** (1 / 4))


@settings(deadline=None)  # the first call imports scipy
@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_an_interval_holds_its_value(hits: list[bool]) -> None:
    for found in (m.share("x", scores(hits)), m.mean("x", scores(hits))):
        assert found.value is not None and found.low is not None and found.high is not None
        assert 0 <= found.low <= found.value + 1e-12 and found.value <= found.high + 1e-12 <= 1 + 1e-9


def test_clopper_pearson_agrees_with_the_closed_form_at_the_ends() -> None:
    low, high = intervals.clopper_pearson(10, 10)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 10)), 1.0)
    low, high = intervals.clopper_pearson(0, 10)
    assert (low, high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))


def test_clopper_pearson_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="n above 0, got hits=0 n=0"):
        intervals.clopper_pearson(0, 0)


def test_a_ratio_is_the_sum_of_parts_over_the_sum_of_wholes() -> None:
    found = m.mean("x", scores([1, 2], weights=[4, 2]))
    assert (found.value, found.n) == (0.5, 6)
    assert m.mean("x", scores([0], weights=[0])).value is None


def test_a_count_without_cases_is_undefined() -> None:
    assert m.count("x", 0, 0).value is None
    assert m.count("x", 3, 4).value == 0.75


def test_a_drop_is_paired_and_below_zero_when_the_change_helped() -> None:
    assert m.drop("x", scores([1, 1, 0, 1]), scores([1, 0, 0, 0])).value == 0.5
    assert m.drop("x", scores([0]), scores([1])).value == -1.0


# Two runs over the same cases


def paired(old: Sequence[float], new: Sequence[float]) -> tuple[float, float, float]:
    ones = [1.0] * len(old)
    found = intervals.paired_bootstrap([str(n) for n in range(len(old))], "ratio", (old, ones), (new, ones))
    assert found is not None
    return found


def test_pairing_sees_a_small_change_of_many_cases() -> None:
    old = [n / 100 for n in range(100)]
    difference, low, high = paired(old, [value - 0.05 for value in old])
    assert difference == pytest.approx(-0.05)
    assert -0.051 < low <= high < -0.049
    alone = m.mean("x", scores(old))
    assert alone.low is not None and alone.high is not None
    assert alone.high - alone.low > 0.1, "unpaired, the spread of the cases would hide it"


def test_a_run_does_not_differ_from_itself() -> None:
    assert paired([0.0, 1.0, 1.0], [0.0, 1.0, 1.0]) == (0.0, 0.0, 0.0)


def test_a_pair_of_which_one_side_is_undefined_is_not_compared() -> None:
    one_sided = ([0.9, 0.8], [1.0, 1.0])  # AUROC without negatives
    assert intervals.paired_bootstrap(["a", "b"], "auroc", one_sided, one_sided) is None
    assert intervals.paired_bootstrap([], "ratio", ([], []), ([], [])) is None


# Retrieval


def test_ranking_scores_follow_their_formulas() -> None:
    found = m.ranking_scores({"q": ["x", "right", "y", "also"]}, {"q": {"right", "also", "never"}})
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found["Success@1"] == {"q": 0.0}
    assert found["Success@3"] == {"q": 1.0}
    assert found["RR@10"] == {"q": 0.5}
    assert found["nDCG@10"]["q"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)


def test_a_first_relevant_item_after_the_tenth_scores_nothing() -> None:
    late = [f"x{n}" for n in range(10)] + ["right"]
    found = m.ranking_scores({"q": late}, {"q": {"right"}})
    assert found["RR@10"]["q"] == found["nDCG@10"]["q"] == found["Success@5"]["q"] == 0.0


def test_an_empty_ranking_scores_zero_and_a_query_without_relevant_items_is_left_out() -> None:
    found = m.ranking_scores({"none": [], "odd": ["x"]}, {"none": {"right"}, "odd": set()})
    assert all(scores == {"none": 0.0} for scores in found.values())


def test_many_items_keep_the_order_they_came_in() -> None:
    ranked = [f"item{n}" for n in range(9, -1, -1)]
    assert m.ranking_scores({"q": ranked}, {"q": {"item9"}})["Success@1"]["q"] == 1.0
    assert m.ranking_scores({"q": ranked}, {"q": {"item0"}})["RR@10"]["q"] == pytest.approx(0.1)


def test_capped_recall_can_reach_one_when_more_is_relevant_than_fits() -> None:
    assert m.capped_recall(["a", "b"], {"a", "b", "c", "d"}, 2) == 1.0
    assert m.capped_recall(["a", "x", "b"], {"a", "b"}, 2) == 0.5
    assert m.capped_recall(["a"], set(), 2) is None


# Grounding, abstention, confidence, speed


def test_an_empty_answer_is_not_grounded_and_not_skipped() -> None:
    assert m.citation_recall([]) == 0.0
    assert m.citation_precision([]) == 0.0


def test_citation_recall_and_precision_are_shares() -> None:
    assert m.citation_recall([True, False]) == 0.5
    assert m.citation_precision([True, True, False]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("alone", "others", "together", "needed"),
    [
        (True, True, True, True),
        (True, False, True, True),
        (False, True, True, False),
        (False, False, False, False),
    ],
)
def test_a_citation_is_needless_when_the_others_do_without_it(
    alone: bool, others: bool, together: bool, needed: bool
) -> None:
    assert m.is_needed(alone, others, together) is needed


def confident(pairs: Sequence[tuple[float, float]]) -> list[Score]:
    return [Score(str(n), confidence, label) for n, (confidence, label) in enumerate(pairs)]


def test_auroc_counts_pairs_and_halves_ties() -> None:
    found = m.confidence_auroc("x", confident([(0.9, 1), (0.5, 1), (0.5, 0), (0.1, 0)]))
    assert found.value == pytest.approx(3.5 / 4)
    assert found.n == 4


def test_auroc_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    pairs = [((n * 37 % 50) / 50, float(n % 3 == 0)) for n in range(60)]
    expected = roc_auc_score([label for _, label in pairs], [confidence for confidence, _ in pairs])
    assert m.confidence_auroc("x", confident(pairs)).value == pytest.approx(expected)


def test_auroc_without_negatives_is_undefined() -> None:
    assert m.confidence_auroc("x", confident([(0.9, 1)])).value is None


def test_the_interval_of_auroc_holds_it() -> None:
    found = m.confidence_auroc(
        "x", confident([(0.4 + n / 50, 1) for n in range(30)] + [(n / 50, 0) for n in range(30)])
    )
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low < found.value < found.high < 1


def test_the_risk_area_is_the_mean_share_wrong_among_the_more_confident() -> None:
    found = m.risk_area("x", confident([(0.9, 1), (0.8, 0), (0.7, 1), (0.6, 0)]))
    assert found.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert m.risk_area("x", confident([(0.9, 1), (0.1, 1)])).value == 0.0


def test_cases_of_equal_confidence_count_as_one_step_of_the_curve() -> None:
    for order in ([1.0, 0.0], [0.0, 1.0]):
        assert m.risk_area("x", confident([(0.5, label) for label in order])).value == pytest.approx(0.5)


def test_calibration_error_weighs_the_gap_of_each_bin() -> None:
    found = m.calibration_error("x", confident([(0.95, 1), (0.95, 0), (0.15, 0), (1.0, 1)]))
    assert found.value == pytest.approx(3 / 4 * abs(2 / 3 - 2.9 / 3) + 1 / 4 * 0.15)
    assert m.calibration_error("x", []).value is None


def test_nugget_recall_of_silence_is_zero_and_its_density_undefined() -> None:
    assert m.nugget_recall([False, False]) == 0.0
    assert m.nugget_recall([True, False]) == 0.5
    assert m.nugget_recall([]) is None
    assert m.nugget_density([]) is None
    assert m.nugget_density([True, False, False, False]) == 0.25


def test_balanced_accuracy_gives_both_sides_the_same_weight() -> None:
    found = m.balanced_accuracy("x", [True], [False, True, True, True])
    assert (found.value, found.n) == (0.875, 5)
    assert m.balanced_accuracy("x", [], [True]).value is None


def test_truthfulness_punishes_a_wrong_answer_more_than_silence() -> None:
    assert m.truthfulness(answered=True, right=True) == 1
    assert m.truthfulness(answered=False, right=True) == 1
    assert m.truthfulness(answered=False, right=False) == 0
    assert m.truthfulness(answered=True, right=False) == -1


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert m.percentile("x", values, 95).value == 95.0
    assert m.percentile("x", [7.0], 99).value == 7.0
    assert m.percentile("x", [], 50).value is None
