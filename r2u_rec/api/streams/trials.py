"""The trials of a simulation: train what policies start from, train references, play one policy. Each runs in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.api.streams.methods import BY_RULE, context_of, in_shards, methods_of, operators_of, plan_of, retraining, start_name
from r2u_rec.api.streams.policy_words import cost_of, policy_of, words_of
from r2u_rec.api.streams.scenario import Scenario, checkpoints_of, scenario_of
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.settings import Settings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.evaluate.cost import measured
from r2u_rec.evaluate.snapshots import model_leak
from r2u_rec.registry.tables import METHODS
from r2u_rec.simulation.calibration import calibrated_cost
from r2u_rec.simulation.cost_model import OperatorCost
from r2u_rec.simulation.outcome import BatchEvent, CheckpointState
from r2u_rec.simulation.policies import RETRAIN, Policy
from r2u_rec.simulation.simulator import simulate_stream
from r2u_rec.simulation.watch import StreamEvaluator, users_who_asked
from r2u_rec.storage import load_fitted, put, written_whole
from r2u_rec.study.judge import REFERENCE_SEEDS
from r2u_rec.unlearn.curvature.block_newton import NewtonMemory
from r2u_rec.unlearn.scaled import ScaledMemory

Spec = Mapping[str, Any]
COSTS_FILE = "costs.json"
STANDARD = "standard"


def settings_text(s: Settings) -> str:
    """Returns what a trial depends on as text: all settings but the lists of policies and seeds, which name trials themselves."""
    flat = s.flat()
    return json.dumps({**flat, "simulate": {**flat["simulate"], "policies": [], "seeds": []}}, sort_keys=True)


def settings_of(spec: Spec) -> Settings:
    """Returns the settings that `settings_text` wrote, with the seed of the spec."""
    return settings_from_mapping({**json.loads(spec["settings"]), "seed": int(spec["seed"])})


def start(spec: Spec) -> list[dict[str, Any]]:
    """Trains the model that the policies of one way of training start from, and measures what each operator takes."""
    s, seed, name = settings_of(spec), int(spec["seed"]), str(spec["arm"])
    arm = name.removesuffix(BY_RULE)
    scenario, operators = scenario_of(s, seed), tuple(spec["operators"])
    parts = scenario.context_parts
    task = context_of(plan_of(s, arm, operators[0]), parts).task
    methods = methods_of(s, Policy(arm, operators[0], arm), parts, operators)
    records = scenario.start_records
    fitted, cost = measured(lambda: methods[operators[0]].fit(task, records, seed=seed))
    # A training later on keeps the length of the step that was found at release, and trains no shadow model.
    training = cost
    if stored_length_of(fitted) is not None:
        training = measured(lambda: retraining(s, arm, parts).fit(task, records, seed=seed))[1]
    costs = {RETRAIN: OperatorCost(0.0, 0.0, training.seconds / len(records), exact=True)}
    for operator in operators:
        if operator != RETRAIN:
            costs[operator] = calibrated_cost(methods[operator], task, fitted, seed=seed, by="user" if operator == "exact" else "record")
    folder = model_folder(spec, name)
    with written_whole(folder, verb="simulate", about={"model": s.model.name}, replaces=True) as part:
        put(fitted, part)
        (part / COSTS_FILE).write_text(json.dumps({operator: asdict(each) for operator, each in costs.items()}))
    row = {"arm": name, "seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "n_records": len(records)}
    return [row, *({"what": "cost", "arm": name, "operator": operator, **asdict(each)} for operator, each in costs.items())]


def reference(spec: Spec) -> list[dict[str, Any]]:
    """Trains a model on what is left at a checkpoint, as if nobody who had asked by then had ever been there."""
    s, seed = settings_of(spec), int(spec["seed"])
    scenario = scenario_of(s, seed)
    records = scenario.left_at(checkpoints_of(s, scenario.stream)[int(spec["checkpoint"])], s.revocability.categories)
    method, task = retraining(s, STANDARD, scenario.context_parts), task_of(s)
    fitted, cost = measured(lambda: method.fit(task, records, seed=REFERENCE_SEEDS * (seed + 1) + int(spec["number"])))
    folder = model_folder(spec, reference_name(int(spec["checkpoint"]), int(spec["number"])))
    with written_whole(folder, verb="simulate", about={"model": s.model.name}, replaces=True) as part:
        put(fitted, part)
    return [{"checkpoint": spec["checkpoint"], "number": spec["number"], "seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds}]


def play(spec: Spec, progress: Callable[[float], None] | None = None) -> list[dict[str, Any]]:
    """Plays the stream under one policy; returns the rows of the three tables, the name of each row's as "table"."""
    s, seed, policy = settings_of(spec), int(spec["seed"]), policy_of(str(spec["policy"]))
    scenario = scenario_of(s, seed)
    operators = operators_of(policy, s.model.name)
    task = task_of(s)
    first = loaded_model(s, model_folder(spec, start_name(s, policy)))
    methods = methods_of(s, policy, {**scenario.context_parts, "stored_length": stored_length_of(first)}, operators)
    records = scenario.start_records
    costs = costs_of(spec, s, policy, methods)
    if in_shards(operators[0]):
        shards = operators[0]
        initial, cost = measured(lambda: methods[shards].fit(task, records, seed=seed))
        if not s.simulate.costs:  # training in shards takes longer than one model; both choices are reckoned at its own pace
            costs |= dict.fromkeys((shards, RETRAIN), OperatorCost(0.0, 0.0, cost.seconds / len(records), exact=methods[shards].exact))
    else:
        initial = _start(first, records, operators[0])
    judge = Judge(spec, s, scenario)
    outcome = simulate_stream(
        scenario.stream,
        policy,
        scenario.log,
        task,
        methods,
        initial,
        costs=costs,
        seed=seed,
        checkpoints=judge.times,
        observe=judge.observe,
        on_batch=judge.leak,
        progress=progress,
        categories=s.revocability.categories,
    )
    frames = {"requests": outcome.requests, "batches": outcome.batches, "checkpoints": outcome.checkpoints}
    return [{"what": "row", "table": name, **row} for name, frame in frames.items() for row in plain_rows(frame)]


class Judge:
    """What is measured while a policy is played: the model at each checkpoint, the leak of each batch."""

    def __init__(self, spec: Spec, s: Settings, scenario: Scenario) -> None:
        self._spec, self._s, self._scenario = spec, s, scenario
        self.times = checkpoints_of(s, scenario.stream)
        parts, start = scenario.parts, scenario.start_records
        told = parts.train.keep(np.union1d(start.ids, parts.train.ids_of_users(scenario.audience.holdout)))
        self._watch = StreamEvaluator(
            told,
            holdout=scenario.audience.holdout,
            stayers=scenario.stayers,
            seen=parts.train.matrix() + parts.validation.matrix(),
            test=parts.test.matrix(),
            references=self._references,
            remembered=loaded_model(s, model_folder(spec, STANDARD)).model,
            k=max(s.evaluate.ks),
            n_halves=s.evaluate.n_halves,
            seed=int(spec["seed"]),
        )

    def observe(self, moment: CheckpointState) -> dict[str, Any]:
        """Returns the figures of a checkpoint."""
        asked = users_who_asked(self._scenario.stream, self._scenario.log, moment.time)
        return self._watch.judge(moment.fitted.model, time=moment.time, received_users=asked)

    def leak(self, event: BatchEvent) -> dict[str, Any]:
        """Returns how well the histories that left in a batch can be read from the model before and after it; nothing when none did."""
        if len(event.users) == 0:
            return {}
        gone = event.log.keep(event.ids).matrix()[event.users]
        try:
            found = model_leak(event.before.model, event.after.model, gone, event.users, item_counts=event.before.records.item_counts)
        except CapabilityError:
            return {}
        return {"snapshot_auc": found.auc, "snapshot_baseline": found.baseline_auc}

    def _references(self, time: int) -> list[Any]:
        at = self.times.index(time)
        names = [reference_name(at, number) for number in range(self._s.simulate.n_references)]
        return [loaded_model(self._s, model_folder(self._spec, name)).model for name in names]


def costs_of(spec: Spec, s: Settings, policy: Policy, methods: Mapping[str, Any]) -> dict[str, OperatorCost]:
    """Returns what decisions reckon with: the settings' costs, else those measured when the first model was trained.

    Raises:
        SettingsError: a cost of the settings is of no operator.
    """
    written = json.loads((model_folder(spec, start_name(s, policy)) / COSTS_FILE).read_text())
    measured_ones = {name: OperatorCost(**each) for name, each in written.items()}
    for name in METHODS:
        if in_shards(name):
            measured_ones[name] = measured_ones[RETRAIN]  # a record trained on again is one, in a shard or not
    given = words_of(s.simulate.costs, "simulate.costs")
    unknown = sorted(set(given) - set(measured_ones))
    if unknown:
        raise SettingsError(f"simulate.costs names {unknown[0]!r}, the operators are {', '.join(measured_ones)}: leave it out")
    found = measured_ones | {name: cost_of(text, exact=measured_ones[name].exact) for name, text in given.items()}
    return {name: replace(cost, exact=methods[name].exact) if name in methods else cost for name, cost in found.items()}


def task_of(s: Settings) -> Any:
    """Returns the task of the model."""
    return s.plan(arm=STANDARD, method=RETRAIN).context().task


def loaded_model(s: Settings, folder: Path) -> Fitted:
    """Returns a model of the simulation from its folder."""
    return load_fitted(folder, task_of(s))


def model_folder(spec: Spec, name: str) -> Path:
    """Returns where a model of the simulation stands."""
    return Path(spec["folder"]) / "models" / f"seed-{spec['seed']}" / name


def reference_name(checkpoint: int, number: int) -> str:
    """Returns the name of a retrained model's folder."""
    return f"retrained-{checkpoint}-{number}"


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows with values that JSON can hold; what is missing or not finite is None."""
    return [{name: _plain(value) for name, value in row.items()} for row in frame.astype(object).to_dict("records")]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and not np.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _start(first: Fitted, records: InteractionLog, operator: str) -> Fitted:
    """Returns the first model on the very log of the simulation, with what its operator keeps."""
    plain = operator == RETRAIN or (operator == "ascent" and not isinstance(first.memory, ScaledMemory))
    return Fitted(first.model, records, None if plain else first.memory)


def stored_length_of(first: Fitted) -> float | None:
    """Returns the length of the edit that was set when the first model was trained; None where none was."""
    return first.memory.length if isinstance(first.memory, NewtonMemory | ScaledMemory) else None
