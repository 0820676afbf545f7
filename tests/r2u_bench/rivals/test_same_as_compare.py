"""The library's comparison and the benchmark measure the same where their settings are the same."""

from __future__ import annotations

import json

import pytest
from r2u_bench.rivals import trial
from small_study import settings, table

import r2u_rec as r2u
from r2u_rec.evaluate.judging import verdict_of
from r2u_rec.study.kinds import request_name

SHARE, SEED, N_REFERENCES = 0.06, 1, 2
MF = {"build": {"embedding_dim": 16}, "task": {"reg": 0.0}, "training": {"epochs": 40, "batch_size": 1024, "lr": 0.05}}
REQUEST = request_name("random", SHARE)
SYSTEMS = {"rows_deleted": "rows_deleted", "newton": "newton length=1.0", "retrain": "retrain"}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """System -> quality and AUC by the benchmark's trials."""
    folder = tmp_path_factory.mktemp("rivals")
    table().to_csv(folder / "log.csv", index=False)
    told = settings(MF) | {"shares": [SHARE]}
    common = {"settings": json.dumps(told), "data": str(folder / "log.csv"), "seed": SEED, "model": "mf", "folder": str(folder)}
    references = [trial.reference({**common, "request": REQUEST, "number": number}) for number in range(N_REFERENCES)]

    def sides(rows):
        return [trial.fold_in_of(next(row for row in rows if row.get("group") == group)) for group in ("forget", "holdout")]

    measured = [sides(rows) for rows in references]
    found = {}
    for name, system in SYSTEMS.items():
        rows = trial.system({**common, "system": system, "requests": [REQUEST]})
        verdict = verdict_of(*sides(rows), [f for f, _ in measured], [h for _, h in measured], seed=SEED)
        found[name] = (next(row for row in rows if row.get("what") == "outcome")["NDCG@20"], verdict.auc)
    return found


def test_quality_and_imprint_are_those_of_the_benchmark(benchmark, tmp_path):
    table().to_csv(tmp_path / "log.csv", index=False)
    model = r2u.MF(**MF["build"], **MF["task"], **MF["training"], schedule="constant", average_share=0.0)
    found = r2u.compare(
        ["rows_deleted", r2u.Method("newton", length=1.0), "retrain"],
        model,
        r2u.read_interactions(tmp_path / "log.csv"),
        seeds=[SEED],
        requests=["random"],
        request_share=SHARE,
        references=N_REFERENCES,
        n_halves=1,
    )
    rows = {row["operator"].split(" ")[0]: row for row in found.result.rows}
    for name, (quality, auc) in benchmark.items():
        assert rows[name]["NDCG@20"] == pytest.approx(quality, abs=1e-9), name
        assert rows[name]["auc"] == pytest.approx(auc, abs=1e-6), name
