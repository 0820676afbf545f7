"""What `import r2u_rec as r2u` offers: lightly, with every setting in signature and docstring, and with names checked before torch."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys

import pytest

import r2u_rec as r2u
from r2u_rec.errors import SettingsError
from r2u_rec.registry import MODELS


def printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_takes_less_than_50_ms():
    code = "import time, sys; start = time.process_time(); import r2u_rec; print(time.process_time() - start)"
    assert min(float(printed(code)) for _ in range(3)) < 0.05


def test_a_model_is_made_and_a_wrong_name_refused_before_torch_is_imported():
    code = """
import sys, r2u_rec as r2u
r2u.MF(embedding_dim=8, method=r2u.Method("newton", length=1.2), prepare=r2u.Ready2Unlearn(revocable=["a"]))
for wrong in (lambda: r2u.MF(embeding_dim=8), lambda: r2u.load("no such folder"), lambda: r2u.MF(method="newtn")):
    try:
        wrong()
    except ValueError:
        print("refused", end=" ")
print("torch" in sys.modules)
"""
    assert printed(code) == "refused refused refused False"


def test_every_public_name_can_be_had_and_is_listed():
    assert set(r2u.__all__) <= set(dir(r2u))
    for name in r2u.__all__:
        assert getattr(r2u, name) is getattr(r2u, name)


def test_a_name_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'r2u_rec' has no attribute 'MatrixFactorisation'"):
        r2u.MatrixFactorisation  # noqa: B018


@pytest.mark.parametrize("name", ["MF", "LightGCN", "EASE", "ItemKNN", "NeuMF", "MultiDAE", "SASRec", "ALS", "BPR"])
def test_a_constructor_shows_every_setting_with_its_default_and_help(name):
    make = getattr(r2u, name)
    spec = next(spec for _, spec in MODELS.items() if spec.class_name == name)
    signature = inspect.signature(make)
    for field in spec.settings.__dataclass_fields__.values():
        assert signature.parameters[field.name].default == field.default
        assert field.metadata["help"] in make.__doc__
    assert {"prepare", "method", "seed", "threads", "calibration_share"} <= set(signature.parameters)
    assert make.__name__ == name
    assert name in repr(make())


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="unknown setting of MF 'embeding_dim'; did you mean 'embedding_dim'"):
        r2u.MF(embeding_dim=8)
    with pytest.raises(SettingsError, match="unknown setting of newton 'lenght'; did you mean 'length'"):
        r2u.Method("newton", lenght=1.0)
    with pytest.raises(SettingsError, match="unknown setting of isolated 'isolat'; did you mean 'isolate'"):
        r2u.Prepare("isolated", revocable=["a"], isolat=("item_*",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embedding_dim": "8"}, "embedding_dim takes a whole number, got '8'"),
        ({"loss": "bprr"}, "loss takes one of bpr, bce, got 'bprr'; did you mean 'bpr'"),
        ({"seed": -1}, "seed must be >= 0, got -1"),
        ({"seed": 18446744073709551616}, "seed takes a whole number, got 18446744073709551616"),
        ({"threads": 0}, "threads must be >= 1 or None, got 0"),
        ({"calibration_share": 1.0}, r"calibration_share must lie in \[0, 1\), got 1.0"),
        ({"prepare": "ready2unlearn"}, "a name alone does not say who is revocable"),
        ({"method": "nwton"}, "unknown method 'nwton'; did you mean 'newton'"),
        ({"method": "exact"}, "exact does not fit MF: it needs a model that is solved in closed form"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_when_the_model_is_made(settings, message):
    with pytest.raises(SettingsError, match=message):
        r2u.MF(**settings)


def test_a_model_without_a_loop_takes_no_settings_of_one():
    with pytest.raises(SettingsError, match="unknown setting of EASE 'epochs'"):
        r2u.EASE(epochs=3)
    with pytest.raises(SettingsError, match="EASE is not trained by a loop: prepare"):
        r2u.EASE(prepare=r2u.Ready2Unlearn(revocable=["a"]))


def test_a_preparation_must_say_who_is_revocable():
    with pytest.raises(SettingsError, match=re.escape("name them by revocable=KEYS, or by revocable=r2u.score_users(log)")):
        r2u.Ready2Unlearn()
    with pytest.raises(SettingsError, match="unknown policy 'topshare'; did you mean 'top_share'"):
        r2u.Ready2Unlearn(revocable=["a"], policy="topshare")


def test_a_general_model_of_recbole_is_made_by_its_name_there():
    pytest.importorskip("recbole")
    assert repr(r2u.RecBole("DMF")) == "<RecBole('DMF')(): not trained>"
    assert "recbole_dmf" in MODELS
    with pytest.raises(SettingsError, match="recbole has no general model 'DFM'"):
        r2u.RecBole("DFM")


def statements(text):
    """Returns what a stub says, whatever the order of its imports and its layout."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            found |= {(node.module, each.name, each.asname) for each in node.names}
        else:
            found.add(ast.dump(node))
    return found


def test_the_type_stub_agrees_with_the_names_and_settings_there_are(checkout):
    from r2u_rec.api.stub import stub

    text = (checkout / "r2u_rec" / "__init__.pyi").read_text()
    assert statements(text) == statements(stub()), "write it anew: python -m r2u_rec.api.stub r2u_rec/__init__.pyi"
    for name in r2u.__all__:
        assert re.search(rf"^(.* as {name}|def {name}\(|{name} = .*)", text, re.MULTILINE), name
