"""A library that is missing is named with the extra that brings it, wherever it is needed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError
from r2u_rec.optional import EXTRA_OF, missing, needed, needed_for, remedy


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Makes the import of `library` and of all below it fail, as where it is not installed."""
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)


@pytest.fixture
def small_log() -> InteractionLog:
    user, item = np.array([0, 0, 1, 1], dtype=np.int32), np.array([0, 1, 1, 2], dtype=np.int32)
    return InteractionLog(np.arange(4, dtype=np.int64), user, item, None, None, *(Vocabulary(pd.Index(range(n))) for n in (2, 3)))


@pytest.mark.parametrize(("library", "extra"), EXTRA_OF.items())
def test_each_missing_library_is_named_with_its_extra(monkeypatch, library, extra):
    without(monkeypatch, library)
    with pytest.raises(CapabilityError) as refusal:
        needed(library, "this")
    assert str(refusal.value) == f"this needs {library}, which is not installed: {remedy(extra)}"


def test_a_library_that_is_there_is_returned():
    assert needed("matplotlib.axes", "a plot").Axes.__name__ == "Axes"


def test_a_missing_module_of_no_extra_is_not_taken_for_one():
    with pytest.raises(ModuleNotFoundError, match="no_such_library"), needed_for("this"):
        import no_such_library  # noqa: F401


def test_recbole_has_no_remedy_on_interpreters_that_it_is_not_built_for(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 12, 0))
    assert "Python 3.11 alone" in remedy("recbole")
    assert remedy("graph") == "pip install 'r2u-rec[graph]'"


def test_the_missing_modules_of_an_extra_are_found_without_importing_them(monkeypatch):
    monkeypatch.setattr("r2u_rec.optional.find_spec", lambda module: None if module == "peft" else object())
    assert missing("language") == ["peft"]
    assert missing("graph") == []
    with pytest.raises(ValueError, match="no extra 'maps': there are distributed, graph"):
        missing("maps")


def test_lightgcn_says_which_extra_it_needs(monkeypatch):
    from r2u_rec.recsys.models.lightgcn import LightGCN

    without(monkeypatch, "torch_geometric")
    with pytest.raises(CapabilityError, match=r"LightGCN needs torch_geometric, which is not installed: pip install 'r2u-rec\[graph\]'"):
        LightGCN(3, 4, 2, seed=0)


@pytest.mark.parametrize("name", ["als", "implicit_bpr"])
def test_the_recommenders_of_implicit_say_which_extra_they_need(monkeypatch, name, small_log):
    from r2u_rec.recsys.closed_form.als import AlsTrainer
    from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer

    without(monkeypatch, "implicit")
    trainer = AlsTrainer(sweeps=1) if name == "als" else ImplicitBprTrainer()
    with pytest.raises(CapabilityError, match=r"needs implicit, which is not installed: pip install 'r2u-rec\[implicit\]'"):
        trainer.train(None, small_log, seed=0)


def test_training_forgetting_and_serving_import_no_library_of_an_extra():
    code = (
        "import sys, r2u_rec.api.runs, r2u_rec.recsys.serving.recommend, r2u_rec.storage.fitted\n"
        f"print(*(name for name in {list(EXTRA_OF)!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_figures_and_pages_ask_for_plots_when_they_are_imported():
    code = "import sys; sys.modules['matplotlib'] = None\nimport r2u_rec.report.{}"
    for module in ("page", "figures.canvas", "simulation.plots", "simulation.tradeoff"):
        done = subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, text=True, check=False)
        assert "CapabilityError" in done.stderr
        assert "pip install 'r2u-rec[plots]'" in done.stderr
