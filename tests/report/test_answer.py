"""What is recommended follows from forgetting and quality together, and the answer says why, at what cost, and what remains."""

from __future__ import annotations

import pytest

from r2u_rec.report import statements
from r2u_rec.report.answer import answer_of, recommended
from r2u_rec.report.verdict import status_of


def row(operator: str, seed: int = 1, *, arm: str = "standard", model: str = "mf", **figures):
    return {"model": model, "arm": arm, "operator": operator, "seed": seed, **figures}


def references(*, adaptive: float = 0.58, **changes):
    figures = {"NDCG@20": 0.4, "adaptive_auc": adaptive, "seconds": 20.0} | changes
    return [row("retrained", seed, auc=auc, **figures) for seed, auc in enumerate((0.49, 0.51))]


NONE = row("none", auc=0.95, adaptive_auc=0.96, **{"NDCG@20": 0.41})
GOOD = row("newton", auc=0.52, adaptive_auc=0.59, seconds=2.0, **{"NDCG@20": 0.4})
ASCENT = row("ascent", auc=0.52, adaptive_auc=0.55, seconds=0.5, **{"NDCG@20": 0.2})
REMEMBERED = row("too short", auc=0.8, adaptive_auc=0.85, seconds=0.1, **{"NDCG@20": 0.4})
BAD = row("too long", auc=0.2, adaptive_auc=0.8, seconds=0.2, **{"NDCG@20": 0.1})


def box_of(synthetic, *rows):
    result = synthetic(rows=[NONE, *rows, *references()])
    return answer_of(result, statements(result.rows))


def text(box) -> str:
    return " ".join([box.headline, *(sentence for _, sentences in box.lines for sentence in sentences)]).replace("\u00a0", " ")


def test_a_method_that_loses_half_the_quality_is_not_good_however_well_it_forgets():
    by_name = {each.names["operator"]: each.status for each in statements([NONE, GOOD, ASCENT, REMEMBERED, BAD, *references()])}
    assert by_name == {"none": "neutral", "newton": "good", "ascent": "mixed", "too short": "mixed", "too long": "bad"}


@pytest.mark.parametrize(("share", "status"), [(0.98, "good"), (0.979, "mixed")])
def test_ninety_eight_per_cent_of_retrained_quality_are_kept(share, status):
    assert statements([GOOD | {"NDCG@20": 0.4 * share + 1e-12}, *references()])[0].status == status


@pytest.mark.parametrize(("forgets", "keeps", "status"), [(None, True, "mixed"), (None, None, "bad"), (True, None, "mixed")])
def test_what_was_not_measured_is_not_shown(forgets, keeps, status):
    assert status_of(forgets, keeps) == status


def test_an_interval_that_overlaps_that_of_the_retrained_models_is_in_their_range_within_a_bound():
    def tone(auc: float, error: float) -> str:
        return statements([GOOD | {"auc": auc, "auc_se": error}, *references()])[0].tone

    assert tone(0.58, 0.0) == "remembered"
    assert tone(0.58, 0.03) == "within"
    assert tone(0.61, 0.3) == "remembered"  # so wide an interval is no evidence


def test_the_fastest_good_method_is_recommended_and_stands_beside_what_it_costs_and_leaves(synthetic):
    slow = row("newton", arm="re-weighted", auc=0.5, adaptive_auc=0.58, seconds=9.0, **{"NDCG@20": 0.4})
    box = box_of(synthetic, slow, GOOD, ASCENT)
    assert (box.status, box.badge) == ("good", "good: 2 of 3 methods forget and keep the quality")
    assert box.headline.startswith("Forget by “newton” on the model trained by “standard”")
    assert [term for term, _ in box.lines] == ["Asked", "Why", "Quality", "What remains", "Not taken", "Certainty"]
    said = text(box)
    for part in (
        "Time 2 s; retraining 20 s.",
        "NDCG@20 of the users who stay 0.4000",
        "Before the request: NDCG@20",
        "50 % of retrained quality",
    ):
        assert part in said
    assert "a stronger one may still find something" in said


def test_without_a_good_method_the_advice_is_to_retrain(synthetic):
    box = box_of(synthetic, ASCENT, BAD)
    assert box.status == "mixed"
    assert box.headline == "Retrain: no method both forgets and keeps 98\u00a0% of the quality."
    assert box_of(synthetic, BAD).status == "bad"
    assert box_of(synthetic).status == "neutral"


def test_an_approximate_method_that_takes_longer_than_retraining_is_not_recommended(synthetic):
    box = box_of(synthetic, GOOD | {"seconds": 30.0})
    assert box.headline == "Retrain: what forgets and keeps takes longer."
    said = statements([GOOD | {"seconds": 30.0, "exact": True}, *references()])
    assert recommended(said) is said[0]


def test_the_method_of_another_model_is_told_and_not_recommended(synthetic):
    other = row("exact", model="ease", arm="closed form", seconds=0.1, exact=True, **{"NDCG@20": 0.45})
    anew = row("retrained", model="ease", arm="closed form", seconds=1.0, deterministic=True, **{"NDCG@20": 0.45})
    box = box_of(synthetic, GOOD, other, anew)
    assert "newton" in box.headline
    assert "ease, closed form: exact" in text(box)


def test_the_answer_says_why_retrained_models_do_not_score_one_half_by_the_adaptive_attack(synthetic):
    assert "Retrained models score 0.580 ± 0.000 by the adaptive attack here, not 0.5" in text(box_of(synthetic, GOOD))
