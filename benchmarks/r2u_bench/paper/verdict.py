"""What an experiment says of the paper's claims: the paper's figure, ours with its literal settings and with the repaired ones,
tested one-tailed as in the paper and two-sided, and whether they agree, with the reason."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from r2u_bench.paper.experiment import Rows

Outcome = Literal["agrees", "does not agree", "not comparable"]
OUTCOMES: tuple[Outcome, ...] = ("agrees", "does not agree", "not comparable")
LEVEL = 0.05
"""A difference counts as one when the one-tailed p value lies below this."""

PAIRED_BY = ("data", "model", "forget", "seed")
"""Trials that agree in these settings are pairs."""


@dataclass(frozen=True)
class Side:
    """One figure of several trials.

    Attributes:
        name: what was done: "repaired", "standard".
        values: by what pairs a trial with those of another side.
        lacking: trials in which the figure does not exist, such as a level that was never reached.
        spoiled: why the figure cannot be compared at all, such as a training that diverged; empty when it can.
    """

    name: str
    values: Mapping[tuple[Any, ...], float] = field(default_factory=dict)
    lacking: int = 0
    spoiled: str = ""

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values.values()) if self.values else None

    @property
    def sd(self) -> float | None:
        """Standard deviation with n - 1; None for fewer than two values."""
        return statistics.stdev(self.values.values()) if self.n > 1 else None


@dataclass(frozen=True)
class Tests:
    """Both t tests of a difference: `kind` says whether of pairs. `difference` is the mean of a less the mean of b."""

    n: int
    difference: float
    one_tailed: float
    two_sided: float
    kind: str


@dataclass(frozen=True)
class Finding:
    """A side held against another: the tests, the outcome and its reason."""

    settings: str
    side: Side
    outcome: Outcome
    why: str
    tests: Tests | None = None

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, got {self.outcome!r}")
        if not self.why.strip():
            raise ValueError(f"the outcome {self.outcome!r} of {self.settings} has no reason: say why")


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: what it reports, in its words and figures, and one finding for each settings tried.

    Attributes:
        statement: the claim in a sentence. paper: what the paper reports. unit: of the figures.
        against: what the findings' sides are held against; None when they are judged by themselves.
        findings: "literal" first, then "repaired".
    """

    statement: str
    paper: str
    unit: str
    findings: tuple[Finding, ...]
    against: Side | None = None

    def __post_init__(self) -> None:
        names = [finding.settings for finding in self.findings] + ([self.against.name] if self.against else [])
        if len(set(names)) < len(names):
            raise ValueError(f"the sides of a claim must have names of their own, got {', '.join(names)}: {self.statement}")


@dataclass(frozen=True)
class Excluded:
    """A baseline that had lost what is to be forgotten before it was asked to forget it."""

    name: str
    n: int
    mean: float
    sd: float | None
    standard: float
    figure: str


@dataclass(frozen=True)
class Target:
    """A level that this project set itself, what was measured, and whether it is reached."""

    statement: str
    measured: str
    reached: bool


@dataclass(frozen=True)
class Verdict:
    """All that an experiment says.

    Attributes:
        claims: of the paper, or of the project for experiments beyond it.
        excluded: baselines that are not comparable, with their figures.
        targets: levels to reach.
        notes: what a reader must know beside.
    """

    claims: tuple[Claim, ...]
    excluded: tuple[Excluded, ...] = ()
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()


def side(name: str, rows: Rows, figure: str, *, pair_by: Sequence[str] = PAIRED_BY, spoiled: str = "", **where: Any) -> Side:
    """Returns one figure of the rows that agree with `where`, a value a pair; rows that agree in `pair_by` are averaged.

    Args:
        figure: column of the rows. A row that has it as None counts as lacking, one without the column is passed over.
        spoiled: as in `Side`.
        where: values that the rows must have.
    """
    found: dict[tuple[Any, ...], list[float]] = {}
    lacking = 0
    for row in rows:
        if figure not in row or any(row.get(key) != value for key, value in where.items()):
            continue
        if row[figure] is None:
            lacking += 1
            continue
        pair = tuple(tuple(value) if isinstance(value := row.get(key), list) else value for key in pair_by)
        found.setdefault(pair, []).append(float(row[figure]))
    return Side(name, {pair: statistics.fmean(values) for pair, values in found.items()}, lacking, spoiled)


def t_tests(a: Side, b: Side, better: Literal["less", "greater"]) -> Tests | None:
    """Returns the one-tailed test that a is better than b, and the two-sided one; None with fewer than two values each.

    Of pairs when each value of the smaller side has its partner, else Welch's of independent trials (the paper names neither).
    """
    from scipy import stats

    shared = [pair for pair in a.values if pair in b.values]
    if len(shared) == min(a.n, b.n) >= 2:
        left, right = [a.values[pair] for pair in shared], [b.values[pair] for pair in shared]
        differences = [x - y for x, y in zip(left, right, strict=True)]
        if len(set(differences)) == 1:  # no spread: the statistic is 0 / 0 or infinite
            same = differences[0] == 0
            good = (differences[0] < 0) == (better == "less")
            return Tests(len(shared), differences[0], 0.5 if same else float(not good), float(same), "paired t")
        one = float(stats.ttest_rel(left, right, alternative=better).pvalue)
        return Tests(len(shared), statistics.fmean(differences), one, float(stats.ttest_rel(left, right).pvalue), "paired t")
    if a.n < 2 or b.n < 2:
        return None
    left, right = list(a.values.values()), list(b.values.values())
    difference = statistics.fmean(left) - statistics.fmean(right)
    if not a.sd and not b.sd:
        same = difference == 0
        good = (difference < 0) == (better == "less")
        return Tests(min(a.n, b.n), difference, 0.5 if same else float(not good), float(same), "Welch's t")
    one = float(stats.ttest_ind(left, right, equal_var=False, alternative=better).pvalue)
    two = float(stats.ttest_ind(left, right, equal_var=False).pvalue)
    return Tests(min(a.n, b.n), difference, one, two, "Welch's t")


def claim(
    statement: str,
    *,
    paper: str,
    unit: str,
    repaired: Side | None = None,
    literal: Side | None = None,
    against: Side | None,
    better: Literal["less", "greater"],
    why: Mapping[str, str] | None = None,
) -> Claim:
    """Returns a claim of the form "a is less (greater) than b", tested and judged for each settings that is given.

    Agrees when the one-tailed p value lies below LEVEL, does not when it does not; not comparable with a spoiled side, with
    fewer than two trials, or when the figure lacks in more than half of them.

    Args:
        repaired, literal: the sides; None when not measured.
        against: what they are held against.
        why: "literal" or "repaired" -> a sentence added to the reason: why it came out so.
    """
    given = [(name, each) for name, each in (("literal", literal), ("repaired", repaired)) if each is not None]
    return Claim(
        statement, paper, unit, tuple(held(name, each, against, better, (why or {}).get(name, "")) for name, each in given), against
    )


def held(settings: str, a: Side, b: Side | None, better: Literal["less", "greater"], because: str = "") -> Finding:
    """Returns the finding of one side held against another."""
    tests = None if b is None or a.spoiled or b.spoiled else t_tests(a, b, better)
    said = " ".join(
        filter(None, (because, *(f"{each.name}: no figure in {each.lacking} trials." for each in (a, b) if each and each.lacking)))
    )
    for each in (a, b):
        if each is None or each.n == 0 or each.spoiled or each.lacking > each.n:
            if each is None:
                reason = "there is nothing to hold it against."
            elif each.spoiled:
                reason = f"{each.name}: {each.spoiled.rstrip('.')}."
            else:
                reason = f"{each.name} has the figure in {each.n} of {each.n + each.lacking} trials."
            return Finding(settings, a, "not comparable", f"{reason} {said}".strip(), None)
    if tests is None or b is None:
        return Finding(
            settings, a, "not comparable", f"A test needs at least 2 trials each, there are {a.n} and {b.n if b else 0}. {said}".strip()
        )
    good = tests.one_tailed < LEVEL
    relation = f"{tests.difference:+.3g} against {b.name}, one-tailed p {tests.one_tailed:.2g}"
    verdict = f"It is {better} ({relation})." if good else f"It is not shown to be {better} ({relation})."
    return Finding(settings, a, "agrees" if good else "does not agree", f"{verdict} {said}".strip(), tests)
