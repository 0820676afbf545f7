"""Registries: built-in lines, decorators, entry points, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from r2u_rec.errors import SettingsError
from r2u_rec.registry import ARMS, METHODS, MODELS, SCORERS, Registry


@dataclass(frozen=True)
class Spec:
    name: str
    value: int = 0


@pytest.fixture
def things() -> Registry[Spec]:
    return Registry("thing", Spec, "r2u_rec.things_of_tests", {"one": f"{__name__}:ONE"})


def test_a_spec_that_was_added_is_found_by_its_name_and_listed(things):
    added = things.add(Spec("two", 2))
    assert things.get("two") is added
    assert "two" in things
    assert things.names() == ("one", "two")


def test_a_second_spec_of_the_same_name_is_refused(things):
    things.add(Spec("two", 2))
    assert things.add(Spec("two", 2)) == Spec("two", 2)  # the same again, as when a module is imported twice
    for taken in (Spec("two", 3), Spec("one")):
        with pytest.raises(SettingsError, match=f"there is a thing '{taken.name}' already"):
            things.add(taken)


def test_an_unknown_name_suggests_the_nearest(things):
    with pytest.raises(SettingsError, match="unknown thing 'onee'; did you mean 'one'"):
        things.get("onee")


def test_what_is_no_spec_is_refused(things):
    with pytest.raises(SettingsError, match="a thing must be a Spec, got a int"):
        things.add(3)


@pytest.mark.parametrize("registry", [MODELS, ARMS, METHODS, SCORERS], ids=lambda registry: registry.what)
def test_every_built_in_line_leads_to_a_spec_of_its_name(registry):
    assert [registry.name_of(spec) for _, spec in registry.items()] == list(registry.names())


def test_listing_models_arms_and_methods_with_their_settings_imports_nothing_heavy():
    code = (
        "import sys; from r2u_rec.registry import ARMS, METHODS, MODELS; [list(r.items()) for r in (ARMS, METHODS, MODELS)]; "
        "print(sorted({'torch', 'numpy', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
