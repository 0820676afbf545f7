"""What each number means: label, digits, unit and definition of the columns that rows may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

RETRAINED = "retrained"
"""The operator of a reference row: a model of the same recipe that never saw what was forgotten."""

RATIO = " / retrained"
"""Ending of a column that is divided by the mean of the retrained references."""


ADAPTIVE_NULL = (
    "they never saw the erased users, but the attack uses how far a user lies from the references on either side, and with few references "
    "this alone tells the two groups of users apart a little. Over many retrained models it reads 0.57 ± 0.05, so no figure of it is "
    "compared with 0.5."
)
"""Why a retrained model does not score 0.5 by the adaptive attack."""


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
        "The same for a stronger attacker, who combines several signals in a cross-validated classifier. Compare a figure with that of "
        "the retrained models, since " + ADAPTIVE_NULL,
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
    Column("policy", "policy", "When requests are carried out and how. Every policy gets the same requests at the same times."),
    Column("ndcg_share", "of retrained", "The same quality divided by that of a model retrained at that time without all erased records."),
    Column(
        "imprint_end",
        "imprint AUC, end",
        "How well an attacker tells those who have asked so far from people the model never saw, held against retrained models, at the "
        "last checkpoint. Those whose requests still wait count. 0.5 means nothing to tell, 1 remembered.",
    ),
    Column(
        "imprint_worst",
        "imprint AUC, worst",
        "The highest imprint AUC of any checkpoint. A maximum of noisy figures lies above their mean: hold it against always retraining.",
    ),
    Column(
        "adaptive_end",
        "adaptive AUC, end",
        "The imprint at the last checkpoint for a stronger attacker, who combines several signals in a cross-validated classifier.",
    ),
    Column("overlap", "overlap", "Share of the top 20 that a model has in common with a retrained one, mean over users; last checkpoint."),
    Column(
        "overlap_floor",
        "retrained pair",
        "The same overlap between two retrained models that differ in their seed alone: what drift is held against.",
    ),
    Column("hours_p50", "hours, p50", "Hours within which half of the requests are carried out; – where fewer than half were.", 2),
    Column("hours_p95", "hours, p95", "Hours within which 95 % of the requests are carried out; – where fewer were.", 2),
    Column("misses", "missed", "Requests carried out after their deadline, or not at all though it passed; mean over seeds.", 1),
    Column("misses_share", "missed, share", "The same divided by the number of requests."),
    Column("warnings", "warned", "Requests of which the service warned that their deadline is near; mean over seeds.", 1),
    Column("waiting_end", "waiting, end", "Requests not yet carried out at the last checkpoint; mean over seeds.", 1),
    Column(
        "snapshot_mean",
        "snapshot AUC, mean",
        "How well whoever holds the model from before and after a batch reads the erased histories off the difference; mean over batches. "
        "0.5 is chance, 1 gives all away; what it adds is what lies above the figure without the second snapshot.",
    ),
    Column("snapshot_baseline", "snapshot AUC, without", "The same for who has the model from before alone; mean over batches."),
    Column("snapshot_worst", "snapshot AUC, worst", "The same for the batch that is read best."),
    Column(
        "cpu_per_month",
        "CPU s a month",
        "Processor seconds of all threads for erasing, preparing again and retraining, a month of 30.44 days.",
        1,
    ),
    Column(
        "cpu_share", "CPU / always retraining", "The same divided by that of always retraining in the same simulation, seed by seed.", 3
    ),
    Column("trainings", "trainings", "Trainings from scratch in the simulated time; mean over seeds.", 1),
    Column("title", "system", "How the model is trained and forgets."),
    Column("cost_share", "cost / retraining", "Processor time of a request divided by that of retraining for it in the same run.", 3),
    Column("training_share", "training / standard", "Processor time of training and release divided by that of standard training.", 2),
    Column("memory_mb", "memory, MB", "What a method keeps for later requests beside model and interactions, in 10^6 bytes.", 1),
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
