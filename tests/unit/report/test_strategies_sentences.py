"""Sentences on strategies and scorers say what their tables say."""

import pandas as pd

from thinkscale.report import strategies

ROW = {
    **{"model": "m", "strategy": "beam", "approach": "beam_search", "level": 0, "n": 8},
    **{"estimate": 0.8, "lower": 0.7, "upper": 0.9, "n_items": 50, "sampled": 300, "scored": 90},
    **{"any_correct": 0.95, "gap": 0.15, "gap_lower": 0.08, "gap_upper": 0.22, "method": "mean"},
    **{"length_class": None, "scorer_reads": "tokens", "unmet": 0.0, "think_tokens": 30.0},
}


def test_the_gap_to_what_candidates_hold():
    [said] = strategies.strategies(pd.DataFrame([ROW]))
    assert "a correct candidate was there in 95.0%, 15.0 points [8.0 to 22.0] more" in said
    none = {**ROW, "gap": None, "gap_lower": None, "gap_upper": None}
    [said] = strategies.strategies(pd.DataFrame([none]).astype({"gap": float}))
    assert "95.0%." in said


def test_scorers_within_items_early_and_as_probabilities():
    row = {"model": "m", "scorer": "prm", "n_items": 40, "n_candidates": 320, "method": "x"}
    numbers = [
        ("last", None, "auc_within", 0.8, 0.7, 0.9, None),
        ("last", None, "calibration_error", 0.2, 0.1, 0.3, 0.05),
        (None, 0.2, "auc_within", 0.55, 0.45, 0.65, None),
        (None, 1.0, "auc_within", 0.8, 0.7, 0.9, None),
    ]
    names = ["agg_strategy", "fraction", "measure", "estimate", "lower", "upper", "null_mean"]
    table = pd.DataFrame([row | dict(zip(names, n, strict=True)) for n in numbers])
    [said] = strategies.scorers(table)
    assert "higher in 80.0% [70.0 to 90.0] of pairs by the last step" in said
    assert "in 55.0% [45.0 to 65.0] after a fifth of the steps" in said
    assert "calibration error is 0.20 [0.10 to 0.30], where noise alone would make 0.05" in said
    table.loc[table["measure"] == "calibration_error", "estimate"] = None
    [said] = strategies.scorers(table)
    assert "calibration error" not in said and "(n = 40 items, 320 samples)" in said
