"""What is registered at run time works wherever names are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from api_toys import checkerboard

import r2u_rec as r2u
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.closed_form.ease import Ease


@dataclass(frozen=True)
class Shrink:
    """Shrinks the item table."""

    rate: float = 0.5

    def remember(self, task, model, records, *, seed):
        return None

    def edit_(self, task, model, forget, memory, *, seed):
        model.item_embedding.weight.data.mul_(1 - self.rate)


@dataclass(frozen=True)
class Again:
    """Trains again, as a method that is whole."""

    trainer: Any
    exact = True

    def fit(self, task, records, *, seed):
        from r2u_rec.core.protocols import Fitted

        return Fitted(self.trainer.train(task, records, seed=seed), records)

    def forget(self, task, fitted, ids, *, seed):
        return self.fit(task, fitted.records.drop(ids), seed=seed)


class Plainly:
    """Standard steps."""

    def step(self, context, records):
        from r2u_rec.core.strategies import standard

        return standard


@dataclass(frozen=True)
class ToyEASE:
    """EASE under another name."""

    reg: float = 2.0

    def fit(self, task, records, *, seed):
        return Ease(self.reg).fit(task, records, seed=seed)

    def forget(self, task, fitted, ids, *, seed):
        return Ease(self.reg).forget(task, fitted, ids, seed=seed)


@pytest.fixture(scope="module", autouse=True)
def registered(registries):
    """The four classes above, registered while the tests of this file run."""
    r2u.register_method("shrink", needs=("tables", "rows"))(Shrink)
    r2u.register_method("again")(Again)
    r2u.register_arm("plainly", reads_revocable=False)(Plainly)
    r2u.register_model("toy_ease", offers=("closed form", "fold-in"))(ToyEASE)


def test_a_registered_edit_forgets_by_its_settings(log):
    model = r2u.MF(embedding_dim=4, epochs=2, method=r2u.Method("shrink", rate=0.75)).fit(log)
    after = model.forget(users=["U-001"], allow_small_batch=True)
    kept = model.trained.fitted.model.item_embedding.weight
    assert (after.trained.fitted.model.item_embedding.weight == 0.25 * kept).all()
    with pytest.raises(SettingsError, match="unknown setting of shrink 'rates'; did you mean 'rate'"):
        r2u.Method("shrink", rates=1)
    with pytest.raises(SettingsError, match="shrink does not fit EASE"):
        r2u.EASE(method="shrink")


def test_a_registered_method_is_given_how_the_model_is_trained(log):
    model = r2u.MF(embedding_dim=4, epochs=2, method="again").fit(log)
    retrained = r2u.MF(embedding_dim=4, epochs=2, method="retrain").fit(log)
    one, other = (each.forget(users=["U-001"], allow_small_batch=True).recommend(["U-002"]) for each in (model, retrained))
    assert one.equals(other)


def test_a_registered_way_to_train_trains(log):
    model = r2u.MF(embedding_dim=4, epochs=2, prepare=r2u.Prepare("plainly")).fit(log)
    assert model.recommend(["U-002"]).equals(r2u.MF(embedding_dim=4, epochs=2).fit(log).recommend(["U-002"]))


def test_a_registered_model_has_a_constructor_and_forgets_exactly(log):
    model = r2u.ToyEASE(reg=1.0).fit(log)
    assert repr(model) == "<ToyEASE(reg=1.0): 40 users, 16 items, 240 interactions>"
    same = r2u.EASE(reg=1.0).fit(log)
    one, other = (each.forget(users=["U-001"], allow_small_batch=True).recommend(["U-002"]) for each in (model, same))
    assert one.equals(other)
    assert r2u.model("toy_ease").plan.model.reg == 2.0


def test_what_is_neither_is_refused():
    with pytest.raises(SettingsError, match="Nothing must have edit_ and remember"):
        r2u.register_method("nothing")(type("Nothing", (), {}))
    with pytest.raises(SettingsError, match=r"Nothing must have task\(\), or fit and forget"):
        r2u.register_model("nothing")(type("Nothing", (), {}))
    with pytest.raises(SettingsError, match=r"Nothing must have step\(context, records\)"):
        r2u.register_arm("nothing")(type("Nothing", (), {}))
    with pytest.raises(SettingsError, match="there is a method 'newton' already"):
        r2u.register_method("newton")(Shrink)
    with pytest.raises(SettingsError, match="unknown property of a model 'tabels'; did you mean 'tables'"):
        r2u.register_method("other", needs=("tabels",))(Shrink)


def test_the_toy_log_has_two_groups():
    log = checkerboard(n_users=4)
    assert ((log.user % 2) == [int(log.item_keys.key(int(i))[1:]) % 2 for i in log.item]).all()
