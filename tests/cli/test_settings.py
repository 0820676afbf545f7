"""Settings from files and flags: who wins, what is refused and how it is said, presets and repeats."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from r2u_rec.cli.parse import UsageError, parse, presets, settings_of, settings_parser
from r2u_rec.cli.settings import SECTIONS, Settings, write_settings


def settings(*argv: str) -> Settings:
    return settings_of(parse(settings_parser("run", "", tuple(SECTIONS)), argv))


def refusal(*argv: str) -> str:
    with pytest.raises(UsageError) as refused:
        settings(*argv)
    return str(refused.value)


def test_no_flags_give_the_defaults():
    assert settings() == Settings()


def test_flags_have_the_names_of_the_settings_with_a_space_or_an_equals_sign():
    assert settings("--model.embedding_dim", "16").model.embedding_dim == 16
    assert settings("--model.embedding_dim=16").model.embedding_dim == 16


def test_a_later_file_wins_over_an_earlier_one_and_a_flag_after_it_over_both(tmp_path):
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("model: {embedding_dim: 16, reg: 0.5}\nseed: 3\n")
    second.write_text("model: {embedding_dim: 32}\n")
    found = settings("--config", str(first), "--config", str(second), "--training.epochs", "7")
    assert (found.model.embedding_dim, found.model.reg, found.seed, found.training.epochs) == (32, 0.5, 3, 7)
    assert settings("--config", str(first), "--model.embedding_dim", "8").model.embedding_dim == 8


def test_lists_may_be_written_with_commas():
    assert settings("--data.shares", "0.7,0.2,0.1").data.shares == (0.7, 0.2, 0.1)
    assert settings("--prepare.displace", "item_*,user_*").prepare.displace == ("item_*", "user_*")
    assert settings("--prepare.displace", "null").prepare.displace is None


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--model.embeding_dim", "64"], "unknown flag --model.embeding_dim; did you mean '--model.embedding_dim'?"),
        (["--embedding_dim=64"], "unknown flag --embedding_dim; did you mean '--model.embedding_dim'?"),
        (["--model.embedding_dim", "many"], "model.embedding_dim takes a whole number, got 'many'"),
        (["--model.embedding_dim", "1.5"], "model.embedding_dim takes a whole number, got '1.5'"),
        (
            ["--model.name", "mff"],
            "model.name takes one of mf, lightgcn, ease, item_knn, neumf, autoencoder, sasrec, got 'mff'; did you mean 'mf'?",
        ),
        (["--forget.length", "canary"], "forget.length takes a number or one of canaries, shadow, got 'canary'; did you mean 'canaries'?"),
        (["--data.shares", "1,2"], "data.shares takes a list of 3, each a number, got '[1, 2]'"),
        (["--training.lr"], "--training.lr needs a value"),
        (["--preset", "demmo"], f"unknown preset 'demmo'; did you mean 'demo'? there are {', '.join(presets())}"),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_in_one_line_with_the_nearest_name(argv, said):
    assert refusal(*argv) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: {embeding_dim: 64}", "unknown key model.embeding_dim; did you mean 'model.embedding_dim'?"),
        ("modle: {embedding_dim: 64}", "unknown key modle.embedding_dim; did you mean 'model.embedding_dim'?"),
        ("sed: 3", "unknown key sed; did you mean 'seed'?"),
        ("model: 3", "model must hold settings"),
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
    assert settings("--preset", name) != Settings()


def test_there_is_a_demo_on_movielens_100k():
    assert settings("--preset", "demo").data.name == "ml-100k"


def test_a_run_is_repeated_by_naming_its_folder(tmp_path):
    told = replace(settings("--model.name", "lightgcn", "--data.shares", "0.5,0.25,0.25", "--prepare.displace", "null"), seed=9)
    write_settings(told, tmp_path)
    assert settings("--repeat", str(tmp_path)) == told
    assert settings("--repeat", str(tmp_path), "--seed", "4") == replace(told, seed=4)


def test_a_folder_without_settings_cannot_be_repeated(tmp_path):
    assert refusal("--repeat", str(tmp_path)) == f"{tmp_path} holds no settings.yaml: name the folder of an earlier run"


def test_the_written_settings_hold_every_key(tmp_path):
    write_settings(Settings(), tmp_path)
    held = yaml.safe_load((Path(tmp_path) / "settings.yaml").read_text())
    assert {key: set(values) for key, values in held.items() if key != "seed"} == {
        key: set(values) for key, values in asdict(Settings()).items() if key != "seed"
    }


def test_every_setting_has_a_help_text():
    lacking = [f"{name}.{key}" for name, kind in SECTIONS.items() for key, f in kind.__dataclass_fields__.items() if not f.metadata["help"]]
    assert lacking == []
