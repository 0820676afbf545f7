"""What the text experiments plan, judge and draw, on made rows whose truth is known."""

from __future__ import annotations

import pytest
from r2u_bench.paper.cost_trial import Measured, rows_of
from r2u_bench.paper.cost_trial import run as cost
from r2u_bench.paper.figures import fig5, fig6, fig7, fig9, fig11, random_documents, table4, topic
from r2u_bench.paper.preset import Preset, load_preset
from r2u_bench.paper.texts.curves import ahead, at_level, at_step, drawn, forgotten
from r2u_bench.paper.texts.judge import arm_side, fair
from r2u_bench.paper.texts.plans import enron_spec, text_spec
from r2u_bench.paper.texts.settings import text_settings
from text_toys import curve, retrained, trained

from r2u_rec.errors import SettingsError
from r2u_rec.trials.store import trial_key


def test_a_level_is_met_between_two_points_in_proportion():
    rows = curve("standard", [1.0, 2.0, 4.0])
    assert at_level(rows, 3.0)["step"] == pytest.approx(3.0)
    assert at_level(rows, 0.5)["step"] == 0
    assert at_level(rows, 5.0) is None
    assert at_step(rows, 3.0)["forget_loss"] == pytest.approx(3.0)
    assert at_step(rows, 9.0) is None


def test_steps_are_counted_to_the_loss_of_the_retrained_model_of_the_same_seed():
    rows = [*curve("standard", [1.0, 2.0, 4.0]), *curve("standard", [1.0, 2.0, 4.0], seed=1), retrained(2.0), retrained(3.0, seed=1)]
    assert {row["seed"]: row["step"] for row in forgotten(rows)} == {0: 2.0, 1: 3.0}


def test_a_trial_without_a_retrained_partner_is_left_out_and_a_level_never_reached_has_no_steps():
    rows = [*curve("standard", [1.0, 2.0]), retrained(9.0), *curve("standard", [1.0, 2.0], seed=1)]
    (only,) = forgotten(rows)
    assert only["seed"] == 0
    assert only["step"] is None


def test_the_papers_comparison_is_made_at_the_step_where_the_prepared_model_crosses():
    rows = [*curve("repaired", [1.0, 20.0, 30.0]), *curve("standard", [1.0, 5.0, 9.0])]
    assert {row["arm"]: row["loss_then"] for row in ahead(rows, "repaired", ["standard"], 20.0)} == {"repaired": 20.0, "standard": 5.0}


def test_a_mean_curve_ends_with_its_shortest_trial():
    rows = drawn([*curve("standard", [1.0, 2.0, 3.0]), *curve("standard", [1.0, 2.0], seed=1)])
    assert max(row["step"] for row in rows) == 2


def test_a_baseline_that_lost_the_data_in_training_is_excluded_from_figure_5():
    rows = []
    for seed in range(3):
        rows += [retrained(5.0, seed), *curve("standard", [1.0, 3.0 + seed / 9, 6.0], seed=seed), *curve("phased", [4.5, 5.5], seed=seed)]
        rows += curve("repaired", [1.0, 6.0 + seed / 7], seed=seed)
    verdict = fig5.judge(rows)
    assert [each.name for each in verdict.excluded] == ["phased, tiny GPT-2 on made"]
    steps = verdict.claims[0]
    assert steps.against.name == "standard"
    assert steps.findings[0].outcome == "agrees"
    assert verdict.claims[1].findings[0].outcome == "not comparable"  # nothing has crossed 20


def test_the_topic_reaches_its_targets_only_by_as_much_as_asked():
    rows = []
    for seed in range(5):
        more = seed / 100
        rows += [retrained(5.0, seed), trained("standard", 1.0, seed), trained("repaired", 1.0, seed, train_seconds=1.2)]
        for arm, losses, retained in (
            ("standard", [1.0, 2.0, 3.0 + more, 6.0], 4.0), ("alpha0", [1.0, 2.0, 3.0, 6.0 + more], 4.0),
            ("random", [1.0, 2.0, 3.5 + more, 6.0], 4.0), ("repaired", [1.0, 6.0 + more], 1.0),
        ):  # fmt: skip
            rows += curve(arm, losses, seed=seed, retained=retained)
    verdict = topic.judge(rows)
    assert [target.reached for target in verdict.targets] == [True, True, True, True, True]
    slower = [{**row, "step": 3 * row["step"]} if row["arm"] == "repaired" and row["what"] == "curve" else row for row in rows]
    assert [target.reached for target in topic.judge(slower).targets][:2] == [False, False]


def _recovered(arm, loss, *, lambda2=0.0, seed=0, recovery=0):
    return {
        **trained(arm, loss, seed),
        "what": "recovered",
        "recovery": recovery,
        "lambda2": lambda2,
        "trial": f"{arm}{lambda2}{recovery}{seed}",
    }


def test_a_recovery_that_comes_back_below_the_never_seen_level_is_told():
    rows = []
    for seed in range(3):
        more = seed / 50
        rows += [_recovered("retrained", 4.0, seed=seed), _recovered("standard", 2.5 + more, seed=seed)]
        rows += [_recovered("repaired", 2.6 - more, lambda2=weight, seed=seed) for weight in (0.0, 3.0)]
    verdict = fig6.judge(rows)
    assert [each.findings[-1].outcome for each in verdict.claims] == ["does not agree", "does not agree"]
    assert "standard 2.52 +- 0.02 (n = 3), 1.48 below it" in verdict.notes[0]


def test_table_4_holds_the_most_similar_quarter_against_the_least(tmp_path):
    rows = [
        _recovered(arm, base + step * q + seed / 90, seed=seed, recovery=q)
        for arm, base, step in (("repaired", 2.0, 0.2), ("standard", 2.0, 0.1), ("retrained", 4.0, 0.0))
        for seed in range(3)
        for q in (1, 2, 3, 4)
    ]
    verdict = table4.judge(rows)
    assert verdict.claims[0].findings[0].outcome == "agrees"
    table4.draw(rows, tmp_path / "table4")
    assert (tmp_path / "table4.png").is_file()


def test_figure_7_is_tested_on_all_documents_and_draws_masked_tokens(tmp_path):
    rows = []
    for seed in range(3):
        for arm, weight, gap in (("standard", 0.0, 0.1), ("repaired", 3.0, 0.5 + seed / 9)):
            row = {**trained(arm, 2.0, seed), "lambda2": weight, "distinctive_gap": gap}
            rows += [row, {**row, "what": "unlearned", "unlearner": "ascent"}]
            tokens = enumerate(("[name]", "·", " meets", " at", "[number]"))
            rows += [{**row, "what": "token", "state": "unlearned", "position": i, "shown": text, "loss": float(i)} for i, text in tokens]
    assert fig7.judge(rows).claims[0].findings[-1].outcome == "agrees"
    fig7.draw(rows, tmp_path / "fig7")
    assert "[name]" in (tmp_path / "fig7.svg").read_text() or (tmp_path / "fig7.png").is_file()


def test_random_documents_leave_out_the_trials_with_a_recovery_term():
    rows = [retrained(5.0), *curve("standard", [1.0, 6.0]), *curve("repaired", [1.0, 6.0])]
    rows += [{**row, "lambda2": 3.0, "trial": "other"} for row in curve("repaired", [5.5, 6.0])]
    assert random_documents.judge(rows).claims[0].findings[0].side.values[("made", "tiny-gpt2", ("sea",), 0)] == pytest.approx(1.6)


def test_the_quick_preset_plans_trials_whose_settings_all_exist():
    preset = load_preset("quick")
    for plan in (fig5.plan, fig6.plan, fig7.plan, fig11.plan, table4.plan, topic.plan, random_documents.plan):
        for spec in plan(preset):
            text_settings(spec)


def test_experiments_on_the_e_mails_share_their_trials():
    preset = load_preset("quick", n_trials=2)
    shared = {trial_key(spec) for spec in fig6.plan(preset)}
    assert {trial_key(spec) for spec in fig7.plan(preset)} <= shared
    assert {trial_key(spec) for spec in fig11.plan(preset)} <= shared
    assert {trial_key(spec) for spec in table4.plan(preset) if spec["arm"] != "repaired"} <= shared


def test_arms_of_the_first_model_are_not_run_on_the_others_and_the_page_says_so():
    preset = Preset("own", experiments={"fig5": {"trials": 1, "models": ["tiny-gpt2", "tiny-llama"], "first_model": ["phased"]}})
    specs = [spec for spec in fig5.plan(preset) if spec["data"] == "muse-news"]
    assert [spec["model"] for spec in specs if spec["arm"] == "phased"] == ["tiny-gpt2"]
    assert [spec["model"] for spec in specs if spec["arm"] == "goldfish"] == ["tiny-gpt2", "tiny-llama"]
    notes = fig5.judge([retrained(5.0), *curve("standard", [1.0, 6.0])]).notes
    assert any(note.startswith("tiny GPT-2 on made: not run with this preset: phased, DP-SGD") for note in notes)


def test_a_corpus_that_is_not_known_is_refused():
    with pytest.raises(SettingsError, match=r"unknown corpus 'news'; .*there are bbc-news"):
        text_spec(Preset("own"), "fig5", "news", "standard", 0)
    with pytest.raises(SettingsError, match=r"preset own: experiments.fig6.models must be a list of names, got 'gpt2'"):
        enron_spec(Preset("own", experiments={"fig6": {"models": "gpt2"}}), "standard", 0)


def test_cost_is_told_by_the_step_the_whole_and_the_time_to_equal_quality():
    plain = Measured([1.0, 1.0, 1.0], [0.5, 0.90, 0.90], [0.1, 0.1])
    late = Measured([1.0, 1.0, 2.0], [0.5, 0.6, 0.91], [0.3, 0.3])
    worse = Measured([2.0, 2.0, 2.0], [0.5, 0.6, 0.7], [0.2, 0.2])
    found = {row["way"]: row for row in rows_of({"standard": plain, "repaired": late, "every": worse, "literal": None}, 0.01)}
    assert found["repaired"]["time_ratio"] == pytest.approx(4 / 3)
    assert found["repaired"]["step_ratio"] == pytest.approx(3)
    assert found["every"]["time_ratio"] is None
    assert found["every"]["whole_ratio"] == pytest.approx(2)
    assert found["literal"]["diverged"]
    assert found["literal"]["whole_ratio"] is None


def test_figure_9_tells_the_overhead_in_percent_and_draws_it(tmp_path):
    plain = Measured([1.0, 1.0], [0.9, 0.9], [0.1])
    rows = []
    for seed in range(3):
        ways = rows_of(
            {"standard": plain, "repaired": Measured([1.0, 1.2 + seed / 10], [0.9, 0.9], [0.12]), "every": None, "literal": None}, 0.01
        )
        rows += [{"data": "mnist", "model": "cnn", "seed": seed, "trial": str(seed), "what": "cost", **row} for row in ways]
    verdict = fig9.judge(rows)
    assert verdict.claims[0].findings[-1].outcome == "agrees"
    assert verdict.claims[0].findings[-1].side.mean == pytest.approx(15)
    fig9.draw(rows, tmp_path / "fig9")
    assert (tmp_path / "fig9.svg").is_file()


def test_a_cost_trial_of_no_known_task_is_refused():
    with pytest.raises(SettingsError, match="task must be one of text, image, got 'sound'"):
        cost({"kind": "cost", "task": "sound"})


@pytest.mark.parametrize(
    ("loss", "told"), [(1.7, ""), (1.9, "before unlearning it knows 3.10 nats of D_f, 78% of standard training's 4.00")]
)
def test_a_way_to_train_that_learned_too_little_is_compared_no_more_than_a_baseline(loss, told):
    rows = [row for seed in range(3) for row in (retrained(5.0, seed), trained("standard", 1.0, seed), trained("repaired", loss, seed))]
    spoiled = fair(arm_side(rows, "repaired", "forget_loss"), rows, arm="repaired").spoiled
    assert spoiled.startswith(told)
    assert bool(spoiled) is bool(told)
