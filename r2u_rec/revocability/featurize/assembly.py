"""All raw parts of the scorers as one table of one row a user, whichever engine holds the records."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
from ibis.expr.types import Table

from r2u_rec.errors import DataError, R2UError, SettingsError
from r2u_rec.revocability.featurize import history
from r2u_rec.revocability.featurize.engine import drop_table, materialize, register, union
from r2u_rec.revocability.featurize.records import RecordTables
from r2u_rec.revocability.featurize.settings import FeatureSettings
from r2u_rec.revocability.featurize.sides import Sides
from r2u_rec.revocability.scorers import bg_nbd, disclosed, rarity
from r2u_rec.revocability.scorers.interest import Distance, interest_drift, split_halves
from r2u_rec.revocability.scorers.sensitive_items import sensitive_counts

SPANS = ("recent_intensity", "inactive_seconds", "span_days", "age_days")
VISITS = ("active_days", "sessions", "stability")
TIMED = (*SPANS, *VISITS, "drift_z", "p_alive")
SENSITIVE = ("sensitive_records", "sensitive_share")
RATED = ("rated_share", "rating_deviation")
PAIRED = ("n_items", "surprisal", "crowd")

_ZERO_WITHOUT = frozenset({"drift_z", "sensitive_records"})
"""Columns whose tables leave out users to whom nothing happened."""


def missing_columns(records: RecordTables, sides: Sides, s: FeatureSettings) -> dict[str, R2UError]:
    """Returns why each column that these records cannot give is absent, as the error that asks for what is missing."""
    out: dict[str, R2UError] = {}
    if not records.has("time"):
        out |= dict.fromkeys(TIMED, DataError(history.NO_TIME.format(what="the log")))
    if not (s.sensitive_categories or s.sensitive_items):
        message = "nothing is configured as sensitive: name sensitive_categories, entries of the column categories, or sensitive_items"
        out |= dict.fromkeys(SENSITIVE, SettingsError(message))
    if not records.has("rating"):
        out |= dict.fromkeys(RATED, DataError("there are no ratings: name the rating column when reading the data"))
    if sides.users is None or sides.users.shape[1] < 2:
        out["profile_share"] = DataError("there is no user information: read the user file too")
    return out


def user_table(
    records: RecordTables, sides: Sides, s: FeatureSettings, wanted: Collection[str], *, unfitted: dict[str, R2UError] | None = None
) -> Table:
    """Returns one row a user: the code `user`, and the columns `wanted`, none of which may be `missing_columns`.

    Args:
        unfitted: where to put the reason when P(alive) cannot be fitted or a crowd costs too much, which then are left out.

    Raises:
        DataError: the same, and `unfitted` is None.
        SettingsError: no such column of the item information, category or item; `now` lies before the last record.
    """
    wanted = set(wanted)
    now = _now(records, s) if records.has("time") else 0
    needed = wanted | ({"active_days", "span_days", "age_days"} if "p_alive" in wanted else set())
    needed |= {"sensitive_records", "n_records"} if "sensitive_share" in wanted else set()
    spans = {"now": now, "recent_days": s.recent_days}
    if needed & {*VISITS, "drift_z"}:
        kept = _in_order(records, sides, s, needed, spans)
    elif needed & set(SPANS):
        kept = _Kept(records, needed, records.per_user(lambda chunk: history.spans(chunk, **spans)))
    else:
        kept = _Kept(records, needed, records.per_user(history.counts))
    if needed & set(PAIRED):
        _rare(records, s, kept, unfitted, n_users=kept.users.count().to_pyarrow().as_py())
    if needed & set(SENSITIVE):
        items = register(records.connection, pa.table({"item": sides.sensitive(s).astype("int32")}))
        kept.of_each(lambda chunk: sensitive_counts(chunk, items), "sensitive_records")
    kept.of_each(disclosed.rated, "rated_share")
    if "rating_deviation" in needed:
        of_items = records.per_user(disclosed.item_ratings)
        of_items = materialize(of_items.group_by("item").aggregate(total=of_items.total.sum(), n=of_items.n.sum()))
        kept.of_each(lambda chunk: disclosed.rating_deviation(chunk, of_items), "rating_deviation")
    if "profile_share" in needed and sides.users is not None:
        kept.add(
            disclosed.profile_share(register(records.connection, pa.Table.from_pandas(sides.users, preserve_index=False))), "profile_share"
        )
    table = kept.joined()
    if "p_alive" in wanted:
        try:
            table = bg_nbd.with_p_alive(table, seed=s.seed)
        except DataError as error:
            _excused("p_alive", error, unfitted)
    if "sensitive_share" in wanted:
        table = table.mutate(sensitive_share=table.sensitive_records / table.n_records)
    return table.select("user", *(name for name in table.columns if name in wanted))


class _Kept:
    """Tables of one row a user that are made chunk by chunk, and joined at the end to the first, which has every user."""

    def __init__(self, records: RecordTables, needed: Collection[str], users: Table) -> None:
        self.records, self.needed, self.users = records, set(needed), users
        self.tables: list[tuple[Table, list[str]]] = []

    def add(self, table: Table, *columns: str) -> None:
        self.tables.append((table, [name for name in columns if name in self.needed]))

    def of_each(self, part: Callable[[Table], Table], *columns: str) -> None:
        if self.needed & set(columns):
            self.add(self.records.per_user(part), *columns)

    def joined(self) -> Table:
        """Every user once; NULL where a table has no row of the user, or 0 where that says that nothing happened."""
        out = self.users.select("user", *(name for name in self.users.columns if name in self.needed))
        for table, names in self.tables:
            other = table.select(names, theirs=table.user)
            found = out.left_join(other, out.user == other.theirs)
            values = {name: found[name].coalesce(0.0) if name in _ZERO_WITHOUT else found[name] for name in names}
            out = found.select(*out.columns, **values)
        return materialize(out)


def _in_order(records: RecordTables, sides: Sides, s: FeatureSettings, needed: Collection[str], spans: dict[str, int]) -> _Kept:
    """What needs each user's records in order of time: sorted once a chunk, and let go before the next."""
    distance: Distance = "squared" if s.described_by == "embedding" else "jensen_shannon"
    profile = register(records.connection, sides.profile(records, s)) if "drift_z" in needed else None
    visited, drifted = [], []
    for chunk in records.chunks:
        ordered = materialize(split_halves(history.placed(chunk, materialize(history.counts(chunk))), seed=s.seed))
        visited.append(materialize(history.visits(ordered, session_gap_seconds=s.session_gap_seconds, **spans)))
        if profile is not None:
            drifted.append(materialize(interest_drift(ordered, profile, distance=distance, min_records=s.min_records)))
        drop_table(ordered)
    kept = _Kept(records, needed, union(visited))
    if drifted:
        kept.add(union(drifted), "drift_z")
    return kept


def _rare(records: RecordTables, s: FeatureSettings, kept: _Kept, unfitted: dict[str, R2UError] | None, *, n_users: int) -> None:
    """What needs to know how many users have each item: the pairs are counted first, and looked at again after."""
    pairs = [materialize(rarity.pairs(chunk)) for chunk in records.chunks]
    if "n_items" in kept.needed:
        kept.add(union([materialize(p.group_by("user").aggregate(n_items=p.count().cast("float64"))) for p in pairs]), "n_items")
    if not kept.needed & {"surprisal", "crowd"}:
        return
    held = union([materialize(rarity.holders(p)) for p in pairs])
    ranked = materialize(rarity.ranked(held.group_by("item").aggregate(n_holders=held.n_holders.sum())))
    rarest = union([materialize(rarity.rarest(p, ranked, n=max(s.n_rarest, s.n_crowd))) for p in pairs])
    if "surprisal" in kept.needed:
        kept.add(materialize(rarity.surprisal(rarest, n=s.n_rarest, n_users=n_users)), "surprisal")
    if "crowd" in kept.needed:
        try:
            kept.add(materialize(rarity.crowd_size(rarest, union(pairs), n=s.n_crowd)), "crowd")
        except DataError as error:
            _excused("crowd", error, unfitted)


def _excused(column: str, error: DataError, unfitted: dict[str, R2UError] | None) -> None:
    if unfitted is None:
        raise error
    unfitted[column] = error


def _now(records: RecordTables, s: FeatureSettings) -> int:
    latest = records.latest or 0
    if s.now is not None and s.now < latest:
        raise SettingsError(
            f"now must be at least {latest}, the last time in the log, got {s.now}: drop later records first, or leave it out"
        )
    return latest if s.now is None else s.now
