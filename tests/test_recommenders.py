"""The suite of recommenders: every model answers alike, on the checkerboard whose right answer is known.

Who takes it stands in `conformance/models_*.py`: each file has `MODELS`, name -> callable(log, seed) -> Fitted, and may have `IMPERSONAL`,
the names of those that answer everybody alike. What a saved model needs to be loaded: a fresh one of the same kind, its state dict, and
`stand_on` the records, which is what `RankingTask.attach` does (histories and graphs are in the records, never in the state dict).
"""

from __future__ import annotations

import copy
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from roster import LOG, N_ITEMS, N_USERS  # in the folder beside this file
from scipy import sparse

from r2u_rec.core.protocols import Fitted
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.recsys.serving.recommend import recommend

PARTS = [import_module(path.stem) for path in sorted((Path(__file__).parent / "conformance").glob("models_*.py"))]
MODELS = {name: build for part in PARTS for name, build in part.MODELS.items()}
IMPERSONAL = {name for part in PARTS for name in getattr(part, "IMPERSONAL", ())}
every = pytest.mark.parametrize("name", MODELS)
personal = pytest.mark.parametrize("name", [name for name in MODELS if name not in IMPERSONAL])
EVERYBODY = np.arange(N_USERS)
GONE = 5
LEFT = LOG.drop(LOG.ids_of_users([GONE]))
OTHERS = np.delete(EVERYBODY, GONE)


@cache
def fitted(name: str) -> Any:
    return MODELS[name](LOG, 0)


def state(model: Any) -> bytes:
    return b"".join(value.contiguous().numpy().tobytes() for value in model.state_dict().values())


def globals_now() -> tuple[Any, ...]:
    """The state that a model must leave as it found it: torch's and numpy's own randomness, and the number of threads."""
    numpys = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return torch.random.get_rng_state().numpy().tobytes(), numpys, torch.get_num_threads()


def close(found: Any, wanted: Any) -> None:
    """Equal up to the order in which a product of matrices adds."""
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)


def stand_on(model: Any, records: Any) -> Any:
    """What `RankingTask.attach` does: whatever derives from data is made anew, and who has no record has no row."""
    if hasattr(model, "rebuild"):
        model.rebuild(records)
    if hasattr(model, "forget_rows_"):
        model.forget_rows_(np.flatnonzero(records.user_counts == 0))
    return model


def histories(*of: list[int]) -> Any:
    """CSR of ones: one row for each list of things."""
    out = np.zeros((len(of), N_ITEMS), dtype=np.float32)
    for row, items in enumerate(of):
        out[row, items] = 1
    return sparse.csr_array(out)


def right_colour(scores: Any, seen: Any, colours: Any) -> float:
    """Share of the two best things, of those not seen, that are of the person's colour."""
    unseen = np.where(seen.toarray() > 0, -np.inf, scores)
    return float((np.argsort(-unseen, axis=1)[:, :2] % 2 == np.asarray(colours)[:, None]).mean())


@personal
def test_people_are_recommended_things_of_their_own_colour(name):
    assert right_colour(fitted(name).model.scores(EVERYBODY), LOG.matrix(), EVERYBODY % 2) >= 0.9


@every
def test_scores_are_finite_float32_one_row_a_user_one_column_an_item(name):
    scores = fitted(name).model.scores(np.array([7, 3, 7]))
    assert type(scores) is np.ndarray
    assert (scores.shape, scores.dtype) == ((3, N_ITEMS), np.float32)
    assert np.isfinite(scores).all()
    close(scores[0], scores[2])


@every
def test_no_user_is_an_empty_answer(name):
    model = fitted(name).model
    for scores in (model.scores(EVERYBODY[:0]), model.fold_in(histories()), model.fold_in(LOG.matrix()[:0])):
        assert (scores.shape, scores.dtype) == ((0, N_ITEMS), np.float32)


@every
def test_scores_do_not_depend_on_how_users_are_chunked_or_ordered(name):
    model = fitted(name).model
    whole, folded = model.scores(EVERYBODY), model.fold_in(LOG.matrix())
    for size in (1, 5):
        chunks = [slice(start, start + size) for start in range(0, N_USERS, size)]
        close(np.concatenate([model.scores(EVERYBODY[c]) for c in chunks]), whole)
        close(np.concatenate([model.fold_in(LOG.matrix()[c]) for c in chunks]), folded)
    close(model.scores(EVERYBODY[::-1].copy())[::-1], whole)


@every
def test_asking_does_not_change_the_model_and_the_answer_is_the_askers_own(name):
    model = fitted(name).model
    assert not model.training
    before, scores, folded = state(model), model.scores(EVERYBODY), model.fold_in(LOG.matrix())
    kept = scores.copy(), folded.copy()
    scores[:], folded[:] = -np.inf, -np.inf  # as masking does
    recommend(fitted(name), ["person-1", "nobody"], k=3)
    assert state(model) == before
    close(model.scores(EVERYBODY), kept[0])
    close(model.fold_in(LOG.matrix()), kept[1])
    assert not model.training


@every
def test_who_is_unknown_is_answered_by_popularity(name):
    (answer,) = recommend(fitted(name), ["nobody"], k=3)
    best = np.argsort(-Popularity.of(LOG).counts.numpy(), kind="stable")[:3]
    assert answer.source == "popularity"
    assert sorted(answer.scores) == sorted(LOG.item_counts[best])
    assert recommend(fitted(name), ["person-1"], k=3)[0].source == "model"


@personal
def test_a_stranger_is_known_by_the_colour_of_the_history(name):
    unknown_users = histories([0, 2, 4, 8], [1, 5, 9, 15], [2, 6, 12], [3, 7, 9, 11, 13])
    assert right_colour(fitted(name).model.fold_in(unknown_users), unknown_users, [0, 1, 0, 1]) >= 0.85


@every
def test_an_empty_history_says_nothing_and_takes_nothing_from_its_neighbours(name):
    model = fitted(name).model
    alone = model.fold_in(histories([]))
    among = model.fold_in(histories([0, 2, 4], [], [1, 3, 5], []))
    assert np.isfinite(alone).all()
    close(among[[1, 3]], alone[[0, 0]])


@every
def test_a_saved_state_gives_the_same_answers_in_a_fresh_model_that_stands_on_the_records(name):
    model = fitted(name).model
    fresh = MODELS[name](LOG.take(np.arange(len(LOG)) % 5 > 0), 1).model
    assert not np.allclose(fresh.scores(EVERYBODY), model.scores(EVERYBODY))
    fresh.load_state_dict(copy.deepcopy(model.state_dict()))
    stand_on(fresh, LOG)
    close(fresh.scores(EVERYBODY), model.scores(EVERYBODY))
    close(fresh.fold_in(LOG.matrix()), model.fold_in(LOG.matrix()))


@every
def test_who_has_no_record_left_scores_nothing_and_the_others_are_still_served(name):
    for model in (stand_on(copy.deepcopy(fitted(name).model), LEFT), MODELS[name](LEFT, 0).model):
        scores = model.scores(EVERYBODY)
        assert np.isfinite(scores).all()
        if name in IMPERSONAL:
            assert np.array_equal(scores[GONE], scores[OTHERS[0]])
        else:
            assert not scores[GONE].any()
            assert right_colour(scores[OTHERS], LEFT.matrix()[OTHERS], OTHERS % 2) >= 0.9
        answer, other = recommend(Fitted(model, LEFT), [f"person-{GONE}", "person-1"], k=2)
        assert (answer.source, other.source) == ("popularity", "model")


@every
def test_standing_on_the_same_records_again_changes_nothing(name):
    model = fitted(name).model
    again = stand_on(copy.deepcopy(model), LOG)
    assert state(again) == state(model)
    close(again.scores(EVERYBODY), model.scores(EVERYBODY))


@every
def test_the_same_seed_gives_the_same_bytes_and_nothing_global_is_changed(name):
    before = globals_now()
    again = MODELS[name](LOG, 0).model
    assert state(again) == state(fitted(name).model)
    assert globals_now() == before
