"""Settings from files and flags: who wins, what is refused and how it is said, presets and repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from r2u_rec.config.errors import UsageError
from r2u_rec.config.files import flattened, presets, write_settings
from r2u_rec.config.keys import all_keys
from r2u_rec.config.parse import VerbParser, parse
from r2u_rec.config.settings import Settings
from r2u_rec.registry import MODELS


def settings(*argv: str, verb: str = "run") -> Settings:
    return parse(verb, VerbParser(verb), argv).settings


def refusal(*argv: str) -> str:
    with pytest.raises(UsageError) as refused:
        settings(*argv)
    return str(refused.value)


def test_without_flags_the_defaults_are_those_of_the_verb():
    plain, proof = settings(verb="train"), settings(verb="run")
    assert (plain.data.split, plain.revocability.holdout, plain.revocability.calibration_share) == ("none", False, 0.0)
    assert (proof.data.split, proof.revocability.holdout, proof.revocability.calibration_share) == ("random", True, 0.05)
    assert (plain.forget.methods["newton"].length, proof.forget.methods["newton"].length) == (1.0, "shadow")


def test_a_models_own_defaults_go_before_those_of_the_loop_and_the_method():
    found = settings("--model.name", "neumf")
    assert (found.training.epochs, found.training.batch_size, found.forget.methods["newton"].n_draws) == (30, 2048, 16)
    assert settings("--model.name", "neumf", "--training.epochs", "7").training.epochs == 7


def test_flags_have_the_names_of_the_settings_with_a_space_or_an_equals_sign():
    assert settings("--model.embedding_dim", "16").model.settings.embedding_dim == 16
    assert settings("--model.embedding_dim=16").model.settings.embedding_dim == 16


def test_a_later_file_wins_over_an_earlier_one_and_a_flag_after_it_over_both(tmp_path):
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("model: {embedding_dim: 16, reg: 0.5}\nseed: 3\n")
    second.write_text("model: {embedding_dim: 32}\n")
    found = settings("--config", str(first), "--config", str(second), "--training.epochs", "7")
    assert (found.model.settings.embedding_dim, found.model.settings.reg, found.seed, found.training.epochs) == (32, 0.5, 3, 7)
    assert settings("--config", str(first), "--model.embedding_dim", "8").model.settings.embedding_dim == 8


def test_lists_may_be_written_with_commas():
    assert settings("--data.shares", "0.7,0.2,0.1").data.shares == (0.7, 0.2, 0.1)
    prepared = settings("--prepare.ready2unlearn.displace", "item_*,user_*").prepare.arms["ready2unlearn"]
    assert prepared.displace == ("item_*", "user_*")
    assert settings("--prepare.ready2unlearn.displace", "null").prepare.arms["ready2unlearn"].displace is None
    assert settings("--prepare.ready2unlearn.displace", "item").prepare.arms["ready2unlearn"].displace == "item"


def test_keys_of_users_stay_the_text_that_was_written():
    assert settings("--revocability.users", "007,NA,1e3,null x,true").revocability.users == ("007", "NA", "1e3", "null x", "true")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--model.embeding_dim", "64"], "unknown flag --model.embeding_dim; did you mean '--model.embedding_dim'?"),
        (["--embedding_dim=64"], "unknown flag --embedding_dim; did you mean '--model.embedding_dim'?"),
        (["--model.embedding_dim", "many"], "model.embedding_dim takes a whole number, got 'many'"),
        (["--model.embedding_dim", "1.5"], "model.embedding_dim takes a whole number, got '1.5'"),
        (["--model.name", "mff"], "model.name takes one of mf, lightgcn, ease, "),
        (["--model.widths", "8"], "unknown flag --model.widths: model.name=mf has none; neumf has it"),
        (
            ["--forget.newton.length", "canary"],
            "forget.newton.length takes a number or one of canaries, shadow, got 'canary'; did you mean 'canaries'?",
        ),
        (["--forget.method", "newtn"], "forget.method takes one of auto, "),
        (["--data.shares", "1,2"], "data.shares takes a list of 3, each a number, got '1,2'"),
        (["--seed", "18446744073709551616"], "seed takes a whole number, got '18446744073709551616'"),
        (["--data.min_rating", ".nan"], "data.min_rating takes a number or null, got '.nan'"),
        (["--training.lr"], "--training.lr needs a value"),
        (["--preset", "demmo"], f"unknown preset 'demmo'; did you mean 'demo'? there are {', '.join(presets())}"),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_in_one_line_with_the_nearest_name(argv, said):
    assert refusal(*argv).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: {embeding_dim: 64}", "unknown key model.embeding_dim; did you mean 'model.embedding_dim'?"),
        ("modle: {embedding_dim: 64}", "unknown section 'modle'; did you mean 'model'?"),
        ("sed: 3", "unknown section 'sed'; did you mean 'seed'?"),
        ("model: 3", "model must hold settings"),
        ("model:", "model must hold settings such as"),
        ("seed: null", "seed takes a whole number, got None"),
        ("evaluate: {ks: 10}", "evaluate.ks takes a list, each a whole number, got 10"),
        ("- 3", "must hold sections such as 'model:', got list"),
        ("model: [", "cannot be read"),
        ("training: {epochs: soon}", "training.epochs takes a whole number, got 'soon'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_the_nearest_key(tmp_path, text, said):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert said in refusal("--config", str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert f"settings file {tmp_path / 'none.yaml'} cannot be read" in refusal("--config", str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_parses_and_changes_something(name):
    assert settings("--preset", name) != settings()


def test_there_is_a_demo_on_movielens_100k():
    assert settings("--preset", "demo").data.name == "ml-100k"


def test_a_run_is_repeated_by_naming_its_folder(tmp_path):
    told = replace(
        settings("--model.name", "lightgcn", "--data.shares", "0.5,0.25,0.25", "--prepare.ready2unlearn.displace", "null"), seed=9
    )
    write_settings(told, tmp_path)
    assert settings("--repeat", str(tmp_path)) == told
    assert settings("--repeat", str(tmp_path), "--seed", "4") == replace(told, seed=4)


def test_a_folder_without_settings_cannot_be_repeated(tmp_path):
    assert refusal("--repeat", str(tmp_path)) == f"{tmp_path} holds no settings.yaml: name the folder of an earlier run"


def test_the_written_settings_hold_every_key(tmp_path):
    write_settings(settings(), tmp_path)
    assert set(flattened(settings())) == set(all_keys("mf"))
    assert set(yaml.safe_load((tmp_path / "settings.yaml").read_text())) == {key.split(".")[0] for key in all_keys("mf")}


def test_an_empty_file_changes_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    assert settings("--config", str(tmp_path / "empty.yaml")) == settings()


@pytest.mark.parametrize("model", [name for name in MODELS if not name.startswith("recbole")])
def test_every_setting_has_a_help_text(model):
    assert [name for name, key in all_keys(model).items() if not key.help] == []
