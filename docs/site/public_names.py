"""Shows the reference what static analysis cannot see: public names of `r2u_rec` that are made or imported when they are asked for."""

from __future__ import annotations

import inspect
import re
from typing import Any

import griffe

PACKAGE = "r2u_rec"


class PublicNames(griffe.Extension):
    """Adds every name of `r2u_rec.__all__` to the package: an alias of where it is defined, or the function that was made of a spec."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called by griffe once a package is loaded."""
        if pkg.path != PACKAGE:
            return
        import r2u_rec

        for name in r2u_rec.__all__:
            found = getattr(r2u_rec, name)
            target = f"{getattr(found, '__module__', PACKAGE)}.{getattr(found, '__qualname__', name)}"
            if target == f"{PACKAGE}.{name}":
                pkg.set_member(name, made_function(name, found))
            elif name not in pkg.members:
                pkg.set_member(name, griffe.Alias(name, target, parent=pkg))


def made_function(name: str, function: Any) -> griffe.Function:
    """Returns what the reference shows of a function that has a signature and a docstring, and no source of its own."""
    signature = inspect.signature(function)
    parameters = [
        griffe.Parameter(
            p.name,
            annotation=None if p.annotation is p.empty else inspect.formatannotation(p.annotation).replace("typing.", ""),
            kind=griffe.ParameterKind.keyword_only if p.kind is p.KEYWORD_ONLY else griffe.ParameterKind.positional_or_keyword,
            default=None if p.default is p.empty else repr(p.default),
        )
        for p in signature.parameters.values()
    ]
    text = sections(inspect.getdoc(function) or "")
    made = griffe.Function(name, parameters=griffe.Parameters(*parameters), returns=_returns(signature))
    made.docstring = griffe.Docstring(text, parser="google", parent=made)
    return made


def sections(text: str) -> str:
    """Returns the docstring with each group of arguments under a heading that the parser knows, and the default once, in the signature."""
    text = re.sub(r"^(Source: .*)\n(?=\S)", r"\1\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"^(    \w+) \(default .*?\): (?=\S)", r"\1: ", text, flags=re.MULTILINE)
    text = re.sub(r"^(    \w+) \(default .*?\):$", r"\1: ", text, flags=re.MULTILINE)
    return re.sub(r"^(Settings of the training loop|For every model|Settings):$", r"Other Parameters: \1", text, flags=re.MULTILINE)


def _returns(signature: inspect.Signature) -> str | None:
    returns = signature.return_annotation
    return None if returns is signature.empty else getattr(returns, "__name__", str(returns))
