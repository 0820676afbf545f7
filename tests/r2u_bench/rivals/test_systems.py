"""Every system of the registry trains, forgets and is measured on every kind of recommender that it fits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.documentation import as_markdown
from r2u_bench.rivals.kept import CachedTrainer
from r2u_bench.rivals.preset import load_preset, packaged
from r2u_bench.rivals.systems.models import recipe_of, settings_of
from r2u_bench.rivals.systems.notes import NOTES
from r2u_bench.rivals.systems.registry import chosen, own_systems, recommender, systems
from r2u_bench.rivals.trial import fold_in_of, forgotten, options_of, quality, timed
from small_study import MF, settings, small_study

from r2u_rec.core.training import Training
from r2u_rec.errors import SettingsError
from r2u_rec.registry import ARMS, METHODS, MODELS, ArmSpec, MethodSpec, NoSettings
from r2u_rec.registry.specs import FAMILIES, OFFERS
from r2u_rec.trials.store import distinct

SETTINGS = {"mf": MF, "ease": {"reg": 20.0}, "item_knn": {}, "als": {"embedding_dim": 8, "sweeps": 4}}
QUICK = {"fru": "fru kept_share=0.5", "eul": "eul steps=10", "ascent": "ascent steps=3", "fine_tune": "fine_tune epochs=2"}
PAIRS = [
    (model, name)
    for model in SETTINGS
    for name, system in own_systems().items()
    if not system.lacks(recommender(model)) and (model == "mf" or system.family in ("closed", "reference"))
]


@dataclass(frozen=True)
class Mine:
    """Settings of another package's method."""

    share: float = 0.02
    length: float = 1.0


@pytest.fixture(scope="module")
def study():
    return small_study()


def case_of(study, model, folder):
    return BenchmarkContext(study, model, settings(SETTINGS[model]), folder, n_halves=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize(("model", "name"), PAIRS, ids=lambda text: text)
def test_every_system_trains_forgets_and_is_measured(study, folder, model, name):
    case, line = case_of(study, model, folder), chosen(QUICK.get(name, name))
    built = line.system.build(case, line.options)
    task = case.task if built.task is None else built.task
    fitted, seconds = timed(case, lambda: built.method.fit(task, study.records, seed=0))
    assert seconds > 0
    rows = forgotten(case, line, built.method, task, fitted, "random 4 %")
    assert [row["what"] for row in rows] == ["outcome", "users", "users"], rows[0]
    assert 0 < rows[0]["NDCG@20"] <= 1
    assert fold_in_of(rows[1]).users.tolist() == study.requests["random 4 %"].forget.tolist()
    assert np.isfinite(rows[1]["fa"]).all()


def test_settings_are_chosen_by_the_validation_part(study, folder):
    case = case_of(study, "ease", folder)
    model = case.trainer().train(case.task, study.records, seed=0)
    choosing = BenchmarkContext(study, "ease", {**case.settings, "part": "validation"}, folder, n_halves=1)
    for judged, part in ((case, "test"), (choosing, "validation")):
        assert quality(judged, model, None)["NDCG@20"] == study.quality(model, part=part).mean()["NDCG@20"]
    assert quality(case, model, None)["NDCG@20"] != quality(choosing, model, None)["NDCG@20"]


def test_what_is_read_when_forgetting_is_what_the_line_says(study, folder):
    """A system that says that it reads the request alone is a PostHoc edit or a closed form with a memory of its own."""
    for model, name in PAIRS:
        case, line = case_of(study, model, folder), chosen(name)
        method = line.system.build(case, line.options).method
        if line.system.reads == "request":
            assert not getattr(method, "reads_retained", False), name
            assert type(method).__name__ in ("PostHoc", "Ease", "ItemKnn"), name


def test_a_kept_model_is_trained_once_and_its_time_is_remembered(study, tmp_path):
    calls = []

    class Slow:
        def train(self, task, records, *, seed):
            calls.append(seed)
            return case_of(study, "mf", tmp_path).task.model(records, seed=seed)

    first, second = CachedTrainer(Slow(), tmp_path, "a"), CachedTrainer(Slow(), tmp_path, "a")
    one, two = first.train(None, study.records, seed=3), second.train(None, study.records, seed=3)
    assert calls == [3]
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert a.equal(b)
    CachedTrainer(Slow(), tmp_path, "b").train(None, study.records, seed=3)
    second.train(None, study.left("core 4 %"), seed=3)
    assert calls == [3, 3, 3]  # another recipe, other records


def test_what_a_line_sets_goes_before_the_presets_newton_settings_and_these_before_defaults(study, tmp_path):
    of_model = {**SETTINGS["mf"], "newton": {"damping": 0.7, "n_kept": 4}}
    case = BenchmarkContext(study, "mf", settings(of_model), tmp_path, n_halves=1)
    for text, damping in (("newton", 0.7), ("newton damping=3.0", 3.0)):
        line = chosen(text)
        built = line.system.build(case, options_of(case, line)).method.unlearner
        assert (built.damping, built.n_draws, built.n_kept) == (damping, line.system.options["n_draws"], 4)


def test_a_line_is_a_name_with_options_and_what_is_unknown_is_refused_with_the_nearest():
    line = chosen("receraser by=item shards=3")
    assert (line.system.name, dict(line.options)) == ("receraser", {"by": "item", "shards": 3, "own_items": False})
    with pytest.raises(SettingsError, match="unknown system 'recerasr'; did you mean 'receraser'"):
        chosen("recerasr")
    with pytest.raises(SettingsError, match="system receraser has no option 'shard=3'; did you mean 'shards'"):
        chosen("receraser shard=3")
    with pytest.raises(SettingsError, match="unknown recommender 'eaze'; did you mean 'ease'"):
        recommender("eaze")


def test_the_documentation_is_made_from_the_registry(checkout):
    assert (checkout / "docs" / "systems.md").read_text() == as_markdown()
    assert NOTES.keys() == own_systems().keys()


@pytest.fixture
def registered(monkeypatch):
    """What is registered in a test is forgotten after it."""
    for registry in (METHODS, ARMS, MODELS):
        monkeypatch.setattr(registry, "_specs", dict(registry._specs))


@pytest.mark.usefixtures("registered")
def test_a_method_an_arm_and_a_closed_form_that_others_register_take_part_by_themselves():
    METHODS.add(MethodSpec("mine", "Mine", "me", "edit", "request", Mine, frozenset({"rows"}), lambda context, settings: None))
    ARMS.add(ArmSpec("careful", "careful", "me", NoSettings, frozenset({"steps"}), lambda context, settings: None))
    MODELS.add(replace(recommender("ease"), name="ridge", title="Ridge", source="me"))
    there = systems()
    assert there["mine"].options == {"share": 0.02, "length": "canaries"}
    assert chosen("mine share=0.5").options == {"share": 0.5, "length": "canaries"}
    assert (there["careful_ascent"].title, there["careful_ascent"].family) == ("careful, ascent", "training")
    assert there["careful_ascent"].lacks(recommender("neumf")) == []
    assert [name for name, each in there.items() if each.family == "closed" and not each.lacks(recommender("ridge"))] == ["ridge_exact"]


@pytest.mark.usefixtures("registered")
def test_a_method_that_is_called_as_one_of_our_lines_is_refused():
    METHODS.add(MethodSpec("ease_exact", "Mine", "me", "edit", "request", NoSettings, frozenset(), lambda context, settings: None))
    with pytest.raises(SettingsError, match="'ease_exact' is a system of the benchmark already: register yours under another name"):
        systems()


def test_a_system_says_what_a_recommender_lacks_for_it():
    bare = replace(recommender("mf"), name="bare", offers=frozenset({"steps"}))
    assert systems()["newton"].lacks(bare) == ["can say how interactions meet the rows of its item tables"]
    assert systems()["ease_exact"].lacks(bare) == ["is EASE"]
    assert systems()["retrain"].lacks(bare) == []
    for system in own_systems().values():
        assert system.needs <= OFFERS.keys()
        assert system.family in FAMILIES
    for _, each in MODELS.items():
        assert each.offers <= OFFERS.keys()


KEYS = {
    "ml-100k": (669, "f302852369fefad8410a4b6ed4ecb5f2557aa2457bc7549523841224d6c7b608"),
    "ml-100k-choice": (93, "8275c8f4772391da0a8e6cb2ad0d63a5a37af125fe4454c338f2eddb1b46000d"),
    "ml-100k-one-percent": (180, "8bb12774c14651d0f58337a9079c5d6562e0cbf524659c3a373835c1aa614f13"),
    "ml-1m": (160, "a3ee0f4580cf168ac1367329a3aa82a956ff22194f806c61a919f00c48513ed4"),
}
"""Preset -> number of its trials, and the sha256 of their keys, a line each: what the committed figures were measured under."""


def test_the_packaged_presets_ask_for_the_trials_that_the_committed_figures_come_from(monkeypatch):
    monkeypatch.setattr("r2u_bench.rivals.preset.systems", own_systems)  # whatever else is installed or registered here
    assert packaged().keys() == KEYS.keys()
    for name, (n_trials, digest) in KEYS.items():
        preset = load_preset(name)
        keys = list(distinct(preset.references(Path("out")) + preset.runs(Path("out"))))
        assert len(keys) == n_trials, name
        assert hashlib.sha256("\n".join(keys).encode()).hexdigest() == digest, name


def test_a_line_of_ascent_goes_as_far_as_canaries_or_a_number_say(study, folder):
    case = case_of(study, "mf", folder)
    by_rule, twice = (chosen(text).system.build(case, chosen(text).options).method.unlearner for text in ("ascent", "ascent length=2.0"))
    assert by_rule.length.rule.canaries.evidence == "fold-in"
    assert (twice.length, twice.unlearner.steps, twice.unlearner.bound) == (2.0, 10, "none")
    bounded = chosen("ascent_bounded bound_level=0.5")
    built = bounded.system.build(case, bounded.options).method.unlearner.unlearner
    assert (built.bound, built.bound_level) == ("cap", 0.5)


def test_presets_say_what_a_recommender_is_in_groups_of_their_own():
    of_mf = settings_of(recommender("mf"), {**MF, "newton": {"n_kept": 4}, "evidence": "adaptive"})
    assert (of_mf.embedding_dim, of_mf.reg) == (8, 0.01)
    assert settings_of(recommender("lightgcn"), {"build": {"n_layers": 1}}).reg == 0.0
    assert settings_of(recommender("autoencoder"), {"polish": {"reg": 10.0}}).polish == 10.0
    assert settings_of(recommender("neumf"), {"build": {"widths": [8, 4]}}).widths == (8, 4)
    of_library = settings_of(recommender("recbole_bpr"), {"build": {"embedding_size": 64}, "task": {"n_negatives": 2}})
    assert (of_library.values(), of_library.n_negatives) == ({"embedding_size": 64}, 2)
    assert recipe_of(recommender("mf"), MF).training == Training(epochs=12, batch_size=1024, lr=0.05)
    for given, message in (
        ({"build": {"embeding_dim": 8}}, "unknown setting of autoencoder 'embeding_dim'; did you mean 'embedding_dim'"),
        ({"polish": {"reg": 1.0, "steps": 3}}, "polish must set reg and nothing else"),
    ):
        with pytest.raises(SettingsError, match=message):
            settings_of(recommender("autoencoder"), given)
    with pytest.raises(SettingsError, match="ease is not trained by a loop and takes no training settings"):
        recipe_of(recommender("ease"), {"training": {"epochs": 3}})
