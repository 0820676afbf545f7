"""From figures to one line a system: what it keeps, leaves behind and costs, and the tests beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from r2u_bench.rivals.summary import QUALITY, lines, size_of, standing

from r2u_rec.evaluate.statistics import paired_test
from r2u_rec.holm import holm


def line(found, system, model="MF"):
    return next(each for each in found.lines if (each.system, each.model) == (system, model))


def test_kept_is_quality_over_that_of_the_references_of_the_same_request_and_seed(found):
    ascent = line(found, "ascent")
    ratios = []
    for row in found.figures.rows:
        if (row["model"], row["system"]) == ("mf", "ascent"):
            same = [
                r[QUALITY]
                for r in found.figures.rows
                if r["operator"] == "retrained" and (r["model"], r["request"], r["seed"]) == ("mf", row["request"], row["seed"])
            ]
            ratios.append(row[QUALITY] / np.mean(same))
    assert ascent.n == len(ratios) == 29  # one of thirty failed
    assert ascent.utility.mean == pytest.approx(np.mean(ratios))


def test_imprint_and_costs_are_those_of_the_largest_requests(found):
    newton = line(found, "newton")
    large = [r for r in found.figures.rows if r["system"] == "newton" and size_of(r["request"]) == 5]
    assert newton.auc.mean == pytest.approx(np.mean([r["auc"] for r in large if "auc" in r]))
    assert newton.seconds.mean == pytest.approx(0.9)
    assert newton.seconds_small.mean == pytest.approx(0.9 / 4)
    assert newton.worst_auc == (pytest.approx(0.545), "core 5 %")


def test_no_imprint_is_made_up_where_none_may_be_reported(found):
    federated = line(found, "federated")
    assert (federated.auc, federated.adaptive_auc, federated.worst_auc, federated.p_imprint) == (None, None, None, None)
    assert standing(federated) == ""


def test_p_values_are_paired_and_corrected_within_the_recommender(found):
    rows = found.figures.rows
    raw = {}
    for each in (one for one in found.lines if one.model == "MF"):
        lost = []
        for row in rows:
            if row["model"] == "mf" and row["system"] == each.system and row["operator"] != "retrained":
                same = [
                    r[QUALITY]
                    for r in rows
                    if r["operator"] == "retrained" and (r["model"], r["request"], r["seed"]) == ("mf", row["request"], row["seed"])
                ]
                lost.append(row[QUALITY] - np.mean(same))
        raw[each.system] = paired_test(lost, np.zeros(len(lost))).p_value
    for system, p in zip(raw, holm(list(raw.values())), strict=True):
        assert line(found, system).p_utility == pytest.approx(p)
    assert line(found, "ascent").p_utility < 0.001 < line(found, "rows_deleted").p_utility


def test_a_line_says_whether_it_keeps_and_whether_it_hides(found):
    newton = line(found, "newton")
    assert standing(newton) == "keeps and hides"
    assert standing(line(found, "rows_deleted")) == "keeps"
    assert standing(line(found, "ascent")) == "neither"
    assert standing(line(found, "sharded by=user shards=4")) == "hides"
    over = replace(newton, auc=replace(newton.auc, mean=0.40))
    assert standing(over) == "keeps"  # who stands out by absence is not hidden


def test_without_a_single_pair_there_is_no_test(found):
    one = [r for r in found.figures.rows if r["seed"] == 0 and r["request"] == "random 5 %" and r["model"] == "ease"]
    (first, *_) = lines(one, [], {})
    assert first.p_utility is None
    assert first.before is None
