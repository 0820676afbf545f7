"""The main job on a log that a model can memorise, with methods that edit, that train again, and that are exact."""

from __future__ import annotations

import pytest
from study_toys import study

from r2u_rec.core.training import Training
from r2u_rec.errors import EvidenceError, SettingsError
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.registered.methods.ascent import AscentSettings
from r2u_rec.registered.methods.newton import NewtonSettings
from r2u_rec.registry import MODELS
from r2u_rec.study.context import FitContext, cohorts_of
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.length import FallbackLengthRule
from r2u_rec.study.main_job import MainJob, run_main_job

METHODS = {"newton": NewtonSettings(n_draws=4), "ascent": AscentSettings(steps=2, lr=0.5), "rows_deleted": None, "retrain": None}


def context(epochs: int = 60) -> FitContext:
    spec = MODELS.get("mf")
    settings = spec.settings(embedding_dim=24, reg=0.001)
    return FitContext(spec, settings, spec.recipe(settings, Training(epochs=epochs, batch_size=2048, lr=0.1)), progress=False)


@pytest.fixture(scope="module")
def measured():
    heard: list[str] = []
    job = MainJob(study(request_share=0.15), FLAGGED, context(), {"standard": None}, METHODS, {"item_knn": ItemKnn()}, 2, 2, None)
    return run_main_job(job, say=heard.append), heard


def row(measured, operator, model="mf"):
    return next(row for row in measured[0].rows if (row["model"], row["operator"]) == (model, operator))


def test_every_method_is_judged_beside_retrained_references(measured):
    operators = [row["operator"] for row in measured[0].rows if row["model"] == "mf"]
    assert operators == ["retrained", "retrained", "none", "newton", "ascent", "rows_deleted", "retrain"]
    assert all({"auc", "adaptive_auc", "excess", "NDCG@10"} <= row.keys() for row in measured[0].rows if row["model"] == "mf")
    assert [row(measured, name)["exact"] for name in ("newton", "retrain")] == [False, True]


def test_deleting_rows_leaves_the_imprint_and_training_again_does_not(measured):
    assert row(measured, "rows_deleted")["auc"] == row(measured, "none")["auc"] > 0.75
    assert row(measured, "retrain")["auc"] < 0.7


def test_an_edit_with_a_length_has_a_curve_by_shares_and_ascent_one_by_steps(measured):
    steps = {}
    for point in measured[0].curves:
        steps.setdefault(point["method"], []).append(point["step"])
    assert steps == {"standard: newton": [0.0, 0.25, 0.5, 0.75, 1.0], "standard: ascent": [0, 1, 2]}
    assert row(measured, "ascent")["steps"] == 2
    assert row(measured, "newton")["length"] == 1.0


def test_a_closed_form_equals_fitting_anew(measured):
    assert row(measured, "exact", "item_knn")["max_difference"] == 0
    assert row(measured, "exact", "item_knn")["NDCG@10"] == row(measured, "retrained", "item_knn")["NDCG@10"]


def test_each_stage_is_heard_and_groups_and_costs_are_noted(measured):
    found, heard = measured
    assert heard[2:6] == ["retrained reference 1 of 2", "retrained reference 2 of 2", "train: standard", "self-test of the evaluator"]
    assert {(row["method"], row["group"]) for row in found.groups} == {
        (f"standard: {name}", group) for name in METHODS for group in ("active half", "less active half")
    }
    assert len(found.costs) == 2 + len(METHODS)
    assert [row["epoch"] for row in found.training][-1] == 59


def test_nobody_to_compare_with_and_names_that_there_are_not_are_refused():
    with pytest.raises(EvidenceError, match="needs users that were never trained on"):
        run_main_job(MainJob(study(holdout=False), FLAGGED, context(1), {"standard": None}))
    with pytest.raises(SettingsError, match="unknown request 'core'"):
        run_main_job(MainJob(study(), "core", context(1)))


def test_a_comparison_goes_on_where_no_length_hides_the_canaries():
    drawn = study()
    made = FitContext(context(1).spec, None, context(1).recipe, fallback_length=1.5, **cohorts_of(drawn))
    rule = made.length("canaries")
    assert isinstance(rule, FallbackLengthRule)
    assert rule(made.task, made.trainer().train(made.task, drawn.records, seed=0), drawn.records, lambda ids, length: None) == 1.5
    with pytest.raises(EvidenceError):
        rule.rule(made.task, None, drawn.records, lambda ids, length: None)
    assert made.scaled(None, 0.5).length == 0.5
