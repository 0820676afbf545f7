"""`r2u score`: rules, one user's explanation, groups, the learned scorer, and the list of scorers."""

from __future__ import annotations

from functools import partial

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from r2u_rec.revocability.featurize.table import FeatureSettings
from r2u_rec.revocability.learned import scorer as learned
from r2u_rec.revocability.scorers.registry import REGISTRY
from r2u_rec.revocability.scoring import feature_settings
from r2u_rec.revocability.settings import RevocabilitySettings

N_USERS, DAYS = 900, 240
START, DAY = 1_000_000_000, 86_400
LEARNED = ("--revocability.scorer=learned", "--revocability.features=n_records,inactive_seconds")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Records of 240 days, user information, and withdrawals that come from the busy users above all."""
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(0)
    counts = rng.integers(5, 30, N_USERS)
    user = rng.permutation(np.repeat(np.arange(N_USERS), counts))
    time = START + np.sort(rng.integers(0, DAYS * DAY, len(user)))
    records = pd.DataFrame({"user": [f"u{u}" for u in user], "item": [f"i{i}" for i in rng.integers(0, 400, len(user))], "timestamp": time})
    records.drop_duplicates(["user", "item"]).to_csv(folder / "records.csv", index=False)
    keys = [f"u{u}" for u in range(N_USERS)]
    info = {"user": keys, "age": rng.integers(12, 80, N_USERS), "region": rng.choice(["EU", "US"], N_USERS), "risk": rng.random(N_USERS)}
    pd.DataFrame(info).to_csv(folder / "people.csv", index=False)
    wait = rng.exponential(size=N_USERS) / (0.003 * np.exp((counts - counts.mean()) / counts.std())) * DAY
    asked = wait < DAYS * DAY
    past = pd.DataFrame({"user_key": np.array(keys)[asked], "time": (START + wait[asked]).astype(int)})
    past.to_csv(folder / "past.csv", index=False)
    pd.DataFrame({"user_key": keys[:300:3], "time": time.max() + 5 * DAY}).to_csv(folder / "later.csv", index=False)
    return folder


@pytest.fixture
def score(r2u, shop, monkeypatch):
    """`score("--parts", ...)` on the shop's data, by engagement unless said otherwise; intervals of a few draws."""
    monkeypatch.setattr(learned, "LearnedSettings", partial(learned.LearnedSettings, n_bootstrap=12))
    flags = [f"--data.path={shop / 'records.csv'}", f"--data.user_info={shop / 'people.csv'}", "--revocability.scorer=engagement"]
    return lambda *more: r2u("score", *flags, *more)


def test_rules_bind_whatever_the_policys_share(score, tmp_path):
    rules = "age < 18 -> always,region == US and age >= 18 -> never,everyone -> times 0.5"
    said = score(f"--revocability.rules={rules}", "--revocability.share=0.9", f"--out={tmp_path / 's.csv'}")
    assert said.status == 0, said.err
    frame = pd.read_csv(tmp_path / "s.csv")
    assert frame["revocable"][frame["score"] == 1].all()
    assert not frame["revocable"][frame["score"] == 0].any()
    assert (frame["score"] == 0).sum() > 0.1 * len(frame)
    assert "score_before_rules" in frame
    assert f"rule 1: age < 18 -> always: {(frame['score'] == 1).sum()} users match" in said.out


def test_rules_may_stand_in_a_settings_file(score, tmp_path):
    rules = ["region in EU|US and age between 18 and 30 -> set 0.9", "everyone -> blend 0.5 with risk"]
    lines = "\n".join(f"    - {rule}" for rule in rules)
    (tmp_path / "rules.yaml").write_text(f"revocability:\n  rules:\n{lines}\n")
    said = score(f"--config={tmp_path / 'rules.yaml'}", f"--out={tmp_path / 's.parquet'}")
    assert said.status == 0, said.err
    assert all(f"rule {i + 1}: {rule}:" in said.out for i, rule in enumerate(rules))
    assert (pd.read_parquet(tmp_path / "s.parquet")["score"] == 0.9).sum() > 50


def test_a_rule_with_a_mistake_is_refused_before_anything_is_written(score, tmp_path):
    out = f"--out={tmp_path / 's.csv'}"
    said = score("--revocability.rules=agee < 18 -> always", out)
    assert (said.status, "did you mean 'age'?" in said.err) == (1, True)
    assert "unknown operator '='; did you mean '=='?" in score("--revocability.rules=age = 18 -> always", out).err
    assert list(tmp_path.iterdir()) == []


def test_the_explanation_names_parts_formula_rules_and_flag_and_writes_nothing(score, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = score("--explain=u7", "--revocability.rules=everyone -> times 0.5", "--revocability.share=0.2")
    assert said.status == 0, said.err
    entry = REGISTRY["engagement"]
    for words in ("user u7:", "scorer engagement:", f"formula: {entry.formula}", "rank share", "1. everyone -> times 0.5: applied"):
        assert words in said.out
    assert all(f"  {column}  " in said.out for column in entry.columns)
    assert "by top_share share=0.2: " in said.out
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_user_cannot_be_explained(score):
    said = score("--explain=nobody")
    assert (said.status, "user 'nobody' is not in the data: give a key as it stands in the user column" in said.err) == (1, True)


def test_groups_are_printed_with_every_user_in_one_of_them(score):
    said = score("--fairness=region, age:18|40", "--revocability.share=0.25")
    assert said.status == 0, said.err
    assert "225 of 900 users with records are flagged (25.0%)" in said.out
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("region ")][:2] == ["EU", "US"]
    assert "18 to below 40" in said.out
    assert "precision" not in said.out
    assert "did you mean 'region'?" in score("--fairness=regoin").err


def test_withdrawals_after_the_last_record_give_groups_their_precision_and_recall(score, shop):
    said = score("--fairness=region", f"--revocability.erasures={shop / 'later.csv'}")
    assert said.status == 0, said.err
    assert "precision" in said.out
    counted = [int(line.split()[-3]) for line in said.out.splitlines() if line.startswith("region ") and "%" in line]
    assert sum(counted) == 100
    assert "precision" not in score("--fairness=region", f"--revocability.erasures={shop / 'past.csv'}").out


def test_parts_become_columns(score, tmp_path):
    said = score("--parts", f"--out={tmp_path / 's.parquet'}")
    assert said.status == 0, said.err
    frame = pd.read_parquet(tmp_path / "s.parquet")
    assert set(REGISTRY["engagement"].columns) <= set(frame.columns)
    assert {"inactive_seconds", "span_days"} <= set(frame.columns)
    assert (frame["active_days"] <= frame["n_records"]).all()
    assert "part rated_share is absent: " in said.out


def test_a_scorer_learns_from_past_erasures_and_shows_what_it_is_worth(score, shop, tmp_path):
    said = score(*LEARNED, f"--revocability.erasures={shop / 'past.csv'}", f"--out={tmp_path / 's.parquet'}")
    assert said.status == 0, said.err
    assert "learned from" in said.out
    assert "AUC" in said.out
    assert matplotlib.image.imread(tmp_path / "s.calibration.png").shape[0] > 400
    frame = pd.read_parquet(tmp_path / "s.parquet")
    left = frame["score"].notna()
    past = pd.read_csv(shop / "past.csv")["user_key"]
    assert not frame.loc[left, "user_key"].isin(past).any()  # who has withdrawn has no score
    assert frame.loc[~left, "user_key"].isin(past).all()
    assert not frame.loc[~left, "revocable"].any()
    assert frame.loc[left, "score"].between(0, 1).all()
    assert (frame["low"] <= frame["high"])[left].all()


def test_a_learned_score_is_explained_by_what_each_part_adds(score, shop):
    past = set(pd.read_csv(shop / "past.csv")["user_key"])
    key = next(f"u{u}" for u in range(N_USERS) if f"u{u}" not in past)
    said = score(*LEARNED, f"--revocability.erasures={shop / 'past.csv'}", f"--explain={key}")
    assert said.status == 0, said.err
    assert "log odds" in said.out
    assert "inactive_seconds" in said.out
    assert "drift_z" not in said.out
    assert "95 % interval [" in said.out


def test_learning_without_erasures_or_from_too_few_is_refused(score, shop, tmp_path):
    assert "scorer=learned needs revocability.erasures: name a CSV or Parquet file" in score(*LEARNED).err
    pd.read_csv(shop / "past.csv").head(30).to_csv(tmp_path / "few.csv", index=False)
    said = score(*LEARNED, f"--revocability.erasures={tmp_path / 'few.csv'}")
    assert (said.status, "the past holds too little to learn from" in said.err) == (1, True)


def test_every_scorer_is_listed_in_one_line_with_what_it_needs(r2u):
    said = r2u("score", "--list")
    assert said.status == 0, said.err
    lines = {line.split()[0]: line for line in said.out.splitlines() if not line.startswith("-")}
    assert set(REGISTRY) | {"learned", "scorer"} == set(lines)
    assert all(need in lines[name] for name, entry in REGISTRY.items() for need in entry.needs)
    assert "erasures" in lines["learned"]


def test_a_blend_of_other_parts_is_explained_as_it_was_made(score):
    weights = "--revocability.weights=engagement=2,churn=1"
    said = score("--revocability.scorer=blend", weights, "--explain=u7")
    assert said.status == 0, said.err
    assert "formula: (R(engagement)^2 * (1 - R(churn))^1)^(1/3), R the rank as a share" in said.out
    assert "drift_z" not in said.out
    wrong = score("--revocability.scorer=blend", "--revocability.weights=engagement:2")
    assert "revocability.weights takes SCORER=WEIGHT, got 'engagement:2': write engagement=1, for one" in wrong.err


def test_a_scorer_that_speaks_against_a_withdrawal_says_so(score):
    note = "mind: a high score by churn speaks against a withdrawal, and a policy calls the highest revocable"
    assert note in score("--revocability.scorer=churn", "--explain=u7").out
    assert "mind:" not in score("--explain=u7").out


def test_settings_of_the_features_are_those_of_the_library_unless_said_otherwise():
    assert feature_settings(RevocabilitySettings(), seed=0) == FeatureSettings()
