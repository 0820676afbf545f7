"""What must be said of each system beside its source: how our form differs from the published one, and what it leaves."""

from __future__ import annotations

NOTES = {
    "retrain": "Exact by definition; another seed than the references it is judged by.",
    "rows_deleted": "Everything that the item table holds of the history stays. What the evaluator must be able to see.",
    "fine_tune": "Goes on over the retained interactions for as many epochs as the training had; the imprint fades and does not go.",
    "ascent": "On the summed loss of the request, item tables alone; as far as canaries say, for run longer it destroys the model.",
    "ascent_bounded": "No loss counts beyond a level, so that a long run stays finite.",
    "npo": "Ascent that slows down where a record is already less likely than under the old model.",
    "newton": "One step on each item's own block of the curvature, from which the request is subtracted first; no retained "
    "interaction is read. Coupling between items and the path through other users' vectors remain.",
    "ascent_retain": "As ascent by Adam, with the mean loss of all retained interactions beside it at every step.",
    "npo_retain": "As NPO by Adam, with the mean loss of all retained interactions beside it at every step.",
    "influence": "The whole Hessian of the item table on what remains, by conjugate gradients to a tolerance or a Neumann "
    "series; refuses where the solver does not converge.",
    "scif": "Moves only rows of those who ask, which a withdrawal empties anyway: what items hold of them stays. Made for "
    "corrected ratings; labels become 1/2, the mean label of implicit feedback.",
    "ifru": "Influence on rows within `hops` of the request, with the losses of others that change with the graph. Solved "
    "to a tolerance; the released code stops by validation AUC on flipped labels, a signal that a real deletion "
    "does not give.",
    "eul": "Low-rank layers on the item table, trained by a selective teacher with a bounded target; the frozen weights "
    "keep their imprint under the layer.",
    "alt_eraser": "Newton steps on what remains, users and items in turn; what the first rounds do not reach stays.",
    "reweighted_ascent": "Revocable interactions weigh a quarter while training.",
    "noisy_ascent": "The vectors of revocable interactions are blurred while training.",
    "clipped_ascent": "What revocable interactions add to a step is clipped.",
    "phased_ascent": "Revocable interactions are seen in the first half of the epochs only.",
    "private": "Protects an interaction, not a person; sampled negatives void the strict promise. epsilon by `core.accounting`.",
    "private_ascent": "DP-SGD, then ascent.",
    "isolated": "Exact for item rows as far as revocable users go, who never wrote them; does nothing for users whom nobody flagged.",
    "paper_ascent": "Algorithm 1 with the printed weights and alpha = 1e-5: a mild re-weighting.",
    "ready2unlearn_ascent": "Simulated requests, item rows displaced by the whole erasure, bounded forget term.",
    "ready2unlearn_newton": "The same training, then the Newton step.",
    "sisa": "Exact: a user's shard depends on the user's key alone, and unaffected shards stay bit for bit. A user is "
    "served by all shards.",
    "receraser": "Capacity is hard, centroids are vectors (the released code takes one number for all dimensions), nothing is "
    "chosen by test figures; the attention is learned anew on what remains. Approximate: the clusters were found "
    "with the erased.",
    "ultrare": "Transport by POT, rounded to hard capacities; a logistic combiner, learned anew. Approximate as RecEraser.",
    "grapheraser": "Weights of shards are learned anew and never change a shard's output (the released code adds into the first). "
    "Approximate as RecEraser; by=bekm clusters embeddings.",
    "ease_exact": "Equal to a fit without the erased to 1e-13; memory grows with items squared.",
    "item_knn_exact": "Counts are whole numbers: equal to a fit without the erased bit for bit.",
    "unlearn_als": "Rows of the request are solved exactly, then sweeps from the factors as they are; few sweeps leave most of the "
    "imprint, though the objective looks right after one.",
    "fru": "In-process simulation of federated rounds, since no federated engine runs beside the other libraries. Rolls "
    "back to the first table and calibrates; its training costs quality and the log is large.",
}
"""Name of a system -> its note."""
