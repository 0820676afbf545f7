"""A text trial from spec to rows, on made texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from r2u_bench.paper.cost_trial import run as cost
from r2u_bench.paper.texts.arms import NAMES, preparation
from r2u_bench.paper.texts.data import material, start_of
from r2u_bench.paper.texts.settings import ARMS, text_settings
from r2u_bench.paper.texts.trial import run
from text_toys import made_texts, spec

from r2u_rec.errors import SettingsError


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return made_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("R2U_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield Path(str(tmp_path_factory.getbasetemp()))


def test_a_trial_tells_of_training_and_of_each_point_of_the_ascent(texts):
    rows = run(spec(texts))
    assert [row["step"] for row in rows if row["what"] == "curve"] == [0, 3, 6]
    first, *_, last = [row["forget_loss"] for row in rows if row["what"] == "curve"]
    assert last > first
    trained = next(row for row in rows if row["what"] == "trained")
    assert trained["forget_loss"] == first
    json.dumps(rows, allow_nan=False)


def test_the_same_spec_gives_the_same_rows_but_for_the_time(texts):
    one, two = (
        [{key: value for key, value in row.items() if key != "train_seconds"} for row in run(spec(texts, arm="repaired"))] for _ in range(2)
    )
    assert one == two


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm not in ("standard", "repaired")])
def test_every_arm_trains_to_a_model_of_its_own(texts, arm):
    rows = run(spec(texts, arm=arm, unlearn_steps=3))
    plain = run(spec(texts, unlearn_steps=3))
    mine, standard = (next(row["forget_loss"] for row in each if row["what"] == "trained") for each in (rows, plain))
    assert mine != standard
    assert arm in NAMES


def test_a_retrained_model_has_seen_nothing_to_forget_and_is_not_unlearned(texts):
    rows = run(spec(texts, arm="retrained", n_recovery=4, recoveries=[0], recovery_epochs=1))
    assert {row["what"] for row in rows} == {"phase", "trained", "recovered"}


def test_each_unlearner_starts_from_the_same_trained_model(texts):
    rows = run(spec(texts, unlearners=["ascent", "bounded", "npo"]))
    starts = {row["unlearner"]: row["forget_loss"] for row in rows if row["what"] == "curve" and row["step"] == 0}
    assert set(starts) == {"ascent", "bounded", "npo"}
    assert len(set(starts.values())) == 1


def test_recovery_goes_on_from_the_unlearned_model_and_brings_the_loss_down(texts):
    own = {"n_recovery": 8, "recoveries": [0], "recovery_epochs": 6, "unlearn_steps": 9, "stop_loss": 50.0}
    rows = run(spec(texts, arm="repaired", lambda2=3.0, **own))
    unlearned = next(row["forget_loss"] for row in rows if row["what"] == "unlearned")
    recovered = next(row["forget_loss"] for row in rows if row["what"] == "recovered")
    assert recovered < unlearned
    assert [row["epoch"] for row in rows if row["what"] == "phase" and row["phase"] == "recovery"] == [1, 2, 3, 4, 5, 6]


def test_the_ascent_ends_at_the_level_asked_for(texts):
    rows = [row for row in run(spec(texts, stop_loss=7.0, unlearn_steps=60, unlearn_lr=3e-3)) if row["what"] == "curve"]
    assert rows[-1]["forget_loss"] >= 7.0 > rows[-2]["forget_loss"]
    assert rows[-1]["step"] < 60


def test_roles_share_no_document(texts):
    s = text_settings(spec(texts, n_recovery=4))
    m = material(s, start_of(s))
    roles = [m.split.forget, m.split.retain, m.split.recovery, m.heldout, m.non_members]
    assert len(np.unique(np.concatenate(roles))) == sum(map(len, roles))
    sea = m.documents.ids_of_groups(["sea"])
    assert set(m.split.forget) | set(m.non_members) <= set(sea)
    assert not set(m.split.retain) & set(sea)


def test_a_start_is_pretrained_once_and_then_taken_from_the_cache(texts, monkeypatch):
    s = text_settings(spec(texts, general_seed=5))
    first = start_of(s).build(None, 0).state_dict()
    monkeypatch.setattr("r2u_bench.paper.texts.data._pretrained_on", lambda *_: pytest.fail("pretrained again"))
    second = start_of(s).build(None, 1).state_dict()
    assert all((first[name] == second[name]).all() for name in first)


def test_the_controls_differ_from_the_repaired_form_in_the_inner_step_alone(texts):
    repaired, none, random = (preparation(text_settings(spec(texts, arm=arm))) for arm in ("repaired", "alpha0", "random"))
    assert none.length == 0
    assert random.geometry == "random"
    assert random.length == repaired.length > 0
    assert repaired.normalised_weights
    assert repaired.epochs == 1


def test_the_literal_form_has_the_settings_of_the_paper(texts):
    found = preparation(text_settings(spec(texts, arm="literal")))
    assert (found.length, found.lambda1, found.lambda3, found.bound, found.delta) == (1e-5, 2.0, 4.0, "none", False)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"arm": "prepared"}, "arm must be of standard, .* got 'prepared'"),
        ({"alhpa": 1.0}, "no setting 'alhpa'; did you mean 'alpha'"),
        ({"n_forget": 0}, "n_forget must be >= 1, got 0"),
        ({"prepare_share": 0.0}, r"prepare_share must lie in \(0, 1\], got 0"),
        ({"recoveries": [0]}, "recovery needs n_recovery >= 4 documents, got 0"),
        ({"recoveries": [5], "n_recovery": 8}, "quantiles are 1 to 4"),
        ({"unlearners": ["descent"]}, "unlearners must be of ascent, bounded, npo, got 'descent'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(texts, own, message):
    with pytest.raises(SettingsError, match=message):
        text_settings(spec(texts, **own))


def test_a_setting_that_is_missing_is_named():
    with pytest.raises(SettingsError, match="a trial on text needs 'seed'"):
        text_settings({"kind": "text", "data": "enron", "arm": "standard"})


def test_roles_that_no_document_is_left_for_are_refused(texts):
    s = text_settings(spec(texts, n_retain=24))
    with pytest.raises(SettingsError, match=r"too few documents for its roles .*heldout 0.*: lower n_forget"):
        material(s, start_of(s))


def test_a_word_that_is_no_list_of_groups_is_refused(texts):
    s = text_settings(spec(texts, forget="sea"))
    with pytest.raises(SettingsError, match=r"forget must be a list of groups or 'random', got 'sea'"):
        material(s, start_of(s))


def test_a_cost_trial_measures_every_way_to_train_on_one_start(texts):
    own = {key: value for key, value in spec(texts).items() if key not in ("kind", "arm")}
    rows = cost({**own, "kind": "cost", "task": "text", "epochs": 2})
    assert [row["way"] for row in rows] == ["standard", "repaired", "every", "literal"]
    assert rows[0]["step_ratio"] == 1
    assert rows[2]["step_ratio"] > 1
