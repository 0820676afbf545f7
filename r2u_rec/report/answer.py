"""The answer of a run in words: what was asked, what is recommended and why, what it costs in quality, what remains of the erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from r2u_rec.report.columns import ADAPTIVE_NULL
from r2u_rec.report.evidence import MATCHING, is_reference, spread
from r2u_rec.report.kit.parts import Status, VerdictBox
from r2u_rec.report.results import Row, RunResult
from r2u_rec.report.table import figure
from r2u_rec.report.verdict import KEPT, Statement, short_seconds

RULE = (
    "Recommended is the fastest of the good methods of the model that was asked about; retraining, when there is none, or when it is "
    "faster than an approximate method."
)


def recommended(said: Sequence[Statement]) -> Statement | None:
    """Returns the method to take by RULE, None for retraining; the model asked about is that of the first method."""
    good = [each for each in _asked(said) if each.status == "good"]
    if not good:
        return None
    best = min(good, key=lambda each: (each.seconds is None, each.seconds or 0.0))
    slower = best.seconds is not None and best.retraining_seconds is not None and best.seconds >= best.retraining_seconds
    return None if slower and best.tone != "exact" else best


def answer_of(result: RunResult, said: Sequence[Statement]) -> VerdictBox:
    """Returns the verdict box that stands first on the page of a run.

    Args:
        said: the statements on all its methods.
    """
    methods, asked = _asked(said), ("Asked", [result.question])
    if not methods:
        return VerdictBox("neutral", "neutral: no method judged", "Nothing was forgotten in this run; no method is judged here.", [asked])
    best, sure = recommended(said), ("Certainty", certainty(result.rows, methods))
    if best is None:
        return _retrain(methods, [asked], sure)
    good = sum(each.status == "good" for each in methods)
    reason = (
        "It is the only method that forgets and keeps." if good == 1 else f"Of the {good} methods that forget and keep it is the fastest."
    )
    lines = [
        asked,
        ("Why", [" ".join([reason, *best.took])]),
        ("Quality", [*best.kept, *_before(best, said)]),
        ("What remains", [*best.known, *([] if best.tone == "exact" else [_APPROXIMATE])]),
    ]
    if others := [each for each in methods if each is not best]:
        lines.append(("Not taken", [_short(each) for each in others]))
    if beside := [each for each in said if not each.baseline and each not in methods]:
        lines.append(("Other models", [" ".join([_short(each), *each.kept]) for each in beside]))
    return VerdictBox("good", f"good: {_counted(methods)}", _headline(best), [*lines, sure])


def _retrain(methods: Sequence[Statement], lines: list[tuple[str, list[str]]], sure: tuple[str, list[str]]) -> VerdictBox:
    """The answer where no method is to be taken."""
    good = [each for each in methods if each.status == "good"]
    why = "what forgets and keeps takes longer" if good else f"no method both forgets and keeps {_percent(KEPT)} of the quality"
    status: Status = "good" if good else "mixed" if any(each.status == "mixed" for each in methods) else "bad"
    took = methods[0].retraining_seconds
    lines.append(("Cost", ["The time of retraining was not measured." if took is None else f"Retraining took {short_seconds(took)} s."]))
    lines.append(("Not taken", [_short(each) for each in methods]))
    return VerdictBox(status, f"{status}: {_counted(methods)}", f"Retrain: {why}.", [*lines, sure])


_APPROXIMATE = "The method is approximate: these attacks found no more than in retrained models, a stronger one may still find something."


def certainty(rows: Sequence[Row], methods: Sequence[Statement]) -> list[str]:
    """Returns what ± and n stand for on these methods, and why a retrained model does not score 0.5 by the adaptive attack."""
    n, references = max(each.n for each in methods), max(each.n_references for each in methods)
    said = [
        f"± is one standard deviation over n measurements. Each method was measured with {_count(n, 'seed')} and is held against "
        f"{_count(references, 'retrained model')} that differ in their seed alone."
        + (" One measurement has no spread; its standard error over users is given where it is known." if n == 1 else "")
    ]
    return said + adaptive_null([row for row in rows if is_reference(row)])


def adaptive_null(references: Sequence[Row]) -> list[str]:
    """Returns why retrained models score what they do by the adaptive attack, a sentence or none where it was not measured."""
    found = spread(row.get("adaptive_auc") for row in references)
    return [] if found is None else [f"Retrained models score {figure(found, 3)} by the adaptive attack here, not 0.5: {ADAPTIVE_NULL}"]


def _asked(said: Sequence[Statement]) -> list[Statement]:
    """The methods of the model, data and request of the first statement; the model as trained is none."""
    first = _about(said[0].names) if said else ()
    return [each for each in said if not each.baseline and _about(each.names) == first]


def _about(names: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(names.get(key) for key in MATCHING)


def _headline(best: Statement) -> str:
    """One sentence: what to do, and what it keeps, leaves and takes."""
    arm, operator = best.names.get("arm"), best.names.get("operator", best.method)
    trained = f" on the model trained by “{arm}”" if arm is not None else ""
    forgets = (
        "equals retraining by construction" if best.tone == "exact" else "cannot be told from retrained models by the attacks measured"
    )
    kept = f"keeps {_percent(best.share or 0.0)} of their ranking quality"
    time = ""
    if best.seconds is not None and best.retraining_seconds is not None:
        time = f", and takes {short_seconds(best.seconds)} s where retraining takes {short_seconds(best.retraining_seconds)} s"
    return f"Forget by “{operator}”{trained}: it {forgets}, {kept}{time}."


def _before(best: Statement, said: Sequence[Statement]) -> list[str]:
    """What the model as trained keeps, by the same training."""
    same = [
        each
        for each in said
        if each.baseline and each.names.get("arm") == best.names.get("arm") and _about(each.names) == _about(best.names)
    ]
    return [f"Before the request: {' '.join(each.kept)}" for each in same if each.kept]


def _counted(methods: Sequence[Statement]) -> str:
    good = sum(each.status == "good" for each in methods)
    return f"{good} of {_count(len(methods), 'method')} forget{'s' if good == 1 else ''} and keep{'s' if good == 1 else ''} the quality"


def _short(each: Statement) -> str:
    time = "" if each.seconds is None else f" ({short_seconds(each.seconds)} s)"
    return f"{each.method}{time}. {each.badge[0].upper()}{each.badge[1:]}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%".replace(".0\u00a0%", "\u00a0%")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
