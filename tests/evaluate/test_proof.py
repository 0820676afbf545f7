"""The prover, its self-test and the verdicts; resistance on top of it."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from evaluate_toys import Table, noisy, random_histories, remembering
from scipy import sparse

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.excess import excess
from r2u_rec.evaluate.imprint import FoldIn, FoldInProbe
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.resistance import relearning_curve, similar_users

FORGET, HOLDOUT, N_ITEMS = np.arange(40), np.arange(40, 80), 60
HISTORIES = random_histories(80, N_ITEMS, seed=4)


def probes(forget=FORGET, holdout=HOLDOUT):
    return [FoldInProbe(HISTORIES, users, n_halves=2, seed=1) for users in (forget, holdout)]


def prover(references=None, remembered=None, **extra):
    references = references or [noisy(N_ITEMS, seed=s) for s in (1, 2, 3)]
    return ForgettingEvaluator(
        references, *probes(), remembered=remembered or remembering(HISTORIES, FORGET, seed=9, strength=2.0), **extra
    )


@pytest.fixture(scope="module")
def judge():
    return prover(popularity=Table(HISTORIES.sum(axis=0)[None, :]))


def test_a_model_that_remembers_is_convicted_by_every_attack(judge):
    verdict = judge.judge(remembering(HISTORIES, FORGET, seed=7, strength=2.0))
    assert min(verdict.auc, verdict.adaptive_auc, verdict.per_user_auc, verdict.own_loss_auc) > 0.95
    assert verdict.tpr_at_1fpr > 0.5
    assert verdict.excess > 5 * verdict.excess_se > 0


def test_a_retrained_model_is_acquitted(judge):
    verdict = judge.judge(noisy(N_ITEMS, seed=50))
    assert abs(verdict.auc - 0.5) < 2.5 * judge.evidence.null_se
    assert abs(verdict.adaptive_auc - 0.5) < 0.2
    assert abs(verdict.excess) < 3 * verdict.excess_se


def test_over_forgetting_falls_below_one_half_and_has_negative_excess(judge):
    verdict = judge.judge(remembering(HISTORIES, FORGET, seed=7, strength=-2.0))
    assert verdict.auc < 0.1
    assert verdict.adaptive_auc > 0.9
    assert verdict.excess < 0


def test_a_verdict_states_its_numbers_and_goes_into_json(judge):
    verdict = json.loads(json.dumps(asdict(judge.judge(noisy(N_ITEMS, seed=50)))))
    assert (verdict["n_forget"], verdict["n_holdout"], verdict["n_references"], verdict["n_skipped"]) == (40, 40, 3, 0)
    evidence = json.loads(json.dumps(asdict(judge.evidence)))
    assert [r["n_references"] for r in evidence["references"]] == [2, 2, 2]


def test_the_same_seed_gives_the_same_verdict(judge):
    again = prover(popularity=Table(HISTORIES.sum(axis=0)[None, :]))
    model = remembering(HISTORIES, FORGET, seed=7, strength=0.3)
    assert again.judge(model) == judge.judge(model)


def test_popularity_knows_nobody(judge):
    assert abs(judge.evidence.popularity.auc - 0.5) < 3 * judge.evidence.null_se
    assert prover().evidence.popularity is None


def test_users_with_short_histories_are_counted_in_the_verdict():
    short = HISTORIES.tolil()
    short[0] = 0
    forget, holdout = (FoldInProbe(sparse.csr_array(short), users, n_halves=2, seed=1) for users in (FORGET, HOLDOUT))
    references = [noisy(N_ITEMS, seed=s) for s in (1, 2)]
    verdict = ForgettingEvaluator(references, forget, holdout, remembered=remembering(HISTORIES, FORGET, seed=9, strength=2.0)).judge(
        references[0]
    )
    assert (verdict.n_forget, verdict.n_skipped) == (39, 1)


def test_a_reference_that_has_seen_the_erased_users_stops_the_prover():
    tainted = remembering(HISTORIES, FORGET, seed=3, strength=2.0)
    with pytest.raises(EvidenceError, match=r"an AUC among the references .* has seen erased or held-out users"):
        prover(references=[noisy(N_ITEMS, seed=1), tainted])


def test_references_that_are_off_on_average_stop_the_prover(monkeypatch):
    monkeypatch.setattr("r2u_rec.evaluate.judging.FORGOTTEN", (0.85, 0.9))  # for three references their mean is near .5 by construction
    with pytest.raises(EvidenceError, match=r"references' mean AUC 0\.\d+ .* lies outside .* check that every reference was retrained"):
        prover()


def test_an_evaluator_that_cannot_see_the_untouched_model_refuses_to_report():
    with pytest.raises(EvidenceError, match=r"only the rows deleted has AUC 0\.\d+, not far above .* 40 erased and 40 never-trained users"):
        prover(remembered=noisy(N_ITEMS, seed=50))


def test_a_proof_without_enough_references_or_users_is_refused():
    model = noisy(N_ITEMS, seed=1)
    with pytest.raises(EvidenceError, match="at least 2 retrained references, got 1"):
        ForgettingEvaluator([model], *probes(), remembered=model)
    with pytest.raises(EvidenceError, match=r"1 users are both erased and never trained, the first 39"):
        ForgettingEvaluator([model, model], *probes(holdout=np.arange(39, 80)), remembered=model)
    with pytest.raises(EvidenceError, match=r"at least 5 erased and 5 never-trained users .* got 4 and 40"):
        ForgettingEvaluator([model, model], *probes(forget=FORGET[:4]), remembered=model)


def fold_in(fi):
    fi = np.asarray(fi, dtype=float)
    return FoldIn(users=np.arange(len(fi)), fa=fi, fi=fi, own_loss=fi)


def test_excess_is_the_difference_in_differences():
    value = excess(fold_in([0.5, 0.7]), fold_in([0.3]), [fold_in([0.2, 0.2]), fold_in([0.4, 0.4])], [fold_in([0.1]), fold_in([0.3])])
    assert value.value == pytest.approx((0.6 - 0.3) - (0.3 - 0.2))
    assert value.se == pytest.approx(np.sqrt(0.02 / 2))
    with pytest.raises(EvidenceError, match="got none"):
        excess(fold_in([0.5]), fold_in([0.3]), [], [])


def test_similar_users_are_those_with_the_highest_mean_cosine():
    dense = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]])
    histories = sparse.csr_array(dense)
    assert similar_users(histories, [0], n=2).tolist() == [1, 5]
    assert similar_users(histories, [0], n=2, exclude=[5]).tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"n must lie in \[1, 4\].*got 5"):
        similar_users(histories, [0], n=5)
    with pytest.raises(ValueError, match="no erased user"):
        similar_users(histories, [], n=1)


def test_the_relearning_curve_shows_the_imprint_coming_back(judge):
    def fine_tune(model, steps):
        more = remembering(HISTORIES, FORGET, seed=7, strength=0.05 * steps)
        more.weights += model.weights - noisy(N_ITEMS, seed=7).weights
        return more

    curve = relearning_curve(noisy(N_ITEMS, seed=7), fine_tune, judge, [2, 40])
    assert [point.steps for point in curve] == [0, 2, 40]
    assert curve[0].verdict == judge.judge(noisy(N_ITEMS, seed=7))
    assert curve[2].verdict.auc > curve[1].verdict.auc > curve[0].verdict.auc
    assert curve[2].verdict.fa_forget == pytest.approx(judge.judge(remembering(HISTORIES, FORGET, seed=7, strength=2.0)).fa_forget)
    with pytest.raises(ValueError, match=r"steps must ascend from 1 or more, got \[4, 2\]"):
        relearning_curve(noisy(N_ITEMS, seed=7), fine_tune, judge, [4, 2])
