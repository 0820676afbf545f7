"""What each number means: label, digits, unit and definition of the columns that rows may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

RETRAINED = "retrained"
"""The operator of a reference row: a model of the same recipe that never saw what was forgotten."""

RATIO = " / retrained"
"""Ending of a column that is divided by the mean of the retrained references."""


@dataclass(frozen=True)
class Column:
    """How a column of figures is shown and explained.

    Attributes:
        name: key in a row.
        label: heading, with the unit.
        definition: one or two sentences for a reader who was not there.
        digits: decimals shown.
        forgetting: whether it is evidence about forgetting, which may not be shown without a retrained reference.
    """

    name: str
    label: str
    definition: str
    digits: int = 3
    forgetting: bool = False


_KNOWN = (
    Column(
        "auc",
        "imprint AUC",
        "How well an attacker tells erased users from users the model never saw, by folding half of a history into the shared item "
        "parameters and ranking the other half, held against retrained models. 0.5 means nothing to tell, 1 remembered; well below "
        "0.5 the erased users stand out by their absence.",
        forgetting=True,
    ),
    Column(
        "adaptive_auc",
        "adaptive AUC",
        "The same for a stronger attacker, who combines several signals in a cross-validated classifier. One attack at 0.5 is no proof; "
        "this is the second one.",
        forgetting=True,
    ),
    Column("own_loss_auc", "own-loss AUC", "The same attack by the model's loss on the user's whole history.", forgetting=True),
    Column("per_user_auc", "per-user AUC", "The same attack, measured in spreads over the retrained models user by user.", forgetting=True),
    Column(
        "tpr_at_1fpr",
        "TPR at 1 % FPR",
        "Share of erased users that the attacker finds while at most 1 % of the never-trained users are accused. Chance is 0.01.",
        forgetting=True,
    ),
    Column(
        "excess",
        "excess",
        "How much better (NDCG@20) the model ranks the hidden half of an erased user's history than a retrained model does, less the same "
        "difference for never-trained users. 0 is the target, below 0 is over-forgotten.",
        forgetting=True,
    ),
    Column("max_difference", "largest difference", "Largest absolute difference of any parameter from the retrained model's.", 12, True),
    Column(
        "snapshot_auc",
        "snapshot AUC",
        "How well an attacker ranks an erased user's history above all other items, mean over users. 0.5 is chance, 1 gives all away.",
    ),
    Column("snapshot_highest", "worst user", "The same for the user whom the attacker reads best."),
    Column("users_judged", "users", "Erased users whose history is ranked, in one seed.", 0),
    Column("erased_together", "erased together", "Users in one request."),
    Column("attacker", "attacker knows", "What the attacker has in hand."),
    Column("seconds", "seconds", "Wall time of carrying out the request (for the retrained reference: of training), in seconds.", 2),
    Column("seconds_per_user", "seconds a user", "Wall time of the request divided by the users in it.", 4),
    Column("cpu_seconds", "CPU seconds", "Processor time of all threads.", 1),
    Column("training_seconds", "training seconds", "Wall time of training before any request, in seconds.", 1),
    Column("steps", "steps", "Gradient steps of the forgetting operator.", 0),
    Column("coverage", "coverage", "Share of all items that stand in at least one list of recommendations.", 3),
    Column("peak_gb", "peak memory, GB", "Largest resident memory of the process, in 10^9 bytes.", 1),
    Column("rows_per_second", "rows a second", "Interactions handled in a second.", 0),
    Column("arm", "training", "How the model was trained before any request."),
    Column("operator", "forgetting", "What was done at the request; 'retrained' is the reference, 'none' the model as trained."),
)
_COLUMNS = {column.name: column for column in _KNOWN}

_RANKING = {
    "NDCG": "Quality of the top {k} for the users who stay: 1 if all their test items come first, discounted by position.",
    "Recall": "Share of a staying user's test items that stand in the top {k}.",
    "MRR": "One over the position of the first test item in the top {k}, 0 if there is none; mean over the users who stay.",
    "Hit": "Share of the staying users with at least one test item in the top {k}.",
    "Precision": "Share of the top {k} that are test items; mean over the users who stay.",
}


def column(name: str) -> Column:
    """Returns how the column `name` is shown; a column that is not known is shown under its own name."""
    if name in _COLUMNS:
        return _COLUMNS[name]
    if name.endswith(RATIO):
        whole = column(name.removesuffix(RATIO))
        text = f"{whole.label} divided by the mean of the retrained references; 1 is equal to retraining."
        return Column(name, f"{whole.label}{RATIO}", text, 3)
    group = re.fullmatch(r"(.+), (popular|tail)", name)
    if group:
        what = "items that together hold four fifths of the training interactions" if group[2] == "popular" else "all other items"
        return Column(name, name, f"{column(group[1]).label} when only {what} are to be found, in the same lists.", 4)
    ranking = re.fullmatch(r"(NDCG|Recall|MRR|Hit|Precision)@(\d+)", name)
    if ranking:
        text = _RANKING[ranking[1]].format(k=ranking[2]) + " Full ranking over all items, training and validation items masked."
        return Column(name, name, text, 4)
    return Column(name, name.replace("_", " "), "")
