"""Every system of the registry trains, forgets and is measured on every kind of recommender that it fits."""

from __future__ import annotations

import numpy as np
import pytest
from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.documentation import as_markdown
from r2u_bench.rivals.kept import CachedTrainer
from r2u_bench.rivals.systems import registry
from r2u_bench.rivals.systems.notes import NOTES
from r2u_bench.rivals.systems.registry import Recommender, System, chosen, recommender, recommenders, systems
from r2u_bench.rivals.trial import fold_in_of, forgotten, options_of, quality, timed
from small_study import MF, settings, small_study

from r2u_rec.errors import SettingsError

SETTINGS = {"mf": MF, "ease": {"reg": 20.0}, "item_knn": {}, "als": {"embedding_dim": 8, "sweeps": 4}}
QUICK = {"fru": "fru kept_share=0.5", "eul": "eul steps=10", "ascent": "ascent steps=3", "fine_tune": "fine_tune epochs=2"}
PAIRS = [
    (model, name)
    for model in SETTINGS
    for name, system in systems().items()
    if model in recommenders() and not system.lacks(recommender(model)) and (model == "mf" or system.family in ("closed", "reference"))
]


@pytest.fixture(scope="module")
def study():
    return small_study()


def case_of(study, model, folder):
    made = recommender(model)
    return BenchmarkContext(study, model, made.recipe(SETTINGS[model]), settings(SETTINGS[model]), folder, n_halves=1)


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
    choosing = BenchmarkContext(study, "ease", case.recipe, {**case.settings, "part": "validation"}, folder, n_halves=1)
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
    made = recommender("mf")
    case = BenchmarkContext(study, "mf", made.recipe(SETTINGS["mf"]), settings(of_model), tmp_path, n_halves=1)
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
    assert NOTES.keys() == systems().keys()


class Point:
    """An entry point as importlib.metadata gives them."""

    name, value = "mine", "my_package:MINE"

    def __init__(self, found):
        self.found = found

    def load(self):
        return self.found


def test_other_packages_bring_systems_and_what_is_none_is_refused(monkeypatch):
    mine = System("mine", "Mine", "me", "edit", "request", frozenset(), lambda case, options: None)
    for found, message in ((mine, None), (3, "a int: it must be a System"), (systems()["newton"], "brings a second 'newton'")):
        monkeypatch.setattr(registry, "entry_points", lambda group, found=found: [Point(found)] if group == registry.SYSTEMS_GROUP else [])
        systems.cache_clear()
        if message is None:
            assert systems()["mine"] is mine
        else:
            with pytest.raises(SettingsError, match=message):
                systems()
    systems.cache_clear()


def test_a_recommender_says_what_it_offers_and_a_system_what_it_lacks():
    bare = Recommender("bare", "Bare", "nobody", frozenset({"steps"}), lambda settings: None)
    assert systems()["newton"].lacks(bare) == ["can say how interactions meet the rows of its item tables"]
    assert systems()["retrain"].lacks(bare) == []
    for system in systems().values():
        assert system.needs <= registry.OFFERS.keys()
        assert system.family in registry.FAMILIES
    for each in recommenders().values():
        assert each.offers <= registry.OFFERS.keys()
