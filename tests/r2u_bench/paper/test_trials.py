"""A trial has one name, is stored whole, and is run again when its file or its kind's version does not fit."""

from __future__ import annotations

import pytest
from paper_toys import spec, trial

from r2u_rec.errors import SettingsError
from r2u_rec.trials.kinds import kinds, trial_kind
from r2u_rec.trials.store import FOLDER, distinct, made_trial, read_trial, rows_of, spec_in_words, trial_key, write_trial


def test_the_name_does_not_depend_on_the_order_of_settings_or_on_one_and_one_point_nought():
    assert trial_key({"kind": "image", "lr": 1, "seed": 2}) == trial_key({"seed": 2, "lr": 1.0, "kind": "image"})


@pytest.mark.parametrize("change", [{"seed": 1}, {"lr": 0.1}, {"flag": False}, {"kind": "text"}, {"classes": [1, 0]}])
def test_any_other_setting_is_another_name(change):
    base = {"kind": "image", "seed": 0, "flag": 0.5, "classes": [0, 1]}
    assert trial_key({**base, **change}) != trial_key(base)


def test_the_device_names_no_trial():
    assert trial_key(spec(device="cuda")) == trial_key(spec())


def test_a_new_version_of_a_kind_is_a_new_name(monkeypatch):
    before = trial_key({"kind": "image"})
    monkeypatch.setitem(kinds(), "image", "somewhere:run@2")
    assert trial_key({"kind": "image"}).endswith("-v2")
    assert trial_key({"kind": "image"}).removesuffix("-v2") == before.removesuffix("-v1")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}, [[1]], object()])
def test_a_setting_that_json_cannot_name_is_refused(value):
    with pytest.raises(SettingsError, match="a trial's lr must be text, a finite number"):
        trial_key({"kind": "image", "lr": value})


def test_a_stored_trial_comes_back_with_its_spec_over_every_row(tmp_path):
    given = spec(seed=3)
    found = made_trial({**given, "device": "cuda"}, [{"steps": 4.0}, {"arm": "said by the trial"}], seconds=1.5, device="cuda")
    write_trial(tmp_path, trial_key(given), found)
    again = read_trial(tmp_path, trial_key(given))
    assert again == found
    assert again.spec == given
    assert {"python", "torch"} <= set(again.versions)
    assert [row["arm"] for row in rows_of({"k": again})] == ["repaired", "said by the trial"]
    assert {row["trial"] for row in rows_of({"k": again})} == {"k"}


def test_what_is_not_finite_is_stored_as_nothing():
    assert made_trial(spec(), [{"loss": float("inf")}], seconds=1, device="cpu").rows == [{"loss": None}]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"spec": 3}'])
def test_a_broken_file_is_no_trial(tmp_path, text):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{trial_key(spec())}.json").write_text(text)
    assert read_trial(tmp_path, trial_key(spec())) is None


def test_a_file_under_the_name_of_another_trial_is_no_trial(tmp_path):
    write_trial(tmp_path, trial_key(spec(seed=1)), trial(spec(seed=2)))
    assert read_trial(tmp_path, trial_key(spec(seed=1))) is None


def test_equal_specs_are_one_trial():
    assert list(distinct([spec(), spec(seed=1), spec()]).values()) == [spec(), spec(seed=1)]


def test_a_trial_is_described_by_what_tells_it_apart():
    assert spec_in_words({"kind": "image", "seed": 3, "forget": [1, 7], "lr": 0.1, "arm": "noisy"}) == "image noisy forget 1+7 seed 3"


@pytest.mark.parametrize(
    ("kind", "said"), [("imge", "did you mean 'image'"), (None, "kind must be one of image, text, cost"), ("a:b c", "a:b c")]
)
def test_an_unknown_kind_is_refused(kind, said):
    with pytest.raises(SettingsError, match=said):
        trial_kind({"kind": kind})


def test_a_kind_may_be_a_function_with_a_version_of_its_own():
    assert trial_kind(spec()).version == 1
    assert trial_kind({"kind": "paper_toys:run@7"}).version == 7
    assert trial_kind(spec()).load()(spec(device="cpu"))[0]["steps"] == 24


@pytest.mark.parametrize("kind", ["paper_toys:gone", "no_such_module:run"])
def test_a_function_that_is_not_there_is_refused(kind):
    with pytest.raises(SettingsError, match=r"the kind of trial .* is not there"):
        trial_kind({"kind": kind}).load()
