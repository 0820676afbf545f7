"""Reading a rule from the short text that settings files and the command line hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from r2u_rec.errors import SettingsError
from r2u_rec.revocability.governance.comparison import OPERATORS, Comparison
from r2u_rec.revocability.governance.rules import Effect, Rule

_TOKEN = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(->|[<>=!~]+|\||(?:(?!->)[^\s"'<>=!~|])+))""")
_FORM = "a rule reads 'COLUMN OPERATOR VALUE -> EFFECT', such as 'consent == no -> always'"


def parse_rule(text: str) -> Rule:
    """Returns the rule that `text` says: tests joined by `and` (or `everyone`), `->`, an effect.

    Values that hold spaces or signs, or are words of this language, stand in quotes; `in` takes values divided by `|`;
    `between` takes two joined by `and`.

    Raises:
        SettingsError: it cannot be understood; the message repeats the rule.
    """
    try:
        tokens = _tokens(text)
        if ("->", False) not in tokens:
            raise SettingsError(f"it has no '->': {_FORM}")
        arrow = tokens.index(("->", False))
        effect = _effect([word for word, _ in tokens[arrow + 1 :]])
        left = tokens[:arrow]
        return Rule((), effect) if left == [("everyone", False)] else Rule(_tests(left), effect)
    except SettingsError as error:
        raise SettingsError(f"rule {text!r}: {error}") from None


def parse_rules(texts: Sequence[str]) -> tuple[Rule, ...]:
    """Returns the rules of several texts, in their order; raises as `parse_rule`."""
    return tuple(map(parse_rule, texts))


def _tokens(text: str) -> list[tuple[str, bool]]:
    """(word, whether it stood in quotes) from left to right."""
    out, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise SettingsError(f"the quote at {text[at:].strip()!r} is not closed")
        bare = found[3]
        out.append((bare, False) if bare is not None else (found[1] if found[1] is not None else found[2], True))
        at = found.end()
    return out


def _tests(tokens: list[tuple[str, bool]]) -> tuple[Comparison, ...]:
    """The tests left of the arrow."""
    tests, rest = [], tokens[:]
    while True:
        if len(rest) < 2:
            raise SettingsError(f"the condition is incomplete: {_FORM}, or 'everyone -> EFFECT'")
        (column, _), (operator, quoted), *rest = rest
        if quoted or (operator not in OPERATORS and re.fullmatch(r"\w+", operator) and operator not in ("is", "not", "like", "or")):
            raise SettingsError(f"after {column!r} an operator was expected, got {operator!r}: put names of several words in quotes")
        ands = [i for i, token in enumerate(rest) if token == ("and", False)]
        skipped = 1 if operator == "between" else 0
        end = ands[skipped] if len(ands) > skipped else len(rest)
        tests.append(Comparison(column, operator, _values(operator, rest[:end])))
        if end == len(rest):
            return tuple(tests)
        rest = rest[end + 1 :]


def _values(operator: str, tokens: list[tuple[str, bool]]) -> tuple[str, ...]:
    joint = {"in": "|", "between": "and"}.get(operator)
    words = [word for i, (word, _) in enumerate(tokens) if i % 2 == 0]
    joints = [token for i, token in enumerate(tokens) if i % 2 == 1]
    if any(token != (joint, False) for token in joints) or (tokens and len(joints) == len(words)):
        how = {"in": "values divided by '|'", "between": "two values joined by 'and'"}.get(operator, "one value")
        raise SettingsError(f"{operator} takes {how}, got {' '.join(word for word, _ in tokens)!r}: put values of several words in quotes")
    return tuple(words)


def _effect(words: list[str]) -> Effect:
    kind, *rest = words or [""]
    try:
        if kind == "blend" and len(rest) == 3 and rest[1] == "with":
            return Effect(kind, float(rest[0]), _number_or_text(rest[2]))
        if kind in ("set", "times") and len(rest) == 1:
            return Effect(kind, float(rest[0]))
    except ValueError as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{kind} takes a number, got {rest[0]!r}") from None
    return Effect(kind) if not rest else Effect(kind, None, " ".join(rest))


def _number_or_text(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word
