"""Every experiment by name, in the order of the paper, then those beyond it; a module is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from r2u_bench.paper.experiment import Experiment
from r2u_rec.errors import SettingsError
from r2u_rec.suggest import unknown
from r2u_rec.trials.kinds import loaded

EXPERIMENTS: dict[str, str] = {
    "fig3": "r2u_bench.paper.figures.fig3:FIG3",
    "fig4": "r2u_bench.paper.figures.fig3:FIG4",
    "fig5": "r2u_bench.paper.figures.fig5:EXPERIMENT",
    "fig6": "r2u_bench.paper.figures.fig6:EXPERIMENT",
    "table3": "r2u_bench.paper.figures.fig6:TABLE",
    "fig7": "r2u_bench.paper.figures.fig7:EXPERIMENT",
    "fig8": "r2u_bench.paper.figures.fig8:EXPERIMENT",
    "fig9": "r2u_bench.paper.figures.fig9:EXPERIMENT",
    "table2": "r2u_bench.paper.figures.table2:EXPERIMENT",
    "fig10": "r2u_bench.paper.figures.fig10:EXPERIMENT",
    "fig11": "r2u_bench.paper.figures.fig11:EXPERIMENT",
    "fig12": "r2u_bench.paper.figures.fig12:EXPERIMENT",
    "fig13": "r2u_bench.paper.figures.fig13:EXPERIMENT",
    "table4": "r2u_bench.paper.figures.table4:EXPERIMENT",
    "topic": "r2u_bench.paper.figures.topic:EXPERIMENT",
    "random-documents": "r2u_bench.paper.figures.random_documents:EXPERIMENT",
    "smollm": "r2u_bench.paper.figures.smollm:EXPERIMENT",
    "bounded": "r2u_bench.paper.images.beyond:BOUNDED",
    "one-sample": "r2u_bench.paper.images.beyond:ONE_SAMPLE",
    "wear": "r2u_bench.paper.images.beyond:WEAR",
    "retrained": "r2u_bench.paper.images.reference:RETRAINED",
    "instances": "r2u_bench.paper.images.reference:INSTANCES",
}
"""Name -> module:object. One line an experiment; "all" runs them in this order."""


def experiment(name: str, among: Mapping[str, str] | None = None) -> Experiment:
    """Returns an experiment by its name, or by "module:object" for one that is not of the package.

    Raises:
        SettingsError: there is none of that name, or what is named is no experiment.
    """
    known = EXPERIMENTS if among is None else among
    target = known.get(name, name)
    if ":" not in target:
        raise SettingsError(unknown("experiment", name, known) + ", or name one as module:object")
    found = loaded(target, "experiment")
    if not isinstance(found, Experiment):
        raise SettingsError(f"{target} is a {type(found).__name__}, not an Experiment")
    if name in known and found.name != name:
        raise SettingsError(f"the experiment {target} is named {found.name!r}, but listed as {name!r}: give it one name")
    return found


def experiments(names: Sequence[str], among: Mapping[str, str] | None = None) -> list[Experiment]:
    """Returns the experiments of the names, each once; "all" stands for every one of the catalogue."""
    known = EXPERIMENTS if among is None else among
    wanted = dict.fromkeys(each for name in names for each in (known if name == "all" else (name,)))
    return [experiment(name, known) for name in wanted]
