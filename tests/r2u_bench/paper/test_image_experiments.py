"""The image experiments: which trials they share, and what they say of rows whose truth is known by construction."""

from __future__ import annotations

import pytest
from image_toys import PRESET, made_rows
from r2u_bench.paper.figures import fig3, fig8, fig10, fig12, fig13, table2
from r2u_bench.paper.images import beyond as image_beyond
from r2u_bench.paper.images import reference as image_reference
from r2u_bench.paper.images.rows import at_crossing, differences, select_rows, spoiled, within
from r2u_bench.paper.verdict import Side, side

from r2u_rec.trials.store import distinct

EXPERIMENTS = (
    fig3.FIG3, fig3.FIG4, fig8.EXPERIMENT, fig10.EXPERIMENT, fig12.EXPERIMENT, fig13.EXPERIMENT, table2.EXPERIMENT,
    image_beyond.BOUNDED, image_beyond.ONE_SAMPLE, image_beyond.WEAR, image_reference.RETRAINED, image_reference.INSTANCES,
)  # fmt: skip
FAST = {"repaired": 20.0}


def rows_of(experiment, **steps):
    return made_rows(list(experiment.plan(PRESET)), **{**FAST, **steps})


def outcomes(verdict):
    return {claim.statement: {finding.settings: finding.outcome for finding in claim.findings} for claim in verdict.claims}


def repaired(verdict):
    return [next(f.outcome for f in claim.findings if f.settings == "repaired") for claim in verdict.claims]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda each: each.name)
def test_every_experiment_judges_and_draws_what_it_planned(experiment, tmp_path):
    rows = rows_of(experiment)
    verdict = experiment.judge(rows)
    assert verdict.claims
    experiment.draw(rows, tmp_path / experiment.name)
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg"}


def test_figure_4_asks_for_trials_of_figure_3_alone():
    assert set(distinct(fig3.FIG4.plan(PRESET))) < set(distinct(fig3.FIG3.plan(PRESET)))


def test_three_experiments_beyond_the_paper_share_their_trials():
    plans = [set(distinct(each.plan(PRESET))) for each in (image_beyond.BOUNDED, image_beyond.ONE_SAMPLE, image_beyond.WEAR)]
    assert plans[0] == plans[1] == plans[2]


def test_figures_with_the_settings_of_figure_3_share_its_trials():
    known = set(distinct(fig3.FIG3.plan(PRESET)))
    assert len(known & set(distinct(table2.EXPERIMENT.plan(PRESET)))) == 2  # lambda1 = 2
    assert len(known & set(distinct(fig10.EXPERIMENT.plan(PRESET)))) == 4  # no overlap, and standard, of the two seeds of both
    assert len(known & set(distinct(fig12.EXPERIMENT.plan(PRESET)))) == 4


def test_arms_that_run_few_trials_run_on_the_first_set_alone():
    specs = fig3.FIG3.plan(PRESET)
    assert {(s["data"], s["seed"]) for s in specs if s["arm"] == "random"} == {("mnist", 900)}
    assert {(s["data"], s["seed"]) for s in specs if s["arm"] == "reweighted"} == {("mnist", 900), ("mnist", 901)}
    assert {(s["data"], s["seed"]) for s in specs if s["arm"] == "phased"} == {
        (data, seed) for data in ("mnist", "fashion-mnist") for seed in (900, 901)
    }


def test_baselines_that_were_not_run_on_a_set_are_named_there():
    notes = fig3.FIG3.judge(rows_of(fig3.FIG3)).notes
    assert [note for note in notes if "not run with" in note] == [
        "Fashion-MNIST: not run with this preset: Re-weighted; the best baseline is the best of the others."
    ]


def test_a_faster_prepared_model_agrees_and_reaches_the_targets():
    verdict = fig3.FIG3.judge(rows_of(fig3.FIG3, repaired=15.0))
    assert set(repaired(verdict)) == {"agrees"}
    assert [target.reached for target in verdict.targets] == [True, True, True, True, True]
    assert verdict.targets[0].measured.startswith("6.5 times")


def test_targets_that_are_missed_are_said_to_be_missed():
    verdict = fig3.FIG3.judge(rows_of(fig3.FIG3, repaired=25.0, phased=60.0))
    assert [target.reached for target in verdict.targets[:3]] == [False, False, True]
    assert "against Phased" in verdict.targets[1].measured


def test_a_model_that_is_no_faster_does_not_agree():
    verdict = fig3.FIG3.judge(rows_of(fig3.FIG3, repaired=110.0))
    assert repaired(verdict)[1] == "does not agree"


def test_a_baseline_that_has_lost_the_class_before_is_excluded_with_its_figure():
    rows = [
        {**row, "forget_before": 0.3} if row["arm"] == "noisy" and row["what"] == "summary" else row
        for row in rows_of(fig3.FIG3, noisy=1.0)
    ]
    verdict = fig3.FIG3.judge(rows)
    assert [(each.name, each.mean) for each in verdict.excluded] == [("Noisy, MNIST", 0.3), ("Noisy, Fashion-MNIST", 0.3)]
    assert "Noisy" not in verdict.targets[1].measured


def test_printed_settings_that_diverge_are_told_and_not_compared():
    rows = [row for row in rows_of(fig3.FIG3) if not (row["arm"] == "literal" and row["what"] == "curve")]
    gone = ("forget_before", "steps_to_half", "steps_to_chance")
    rows = [
        {**{k: v for k, v in row.items() if k not in gone}, "diverged": True, "trouble": "term 'forget' is inf"}
        if row["arm"] == "literal" and row["what"] == "summary"
        else row
        for row in rows
    ]  # fmt: skip
    verdict = fig3.FIG3.judge(rows)
    on_mnist = [claim for claim in verdict.claims if claim.statement.startswith("MNIST")]
    assert on_mnist[2].findings[0].outcome == "not comparable"
    assert "diverged in 1 of 1 trials (term 'forget' is inf)" in on_mnist[2].findings[0].why
    assert "x drawn half and half, because as printed training diverged" in on_mnist[1].findings[0].why


def test_a_class_that_is_lost_before_unlearning_spoils_the_comparison():
    rows = [
        {"what": "summary", "arm": "literal", "diverged": False, "forget_before": 0.0, "loss_before": 80.0, "data": "mnist", "seed": s}
        for s in (0, 1)
    ]
    said = spoiled(rows, "literal", Side("standard", {(1,): 0.97}))
    assert said.startswith("the class was lost before unlearning began: forget accuracy 0.0 % against 97.0 % of standard training (n = 2)")
    assert spoiled(rows, "literal", Side("standard", {(1,): 0.0})) == ""


def test_accuracy_is_read_at_the_step_at_which_the_leader_of_the_same_class_reaches_chance():
    rows = made_rows([spec for spec in fig3.FIG3.plan(PRESET) if spec["arm"] in ("standard", "repaired")], **FAST)
    then = at_crossing(rows)
    leader = {row["seed"]: row["steps_to_chance"] for row in select_rows(rows, "summary", arm="repaired", data="mnist")}
    for row in then:
        if row["data"] == "mnist":
            assert 0 <= row["step"] - leader[row["seed"]] < 5
    means = {arm: side(arm, then, "forget_then", arm=arm).mean for arm in ("standard", "repaired")}
    assert means["standard"] > 80 > 30 > means["repaired"]


def test_losses_are_counted_a_pair():
    rows = made_rows(list(fig3.FIG4.plan(PRESET)), **FAST)
    worse = [{**row, "forget_before": 0.95} if row["arm"] == "repaired" and row["seed"] == 901 else row for row in rows]
    found = differences("repaired", worse, "forget_before", "repaired", "standard")
    finding = within("repaired", "repaired", found, 1.0, 0.9)
    assert finding.outcome == "does not agree"
    assert "In 2 of 4 trials" in finding.why
    assert within("repaired", "repaired", found, 1.0, 0.5).outcome == "agrees"


def test_longer_preparation_that_changes_nothing_does_not_agree_and_one_that_helps_does():
    flat = fig8.EXPERIMENT.judge(rows_of(fig8.EXPERIMENT))
    assert repaired(flat) == ["does not agree", "does not agree"]
    rows = [
        {**row, "steps_to_half": row["steps_to_half"] - 3 * row["prepare"]} if row["what"] == "summary" else row
        for row in rows_of(fig8.EXPERIMENT)
    ]
    assert repaired(fig8.EXPERIMENT.judge(rows)) == ["agrees", "agrees"]


def test_preparation_at_each_quarter_ends_with_it():
    stages = [spec["prepare"] for spec in fig13.EXPERIMENT.plan(PRESET) if spec["arm"] == "repaired"][:4]
    assert stages == [[0, 1], [2, 3], [3, 4], [5, 6]]
    whens = [row["when"] for row in fig13.timed([{"arm": "repaired", "prepare": stage, "epochs": 6} for stage in stages])]
    assert whens == list(fig13.QUARTERS)


def test_readiness_that_wears_off_is_told():
    verdict = image_beyond.WEAR.judge(rows_of(image_beyond.WEAR))
    assert repaired(verdict) == ["agrees"] * 4


def test_a_level_that_one_image_never_reaches_is_told_and_not_compared():
    verdict = image_beyond.ONE_SAMPLE.judge(rows_of(image_beyond.ONE_SAMPLE))
    assert repaired(verdict) == ["not comparable", "agrees"]
    assert "never in 2" in verdict.notes[1]


def test_a_bound_that_keeps_the_others_agrees():
    assert repaired(image_beyond.BOUNDED.judge(rows_of(image_beyond.BOUNDED))) == ["agrees"] * 3


def test_the_unlearned_model_is_told_to_be_farther_from_retrained_than_a_second_one():
    assert repaired(image_reference.RETRAINED.judge(rows_of(image_reference.RETRAINED))) == ["agrees", "agrees"]


def test_single_images_that_are_not_forgotten_faster_are_said_not_to_be():
    verdict = image_reference.INSTANCES.judge(rows_of(image_reference.INSTANCES, repaired=100.0))
    assert repaired(verdict)[0] == "does not agree"
