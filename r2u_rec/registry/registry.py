"""Registry: names and what they stand for, ours by one line each, others by a decorator or an entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from r2u_rec.errors import SettingsError
from r2u_rec.suggest import unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Specs by name. A built-in or installed spec is imported when it is asked for, not when names are listed.

    Args:
        what: one entry in words, such as "model"; stands in messages.
        kind: the class of the specs.
        group: the entry-point group in which other packages name theirs; the entry point's name is the spec's.
        builtin: name -> "module:attribute".
        name_of: a spec -> the name that it gives itself.
    """

    def __init__(
        self,
        what: str,
        kind: type[T],
        group: str,
        builtin: Mapping[str, str],
        name_of: Callable[[T], str] = lambda spec: str(spec.name),  # type: ignore[attr-defined]
    ) -> None:
        self.what, self.kind, self.group, self.name_of = what, kind, group, name_of
        self._builtin = dict(builtin)
        self._specs: dict[str, T] = {}
        self._installed: dict[str, EntryPoint] | None = None

    @property
    def builtin(self) -> tuple[str, ...]:
        """Names of our own."""
        return tuple(self._builtin)

    def names(self) -> tuple[str, ...]:
        """Returns every known name: built-in, installed, registered."""
        return tuple(dict.fromkeys((*self._builtin, *self._points(), *self._specs)))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> T:
        """Returns the spec of `name`.

        Raises:
            SettingsError: there is none, the nearest name is suggested; or an installed package's spec cannot be used.
        """
        if name not in self._specs:
            if name in self._builtin:
                self._specs[name] = self._checked(name, _loaded(self._builtin[name]))
            elif name in self._points():
                self._specs[name] = self._checked(name, self._points()[name].load())
            else:
                raise SettingsError(unknown(self.what, name, self.names()))
        return self._specs[name]

    def __getitem__(self, name: str) -> T:
        return self.get(name)

    def __len__(self) -> int:
        return len(self.names())

    def items(self) -> Iterator[tuple[str, T]]:
        """Yields every name with its spec; imports them all."""
        for name in self.names():
            yield name, self.get(name)

    def add(self, spec: T) -> T:
        """Adds a spec under its own name, for the rest of the process, and returns it.

        Raises:
            SettingsError: it is not of the registry's kind, or its name is taken by another.
        """
        if not isinstance(spec, self.kind):
            raise SettingsError(f"a {self.what} must be a {self.kind.__name__}, got a {type(spec).__name__}")
        name = self.name_of(spec)
        there = self._specs.get(name)
        if (name in self.names() and there is None) or (there is not None and there != spec):
            raise SettingsError(f"there is a {self.what} {name!r} already: register yours under another name")
        self._specs[name] = spec
        return spec

    def adding(self, make: Callable[[type], T]) -> Callable[[type], type]:
        """Returns a class decorator that registers what `make` makes of the class."""

        def decorate(made: type) -> type:
            self.add(make(made))
            return made

        return decorate

    def _points(self) -> dict[str, EntryPoint]:
        if self._installed is None:
            found: dict[str, EntryPoint] = {}
            for point in entry_points(group=self.group):
                if point.name in self._builtin or point.name in found:
                    raise SettingsError(f"entry point {point.name} of {self.group} brings a second {self.what} {point.name!r}: rename it")
                found[point.name] = point
            self._installed = found
        return self._installed

    def _checked(self, name: str, spec: object) -> T:
        if not isinstance(spec, self.kind):
            raise SettingsError(f"{self.what} {name!r} is given by a {type(spec).__name__}: it must be a {self.kind.__name__}")
        if self.name_of(spec) != name:
            raise SettingsError(f"{self.what} {name!r} calls itself {self.name_of(spec)!r}: give it one name")
        return spec


def _loaded(target: str) -> object:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
