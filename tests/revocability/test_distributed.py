"""The distributed engine gives the features that the embedded one does: the same expressions, nothing else."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from r2u_rec.errors import CapabilityError
from r2u_rec.revocability import distributed, embedded, feature_table, records_of, sides_of_records
from r2u_rec.revocability.featurize.table import COLUMNS, FeatureSettings

# one small task each, interpreted, in a Java machine that does not compile much: starting and compiling take longer than the work
SMALL = {"spark__sql__shuffle__partitions": "1", "spark__sql__adaptive__enabled": "false", "spark__ui__showConsoleProgress": "false"}
SMALL |= {"spark__sql__codegen__wholeStage": "false", "spark__sql__codegen__factoryMode": "NO_CODEGEN", "spark__log__level": "ERROR"}
SMALL |= {"spark__driver__extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    n = 1500
    frame = pd.DataFrame(
        {
            "user": [f"u{user:02d}" for user in rng.integers(0, 40, n)],
            "item": (200 * rng.random(n) ** 2).astype(np.int64),
            "time": rng.integers(-10, 300 * 24, n) * 3600,  # many ties, some before 1970
            "rating": rng.choice([1.0, 2.5, 4.0, np.nan], n),
        }
    )
    frame.to_parquet(tmp_path / "records.parquet")
    return tmp_path / "records.parquet"


def features_by(engine, path) -> pd.DataFrame:
    records = records_of(path, engine)
    items = pd.DataFrame({"item": range(200), "class": [f"g{i % 5} g{i % 7}" for i in range(200)]})
    users = pd.DataFrame({"user": [f"u{i:02d}" for i in range(40)], "age": [None if i % 3 else 1.0 for i in range(40)], "name": " "})
    settings = FeatureSettings(categories="class", sensitive_categories=("g3",))
    table, absent = feature_table(records, settings, sides=sides_of_records(records, items=items, users=users))
    assert absent == {}
    return table.to_pyarrow().to_pandas().set_index("user").sort_index()


@pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed: pip install 'r2u-rec[distributed]'")
@pytest.mark.skipif(not (shutil.which("java") or os.environ.get("JAVA_HOME")), reason="pyspark needs Java 17, and there is none")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_both_engines_give_the_same_features_to_a_billionth(path, monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    with embedded() as engine:
        expected = features_by(engine, path)
    with distributed(**SMALL) as engine:
        found = features_by(engine, path)
    assert list(expected) == list(COLUMNS)
    assert expected.std().drop("profile_share").min() > 0
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=0, atol=1e-9)


def test_without_pyspark_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(CapabilityError, match=r"needs pyspark, which is not installed: pip install 'r2u-rec\[distributed\]'"):
        distributed().__enter__()
