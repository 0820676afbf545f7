"""Edits that read what remains: fine-tuning, ascents with a retain term, and influence in its forms."""

from __future__ import annotations

from roster import TRAINERS

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.edits.spill_over import ifru, scif
from r2u_rec.unlearn.curvature.influence import Influence
from r2u_rec.unlearn.curvature.solvers import Neumann
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.preference import NegativePreference
from r2u_rec.unlearn.retain_regularised import RetainRegularised
from r2u_rec.unlearn.tuned import FineTune, Tuned

ITEMS = ("item_*",)
TUNERS = {
    "fine-tune": FineTune(GradientTrainer(Training(epochs=2, batch_size=72, lr=0.02))),
    "gradient difference": RetainRegularised(GradientAscent(steps=4, lr=0.3, tables=ITEMS), batch_size=64),
    "bounded gradient difference": RetainRegularised(GradientAscent(steps=4, lr=0.3, tables=ITEMS, bound="cap", bound_level=1.0)),
    "npo with retain term": RetainRegularised(NegativePreference(steps=4, lr=0.3, tables=ITEMS), batch_size=64),
    "influence": Influence(damping=1.0, tables=ITEMS),
    "influence, neumann": Influence(damping=1.0, tables=ITEMS, solver=Neumann()),
    "influence, everything's curvature": Influence(damping=1.0, tables=ITEMS, hessian="all"),
    "ifru": ifru(0, damping=1.0, tables=ITEMS),
    "scif": scif(damping=1.0),
}
METHODS = {f"tuned: {name}": Tuned(TRAINERS["standard"], tuner) for name, tuner in TUNERS.items()}
TASKS: dict[str, object] = {}
ON_A_GRAPH = ("fine-tune", "gradient difference", "ifru")
PAIRS = [(method, "MF, BPR") for method in METHODS]
PAIRS += [(f"tuned: {name}", "LightGCN") for name in ON_A_GRAPH] + [("tuned: scif", "MF, BCE")]
