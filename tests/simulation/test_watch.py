"""What is judged along a stream: toy models whose memory is planted, held against toys that never saw who left."""

import gc
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from simulation_toys import DAY, START, small_log, stream_of

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.excess import excess
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.simulation.requests import Request
from r2u_rec.simulation.watch import StreamEvaluator, users_who_asked

N_ITEMS, N_USERS = 60, 120
ASKING, HOLDOUT, STAYERS = np.arange(40), np.arange(40, 80), np.arange(80, N_USERS)
IMPRINT = ("auc", "auc_se", "adaptive_auc", "excess", "excess_se", "auc_retrained_lowest", "auc_remembered")


def histories_and_test():
    """(n_users, n_items) CSR twice: 6 to 14 items of each user, and 3 others of each who stays."""
    rng = np.random.default_rng(4)
    seen, test = np.zeros((N_USERS, N_ITEMS), dtype=np.float32), np.zeros((N_USERS, N_ITEMS), dtype=np.float32)
    for user in range(N_USERS):
        items = rng.permutation(N_ITEMS)
        n = rng.integers(6, 15)
        seen[user, items[:n]] = 1
        if user in STAYERS:
            test[user, items[n : n + 3]] = 1
    return sparse.csr_array(seen), sparse.csr_array(test)


HISTORIES, TEST = histories_and_test()


@dataclass
class Toy:
    """Item-item weights: ranks for known users and for strangers."""

    weights: np.ndarray

    def fold_in(self, histories):
        return np.asarray(histories @ self.weights)

    def scores(self, users):
        return self.fold_in(HISTORIES[users])


def trained(seed, *, on=(), strength=2.0):
    """A part that all models share, a part of the seed, and the pairs of items of whom it was trained `on`."""
    shared = np.random.default_rng(99).normal(size=(N_ITEMS, N_ITEMS)) + (HISTORIES[STAYERS].T @ TEST[STAYERS]).toarray()
    theirs = HISTORIES[np.asarray(on, dtype=np.int64)].toarray()
    return Toy(shared + 0.5 * np.random.default_rng(seed).normal(size=shared.shape) + strength * (theirs.T @ theirs))


def watch(**changed):
    given = {
        "holdout": HOLDOUT,
        "stayers": STAYERS,
        "seen": HISTORIES,
        "test": TEST,
        "references": lambda time: [trained(seed) for seed in (1, 2, 3)],
        "remembered": trained(9, on=ASKING),
        "n_halves": 2,
        "seed": 1,
    }
    return StreamEvaluator(changed.pop("histories", HISTORIES), **(given | changed))


@pytest.fixture(scope="module")
def judge():
    return watch()


def test_a_model_that_never_erased_is_convicted_and_one_trained_again_is_acquitted(judge):
    kept = judge.judge(trained(7, on=ASKING), time=5, received_users=ASKING)
    gone = judge.judge(trained(7), time=5, received_users=ASKING)
    assert kept["evidence"] == gone["evidence"] == "passed"
    assert min(kept["auc"], kept["adaptive_auc"], kept["auc_remembered"]) > 0.95
    assert kept["excess"] > 5 * kept["excess_se"] > 0
    assert abs(gone["auc"] - 0.5) < 0.15
    assert abs(gone["excess"]) < 3 * gone["excess_se"]
    assert gone["auc_retrained_lowest"] <= 0.5 <= gone["auc_retrained_highest"]
    assert abs(gone["overlap"] - gone["overlap_floor"]) < 0.05
    assert kept["overlap"] < gone["overlap_floor"] - 0.1
    assert [gone[n] for n in ("n_asked", "n_skipped", "n_holdout", "n_stayers", "n_references")] == [40, 0, 40, 40, 3]


def test_half_of_the_requests_left_undone_lie_between(judge):
    half = judge.judge(trained(7, on=ASKING[:20]), time=5, received_users=ASKING)
    assert 0.6 < half["auc"] < 0.9


def naive_lists(model, k=20):
    lists = []
    for user in STAYERS:
        scores = model.scores([user])[0].copy()
        scores[HISTORIES[[user]].indices] = -np.inf
        lists.append(np.argsort(-scores, kind="stable")[:k])
    return lists


def test_quality_and_overlap_of_those_who_stay_equal_the_naive_loops(judge):
    def ndcg(model):
        found = []
        for user, items in zip(STAYERS, naive_lists(model), strict=True):
            relevant = set(TEST[[user]].indices)
            dcg = sum(1 / np.log2(rank + 2) for rank, item in enumerate(items) if item in relevant)
            found.append(dcg / sum(1 / np.log2(rank + 2) for rank in range(len(relevant))))
        return np.mean(found)

    def overlap(one, other):
        return np.mean([len(set(a) & set(b)) / 20 for a, b in zip(naive_lists(one), naive_lists(other), strict=True)])

    model, references = trained(7, on=ASKING), [trained(seed) for seed in (1, 2, 3)]
    found = judge.judge(model, time=5, received_users=ASKING)
    retrained = [ndcg(reference) for reference in references]
    assert found["ndcg"] == pytest.approx(ndcg(model))
    assert found["ndcg_retrained"] == pytest.approx(np.mean(retrained))
    assert found["ndcg_retrained_sd"] == pytest.approx(np.std(retrained, ddof=1))
    assert found["ndcg_share"] == pytest.approx(ndcg(model) / np.mean(retrained))
    assert found["overlap"] == pytest.approx(np.mean([overlap(model, reference) for reference in references]))
    assert found["overlap_floor"] == pytest.approx(np.mean([overlap(references[i], references[j]) for i, j in ((0, 1), (0, 2), (1, 2))]))


def test_all_policies_share_one_set_of_retrained_models_which_is_let_go():
    asked_for, alive = [], []

    def references(time):
        models = [trained(seed) for seed in (1, 2, 3)]
        asked_for.append(time)
        alive.extend(weakref.ref(model) for model in models)
        return models

    judge = watch(references=references)
    first = judge.judge(trained(7), time=5, received_users=ASKING)
    judge.judge(trained(8), time=5, received_users=ASKING[::-1])
    judge.judge(trained(8), time=6, received_users=ASKING[:3])
    assert judge.judge(trained(7), time=5, received_users=ASKING) == first
    assert asked_for == [5, 6]
    gc.collect()
    assert [ref() for ref in alive] == [None] * 6


def test_the_same_seed_gives_the_same_figures(judge):
    assert watch().judge(trained(7), time=5, received_users=ASKING) == judge.judge(trained(7), time=5, received_users=ASKING)
    few = [watch(seed=seed).judge(trained(7), time=5, received_users=[0, 1])["excess"] for seed in (1, 1, 2)]
    assert few[0] == few[1] != few[2]


def test_with_too_few_requests_there_is_no_auc_but_the_excess_and_the_reason():
    judge, model = watch(), trained(7, on=ASKING)
    found = judge.judge(model, time=1, received_users=[0, 1, 2])
    assert found["evidence"] == "n too small: 3 of 3 users who asked have 4 interactions or more, 5 are needed"
    probes = [FoldInProbe(HISTORIES, users, n_halves=2, seed=1) for users in ([0, 1, 2], HOLDOUT)]
    expected = excess(*(p.measure(model) for p in probes), *([p.measure(trained(s)) for s in (1, 2, 3)] for p in probes))
    assert (found["excess"], found["excess_se"]) == (expected.value, expected.se)
    assert np.isnan([found[name] for name in IMPRINT if not name.startswith("excess")]).all()
    assert found["ndcg"] > 0
    alone = judge.judge(model, time=0, received_users=[5])
    assert np.isfinite(alone["excess"])
    assert np.isnan(alone["excess_se"])
    nobody = judge.judge(model, time=-1, received_users=[])
    assert nobody["evidence"] == "nobody to judge: none of 0 users who asked has 4 interactions or more"
    assert np.isnan([nobody[name] for name in IMPRINT]).all()
    assert nobody["overlap_floor"] > 0


def test_a_failed_self_test_is_noted_and_the_stream_goes_on():
    blind = watch(remembered=trained(9))
    found = blind.judge(trained(7, on=ASKING), time=5, received_users=ASKING)
    assert found["evidence"].startswith("self-test failed: the model with only the rows deleted has AUC 0.")
    assert np.isnan([found[name] for name in IMPRINT]).all()
    assert found["ndcg_share"] > 0
    tainted = watch(references=lambda time: [trained(1, on=ASKING), trained(2), trained(3)])
    assert "one of them has seen erased" in tainted.judge(trained(7), time=5, received_users=ASKING)["evidence"]


def test_histories_too_short_to_probe_are_skipped_and_counted():
    dense = HISTORIES.toarray()
    dense[:3] = 0
    dense[0, :3] = 1
    found = watch(histories=sparse.csr_array(dense)).judge(trained(7), time=5, received_users=ASKING)
    assert (found["n_asked"], found["n_skipped"]) == (37, 3)


def test_a_share_of_no_quality_is_not_a_number():
    indifferent = Toy(np.zeros((N_ITEMS, N_ITEMS)))  # lists the first item that is not seen
    last = sparse.csr_array(np.tile(np.arange(N_ITEMS) == N_ITEMS - 1, (N_USERS, 1)).astype(np.float32))
    found = watch(test=last, references=lambda time: [indifferent] * 2, k=1).judge(trained(7), time=5, received_users=[])
    assert found["ndcg_retrained"] == 0
    assert np.isnan(found["ndcg_share"])


def test_who_asked_are_those_whose_request_for_everything_was_received_whatever_was_carried_out():
    log = small_log()
    requests = [
        Request(0, START + DAY, "user", user=107),
        Request(1, START + 2 * DAY, "window", user=101, since=0),
        Request(2, START + 3 * DAY, "user", user=103),
        Request(3, START + 9 * DAY, "user", user=100),
    ]
    found = [users_who_asked(stream_of(requests), log, START + days * DAY).tolist() for days in (0, 3, 9)]
    assert found == [[], [3, 7], [0, 3, 7]]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"stayers": np.arange(79, 90)}, ValueError, "1 users are both held out and staying, the first 79: let each user play one part"),
        ({"stayers": [1, 2]}, ValueError, "none of the 2 users who stay has a test part: name users with items to be found"),
        ({"holdout": [40, 41]}, EvidenceError, r"2 of 2 never-trained users can be probed .* a proof needs 5: hold out more users"),
    ],
)
def test_a_watch_that_could_not_judge_is_not_built(changed, error, message):
    with pytest.raises(error, match=message):
        watch(**changed)


def test_users_who_play_two_parts_or_change_at_one_time_are_refused(judge):
    with pytest.raises(ValueError, match="1 users are both held out and asking to be erased, the first 40"):
        judge.judge(trained(7), time=8, received_users=[0, 40])
    with pytest.raises(ValueError, match="1 users are both staying and asking to be erased, the first 80"):
        judge.judge(trained(7), time=8, received_users=[0, 80])
    judge.judge(trained(7), time=9, received_users=[0])
    with pytest.raises(ValueError, match="the 2 users who asked by 9 are not the 1 of an earlier call for that time"):
        judge.judge(trained(7), time=9, received_users=[0, 1])


def test_one_retrained_model_is_not_enough():
    with pytest.raises(EvidenceError, match=r"references\(5\) gave 1 models, at least 2 are needed: retrain with another seed"):
        watch(references=lambda time: [trained(1)]).judge(trained(7), time=5, received_users=ASKING)
