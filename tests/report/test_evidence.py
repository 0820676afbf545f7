"""No number about forgetting, and no ratio, without its retrained references; the verdict says what the figures say."""

from __future__ import annotations

import statistics

import pytest

from r2u_rec.errors import EvidenceError
from r2u_rec.report import references_of, spread, statements, tabulate, with_ratio


def row(operator: str, seed: int = 1, **figures):
    return {"arm": "standard", "operator": operator, "seed": seed, **figures}


def references(*aucs: float, **figures):
    return [row("retrained", seed, auc=auc, **figures) for seed, auc in enumerate(aucs)]


@pytest.mark.parametrize("figure", ["auc", "adaptive_auc", "own_loss_auc", "per_user_auc", "tpr_at_1fpr", "excess", "max_difference"])
def test_a_figure_about_forgetting_without_references_is_refused(figure):
    rows = [row("block Newton", **{figure: 0.5})]
    with pytest.raises(EvidenceError, match=r"0 retrained references for arm 'standard', operator 'block Newton'.*at least 2.*other seeds"):
        tabulate(rows, columns=[figure])


def test_one_reference_is_not_enough_unless_retraining_has_no_spread():
    rows = [row("block Newton", auc=0.6), *references(0.5)]
    with pytest.raises(EvidenceError, match="1 retrained references"):
        tabulate(rows)
    rows[-1]["deterministic"] = True
    assert tabulate(rows).columns == ("auc",)


def test_figures_of_quality_and_time_alone_need_no_reference():
    assert tabulate([row("none", **{"NDCG@20": 0.3, "seconds": 2.0})]).columns == ("NDCG@20", "seconds")


def test_a_ratio_without_references_is_refused():
    with pytest.raises(EvidenceError, match="0 retrained references"):
        tabulate([row("none", **{"NDCG@20": 0.3})], columns=["NDCG@20 / retrained"])
    with pytest.raises(EvidenceError, match="0 retrained references"):
        with_ratio([row("none", seconds=3.0)], "seconds")


def test_a_ratio_of_a_figure_that_the_references_lack_is_refused():
    rows = [row("none", auc=0.9, seconds=3.0), *references(0.5, 0.5)]
    with pytest.raises(EvidenceError, match="have no seconds to divide by: measure it on them too"):
        with_ratio(rows, "seconds")


def test_the_ratio_is_to_the_mean_of_the_row_s_own_references():
    rows = [row("none", split="a", model="MF", **{"NDCG@20": 0.3})]
    rows += [
        row("retrained", s, split=split, model="MF", **{"NDCG@20": v}) for s, (split, v) in enumerate([("a", 0.4), ("a", 0.2), ("b", 0.9)])
    ]
    rows += [row("retrained", s, split="a", model="EASE", **{"NDCG@20": 0.05}) for s in (1, 2)]
    assert with_ratio(rows, "NDCG@20")[0]["NDCG@20 / retrained"] == pytest.approx(0.3 / 0.3)
    assert len(references_of(rows[0], rows)) == 2


def test_spread_is_mean_sample_deviation_and_median_of_what_is_there():
    found = spread([1.0, None, 2.0, 6.0])
    assert (found.mean, found.median, found.n, found.lowest, found.highest) == (3.0, 2.0, 3, 1.0, 6.0)
    assert found.sd == pytest.approx(statistics.stdev([1, 2, 6]))
    assert spread([4.0]).sd is None
    assert spread([None]) is None


def judged(**figures):
    return statements([row("block Newton", **figures), *references(0.49, 0.51, adaptive_auc=0.52, **{"NDCG@20": 0.4, "seconds": 20.0})])[0]


@pytest.mark.parametrize(
    ("figures", "tone", "words"),
    [
        ({"auc": 0.93, "adaptive_auc": 0.95}, "remembered", "above their range, erased users are still given away"),
        ({"auc": 0.51, "adaptive_auc": 0.53}, "within", "in their range"),
        ({"auc": 0.51, "adaptive_auc": 0.66}, "residue", "above their range, erased users can be told apart"),
        ({"auc": 0.31, "adaptive_auc": 0.53}, "absent", "below their range, erased users stand out by their absence"),
        ({"auc": None, "NDCG@20": 0.3}, "unmeasured", "was not measured"),
    ],
)
def test_the_tone_follows_the_attacks(figures, tone, words):
    said = judged(**figures)
    assert said.tone == tone
    assert words in " ".join(said.sentences)
    assert "approximate" in said.badge


def test_a_number_about_forgetting_stands_beside_the_retrained_models(rows):
    for statement in statements(rows):
        for sentence in statement.sentences:
            if "AUC" in sentence or "NDCG" in sentence:
                assert "retrained models" in sentence


def test_the_verdict_says_how_much_quality_is_kept_and_what_it_took():
    said = " ".join(judged(auc=0.5, **{"NDCG@20": 0.3, "seconds": 2.0}).sentences)
    assert "NDCG@20 of the users who stay 0.3000; retrained models 0.4000 ± 0.0000: 75.0\u00a0%." in said
    assert "Time 2 s; retraining 20 s." in said


def test_the_verdict_names_its_standard_error_and_how_many_were_measured():
    said = judged(auc=0.5, auc_se=0.031)
    assert said.sentences[0].startswith("Imprint AUC 0.500 (standard error 0.031); retrained models 0.500 ± 0.014")
    assert (said.n, said.n_references) == (1, 2)


def test_an_exact_method_is_called_exact_with_the_difference_measured():
    said = judged(auc=0.5, exact=True, max_difference=3e-13)
    assert said.tone == "exact"
    assert said.sentences[0] == "Equals retraining by construction; largest difference measured 3e-13."


def test_a_two_sided_attacker_below_one_half_has_only_chance():
    rows = [row("block Newton", auc=0.5, adaptive_auc=0.52), *references(0.5, 0.5, adaptive_auc=0.38)]
    assert statements(rows)[0].tone == "within"
    assert statements([{**rows[0], "adaptive_auc": 0.2}, *rows[1:]])[0].tone == "within"
    assert statements([{**rows[0], "adaptive_auc": 0.57}, *rows[1:]])[0].tone == "residue"


def test_references_that_differ_widen_the_range_up_to_a_bound():
    def tone(auc: float, *aucs: float) -> str:
        return statements([row("block Newton", auc=auc), *references(*aucs)])[0].tone

    assert tone(0.57, 0.46, 0.5, 0.54) == "within"  # two standard deviations are .08
    assert tone(0.57, 0.49, 0.5, 0.51) == "remembered"
    assert tone(0.61, 0.3, 0.5, 0.7) == "remembered"  # .4 would be no range at all


def test_the_model_as_trained_is_a_comparison_and_no_method(rows):
    said = {s.method: s for s in statements(rows)}
    assert said["MF, standard: none"].baseline
    assert not said["MF, standard: block Newton"].baseline
    assert not any("retrained" in name for name in said)
