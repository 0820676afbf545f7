"""The recommendation on cases whose right answer is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from report_toys import POLICIES, at_end, make_simulation, together

from r2u_rec.report.evidence import spread
from r2u_rec.report.simulation.advice import LIMIT, WIDENED, advise, bound

CLEAN = {"auc": 0.5, "adaptive_auc": 0.5, "ndcg": 0.31, "ndcg_share": 1.0}


def all_clean(*edits):
    """Every policy but the one that never erases is faultless at the end, then the edits."""
    return together(*(at_end(policy, **CLEAN) for policy in POLICIES if policy != "never"), *edits)


def one_late(policy, seed):
    def edit(frames):
        rows = frames["requests"]
        row = np.flatnonzero((rows["policy"] == policy) & (rows["seed"] == seed))[3]
        rows.loc[row, "finished"] = rows.loc[row, "due"] + 7200.0
        rows.loc[row, "hours"] = (rows.loc[row, "finished"] - rows.loc[row, "received"]) / 3600
        rows.loc[row, "late"] = True

    return edit


def advised(*edits, **changes):
    return advise(make_simulation(edit=all_clean(*edits), **changes))


def test_of_faultless_policies_the_cheapest_is_taken():
    advice = advised()
    assert advice.policy == "by deadline"
    assert advice.qualified == ("by deadline", "at once", "weekly batches", "auto", "retrain")
    assert advice.sentence.startswith("Take “by deadline”: it misses no deadline, its imprint AUC at the end, 0.500 ± 0.000, lies within")
    assert "and of these 5 it is the cheapest" in advice.sentence
    assert "% of always retraining" in advice.sentence


def test_one_missed_deadline_in_one_seed_is_enough_to_be_refused():
    advice = advised(one_late("by deadline", 2))
    assert advice.policy == "at once"
    assert advice.refused["by deadline"] == ("it misses the deadline of 0.5 requests (0.2\u00a0%)",)


@pytest.mark.parametrize(("auc", "refused"), [(0.549, False), (0.551, True), (0.449, True), (0.451, False)])
def test_the_band_of_the_imprint_is_sharp_where_nothing_widens_it(auc, refused):
    assert ("by deadline" in advised(at_end("by deadline", auc=auc)).refused) == refused


def test_both_sides_of_the_band_have_their_words():
    advice = advised(at_end("by deadline", auc=0.7), at_end("auto", auc=0.3))
    assert "it leaves an imprint: AUC 0.700 ± 0.000 at the end, above 0.550" in advice.refused["by deadline"][0]
    assert "requests still wait" in advice.refused["by deadline"][0]
    assert advice.refused["auto"] == ("its erased users stand out by their absence: AUC 0.300 ± 0.000 at the end, below 0.450",)


def test_the_standard_error_of_the_measurement_widens_the_band_but_never_far():
    assert "by deadline" not in advised(at_end("by deadline", auc=0.57, auc_se=0.02)).refused
    assert "by deadline" in advised(at_end("by deadline", auc=0.57, auc_se=0.01)).refused
    assert "by deadline" in advised(at_end("by deadline", auc=0.61, auc_se=0.30)).refused


def test_a_spread_over_seeds_widens_the_band_by_two_standard_errors_but_never_far():
    assert bound(spread([0.54, 0.56])) == pytest.approx(LIMIT + 2 * 0.01)
    assert bound(spread([0.5, 0.9])) == pytest.approx(LIMIT + WIDENED)
    assert bound(spread([0.6])) == LIMIT
    assert bound(spread([0.55, 0.55]), [0.01, 0.01]) == pytest.approx(LIMIT + 2 * 0.01 / 2**0.5)
    assert bound(spread([0.55, 0.55]), [None, None]) == LIMIT


def test_the_stronger_attacker_is_held_against_retrained_models():
    found = advised(at_end("by deadline", adaptive_auc=0.58))
    assert found.refused["by deadline"] == ("the stronger attacker finds an imprint: adaptive AUC 0.580 ± 0.000 at the end, above 0.550",)
    assert "by deadline" not in advised(at_end("by deadline", adaptive_auc=0.58), at_end("retrain", adaptive_auc=0.54)).refused
    assert "by deadline" not in advised(at_end("by deadline", adaptive_auc=0.58, adaptive_auc_retrained=0.54)).refused


@pytest.mark.parametrize(("share", "taken"), [(0.991, "by deadline"), (0.989, "at once")])
def test_one_per_cent_of_quality_is_given_up_for_the_cost_and_no_more(share, taken):
    advice = advised(at_end("by deadline", ndcg=0.31 * share, ndcg_share=share))
    assert advice.policy == taken
    if taken == "at once":
        assert advice.refused["by deadline"] == ("its NDCG@20 of 0.3066 is 1.1\u00a0% below that of “at once” (0.3100)",)


def test_the_best_quality_is_that_of_a_policy_that_qualifies():
    advice = advised(at_end("auto", ndcg=0.40, auc=0.8), at_end("never", ndcg=0.50))
    assert advice.policy == "by deadline"


def test_never_erasing_is_never_recommended_even_if_nothing_was_due_and_nothing_is_found():
    sim = make_simulation(edit=together(at_end("never", **CLEAN), all_clean()))
    assert advise(sim).refused["never"][0] == "it never erases what it was asked to erase"


def test_if_none_qualifies_it_says_so_and_what_to_do():
    advice = advise(
        make_simulation(
            edit=together(
                at_end("at once", auc=0.9), at_end("weekly batches", auc=0.9), at_end("auto", auc=np.nan),
                one_late("by deadline", 1), at_end("by deadline", **CLEAN), one_late("retrain", 1), at_end("retrain", **CLEAN),
            )
        )
    )  # fmt: skip
    assert advice.policy is None
    assert (advice.against, advice.qualified) == ((), ())
    assert advice.sentence == (
        "No policy qualifies, none is recommended. 2 of 5 miss deadlines: carry out earlier, by a larger margin or smaller batches; "
        "2 of 5 leave an imprint at the end: retrain more often, or with a smaller drift budget; measure imprint and quality at the last "
        "checkpoint."
    )
    assert set(advice.refused) == set(POLICIES)


def test_what_was_not_measured_does_not_qualify():
    advice = advised(at_end("by deadline", auc=np.nan), at_end("at once", ndcg=np.nan))
    assert advice.refused["by deadline"] == ("its imprint at the end was not measured",)
    assert advice.refused["at once"] == ("its NDCG@20 at the end was not measured",)


def test_the_only_one_that_qualifies_is_said_to_be_so():
    edits = [at_end(policy, auc=0.9) for policy in POLICIES if policy not in ("never", "retrain")]
    advice = advised(*edits)
    assert advice.policy == "retrain"
    assert "is the best of those that qualify, and it is the only one that qualifies" in advice.sentence
    assert not any("approximate" in sentence or "drifts" in sentence for sentence in advice.against)


def test_what_speaks_against_an_approximate_policy_is_said():
    said = " ".join(advised().against)
    for part in (
        "It is approximate: 100\u00a0% of the erasures of users are carried out by edits that do not equal retraining (block Newton)",
        "Between batches it remembers: imprint AUC 0.",
        "Whoever holds the model from before and after a batch reads the erased histories at AUC 0.6",
        "of its top 20 stand in a retrained model's, 0.8",
        "Erased people wait: 95\u00a0% are done within 27 days.",
        "It rests on 2 seeds: spreads are hardly known.",
    ):
        assert part in said


def test_exact_operators_and_batches_that_found_nothing_are_not_called_approximate():
    def unneeded(frames):
        frames["batches"].loc[frames["batches"].index[::2], "operator"] = "unneeded"

    assert "It is approximate" not in " ".join(advised(unneeded, exact=("retrain", "block Newton")).against)
    assert "(block Newton)" in " ".join(advised(unneeded).against)


def test_the_second_snapshot_speaks_against_a_policy_only_by_what_it_adds():
    def baseline(value):
        def edit(frames):
            frames["batches"]["snapshot_baseline"] = value

        return edit

    assert "Whoever holds" not in " ".join(advised(baseline(0.64)).against)
    assert "0.500 without the second snapshot." in " ".join(advised(baseline(0.5)).against)


def test_warnings_high_costs_near_costs_and_a_missing_attacker_are_said():
    def warned(frames):
        frames["requests"].loc[frames["requests"]["policy"] == "by deadline", "warned"] = True

    def dear(frames):
        frames["batches"].loc[frames["batches"]["policy"] != "retrain", "cpu_seconds"] = 500.0

    advice = advised(warned, dear, at_end("by deadline", adaptive_auc=np.nan))
    said = " ".join(advice.against)
    assert advice.policy == "by deadline"
    assert "Deadlines come near: 344.5 requests were warned of." in said
    assert "The stronger attacker was not measured at the end: one attack that finds nothing is no proof." in said

    def all_the_same(frames):
        frames["batches"]["cpu_seconds"] = 0.0
        for policy in set(frames["batches"]["policy"]):
            for seed in (1, 2):
                mine = (frames["batches"]["policy"] == policy) & (frames["batches"]["seed"] == seed)
                frames["batches"].loc[mine, "cpu_seconds"] = (100.0 if policy == "retrain" else 104.0) / mine.sum()
        frames["checkpoints"]["cpu_seconds_so_far"] = 0.0

    advice = advised(all_the_same, *(at_end(policy, auc=0.9) for policy in ("at once", "weekly batches")))
    assert advice.policy == "retrain"
    said = " ".join(advice.against)
    assert "“by deadline” costs nearly the same (8.67 CPU seconds a month): measured times may order them otherwise." in said
    advice = advised(all_the_same, at_end("retrain", auc=0.9))
    assert "It costs 1.04 times as much as always retraining." in " ".join(advice.against)


def test_a_policy_that_leaves_more_than_a_twentieth_waiting_is_said_to_do_so():
    def stopped(frames):
        rows = frames["requests"]
        last = rows["received"] > rows["received"].quantile(0.7)
        rows.loc[last, "due"] = rows["due"].max() + 10**9  # for all policies, so that none is late
        rows.loc[last & (rows["policy"] == "by deadline"), ["finished", "hours"]] = np.nan
        rows.loc[last, "late"] = False

    advice = advised(stopped)
    assert advice.policy == "by deadline"
    assert "Fewer than 95\u00a0% of the requests were done." in advice.against
