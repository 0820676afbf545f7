"""What an installed r2u_rec must do on every interpreter: train, forget, save, load and recommend, without a checkout.

`make test-pythons` runs this file against the built wheel, with nothing but the core dependencies and pytest. It needs no network.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import r2u_rec
from r2u_rec.cli.main import main
from r2u_rec.data.reading.read import read_log
from r2u_rec.optional import missing
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.serving.recommend import recommend

LEAVING = [f"c-{n:03}" for n in range(20)]
FLAGS = [
    "--data.user=customer",
    "--data.item=sku",
    "--revocability.scorer=uniform",
    "--seed=0",
    "--forget.newton.length=1",
    "--training.epochs=3",
]


class Said(NamedTuple):
    """What a command returned and printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def r2u(capsys) -> Callable[..., Said]:
    """The command line, in this process: the libraries are slow to import."""

    def run(*arguments: str | Path) -> Said:
        status = main([str(argument) for argument in arguments])
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A file of 120 customers, each with ten of the thirty things of one of two kinds."""
    draw, path = random.Random(0), tmp_path_factory.mktemp("shop") / "shop.csv"
    pairs = [(f"c-{n:03}", f"s-{30 * (n % 2) + item:02}") for n in range(120) for item in draw.sample(range(30), 10)]
    path.write_text("customer,sku\n" + "".join(f"{user},{item}\n" for user, item in pairs))
    return path


def test_the_package_under_test_is_the_installed_one():
    if not os.environ.get("R2U_INSTALLED"):
        pytest.skip("R2U_INSTALLED is not set: this run tests a checkout")
    assert "site-packages" in Path(r2u_rec.__file__).parts


@pytest.mark.parametrize(
    ("model", "flags", "kind"),
    [
        ("mf", ["--forget.method=retrain"], "exact"),
        ("mf", ["--forget.method=newton"], "approximate"),
        ("ease", [], "exact"),
    ],
    ids=["mf retrain", "mf newton", "ease"],
)
def test_a_model_is_trained_forgets_people_and_recommends(r2u, shop, tmp_path, model, flags, kind):
    before, after, leaving = tmp_path / "before", tmp_path / "after", tmp_path / "leaving.txt"
    leaving.write_text("\n".join(LEAVING))

    trained = r2u("train", f"--data.path={shop}", *FLAGS, f"--model.name={model}", *flags, f"--out={before}")
    assert trained.status == 0, trained.err
    forgot = r2u("forget", before, f"--users_file={leaving}", f"--out={after}")
    assert forgot.status == 0, forgot.err
    assert kind in forgot.out

    sources = {folder: _sources(r2u("recommend", folder, "--users=c-000,c-119", "-k", "5")) for folder in (before, after)}
    assert sources[before]["c-000"] == sources[before]["c-119"] == sources[after]["c-119"]
    assert sources[after]["c-000"] != sources[before]["c-000"]


def _sources(answered: Said) -> dict[str, str]:
    """Returns user -> source of the answer; each has five items."""
    assert answered.status == 0, answered.err
    lines = [line.split("\t") for line in answered.out.splitlines()]
    assert [len(line) for line in lines] == [7, 7]
    return {line[0]: line[1] for line in lines}


def test_the_front_door_trains_recommends_and_forgets(shop):
    log = r2u_rec.read_interactions(shop, user="customer", item="sku")
    model = r2u_rec.EASE().fit(log)
    after = model.forget(users=LEAVING)
    assert set(model.recommend(["c-000", "c-119"], k=3)["source"]) == {"model"}
    assert list(after.recommend(["c-000", "c-119"], k=1)["source"]) == ["popularity", "model"]


def test_exact_erasure_equals_a_model_that_never_saw_the_people(shop):
    log = read_log(shop, user="customer", item="sku", time=None, rating=None)
    people = np.array([log.user_keys.code(key) for key in LEAVING])
    ids, method = log.ids_of_users(people), Ease(reg=20.0)
    after = method.forget(None, method.fit(None, log, seed=0), ids, seed=0)
    never = method.fit(None, log.drop(ids), seed=0)
    np.testing.assert_allclose(after.model.fold_in(log.matrix()), never.model.fold_in(log.matrix()), atol=1e-6)
    assert len(recommend(after, ["c-119"], k=3)[0].item_keys) == 3


def test_a_model_of_an_extra_is_trained_or_names_the_extra(r2u, shop, tmp_path):
    done = r2u(
        "train",
        f"--data.path={shop}",
        *FLAGS,
        "--model.name=lightgcn",
        "--training.epochs=1",
        "--forget.newton.length=1",
        f"--out={tmp_path / 'run'}",
    )
    if missing("graph"):
        assert done.status == 1
        assert "pip install 'r2u-rec[graph]'" in done.err
    else:
        assert done.status == 0, done.err


def test_cards_and_benchmarks_came_with_the_package(r2u):
    assert "ml-100k" in r2u("datasets").out
    assert "rivals" in r2u("bench", "--list").out
