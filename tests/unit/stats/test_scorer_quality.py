"""The quality of scorers: by hand, against scikit-learn, and where effects are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from graded_frames import graded_frame
from thinkscale.stats import scorer_quality
from thinkscale.stats.scorer_quality import areas_without, auc

FEW = {"n_boot": 200, "seed": 1}


def judged(values, right, search="samples"):
    """Ballots and scores of candidates. values: by item, of each candidate, of each step."""
    ballots, scores = [], []
    for item, candidates in enumerate(values):
        for number, steps in enumerate(candidates):
            key = {"model": "a", "item_id": f"i{item}", "search": search, "n": len(candidates)}
            key["candidate"] = number
            ballots.append({**key, "ballot": "A", "correct": right[item][number], "chosen": False})
            scores += [{**key, "scorer": "s", "step": n, "score": s} for n, s in enumerate(steps)]
    return pd.DataFrame(ballots), pd.DataFrame(scores)


def table(values, right, graded=None, **options):
    graded = graded_frame(models=("a",), items=len(values)) if graded is None else graded
    return scorer_quality.tabulate(*judged(values, right), graded, **FEW | options)


def of(found, measure, **view):
    """The row of a measure: by how steps are put together, or by the part of a thought."""
    [(column, value)] = view.items()
    rows = found[(found["measure"] == measure) & np.isclose(found[column], value)] if (
        column == "fraction"
    ) else found[(found["measure"] == measure) & (found[column] == value)]  # fmt: skip
    [row] = rows.itertuples()
    return row


@pytest.mark.parametrize("digits", [1, 8])
def test_the_area_is_that_of_scikit_learn(digits):
    rng = np.random.default_rng(0)
    score, right = np.round(rng.random(60), digits), rng.random(60) < 0.4
    assert auc(score, right) == pytest.approx(roc_auc_score(right, score))
    codes = rng.permutation(np.arange(60) % 13)
    without = [roc_auc_score(right[codes != g], score[codes != g]) for g in range(13)]
    assert areas_without(score, right, codes) == pytest.approx(without)


def test_the_area_without_the_only_right_ones_is_undefined():
    without = areas_without([0.1, 0.9, 0.5, 0.2], [False, True, True, False], [0, 1, 1, 2])
    assert without[[0, 2]].tolist() == [1, 1] and np.isnan(without[1])


def test_within_items_and_over_all_by_hand():
    """The hard item's right thought scores less than the easy one's wrong one."""
    values = [[[0.2, 0.9], [0.1, 0.8]], [[0.3, 0.4], [0.6, 0.3]]]
    found = table(values, [[True, False], [True, False]])
    assert of(found, "auc_within", agg_strategy="last").estimate == 1.0
    one_kind = table(values, [[True, False], [True, True]])
    sizes = (of(one_kind, name, agg_strategy="last").n_items for name in ("auc", "auc_within"))
    assert tuple(sizes) == (2, 1)
    # Of four pairs, (.9, .8), (.9, .3), (.4, .3) are in order and (.4, .8) is not.
    assert of(found, "auc", agg_strategy="last").estimate == pytest.approx(3 / 4)
    # By the least of the steps: (.2, .1) is in order, and so is neither .2 nor .3 with .3, a tie.
    assert of(found, "auc", agg_strategy="min").estimate == pytest.approx((1 + 0 + 1 + 0.5) / 4)
    # After 20 % of two steps the first is there, after 60 % the second.
    assert of(found, "auc_within", fraction=0.2).estimate == pytest.approx((1 + 0) / 2)
    assert of(found, "auc_within", fraction=0.6).estimate == 1.0
    brier = of(found, "brier", agg_strategy="last")
    assert brier.estimate == pytest.approx(brier_score_loss([1, 0, 1, 0], [0.9, 0.8, 0.4, 0.3]))
    assert brier.guessing == pytest.approx(0.25)
    assert (brier.n_items, brier.n_candidates, brier.share_correct) == (2, 4, 0.5)


def test_knowing_hard_items_is_no_help_within_them():
    """The score is the item's difficulty and noise: it tells items apart and no candidates."""
    rng = np.random.default_rng(3)
    ease = rng.random(60)
    right = rng.random((60, 8)) < ease[:, None]
    score = np.clip(ease[:, None] + rng.normal(0, 0.1, (60, 8)), 0, 1)
    found = table(score[..., None].tolist(), right.tolist())
    within, over = (of(found, m, agg_strategy="mean") for m in ("auc_within", "auc"))
    assert within.lower < 0.5 < within.upper and over.lower > 0.7
    assert "of 60 items" not in within.method and "items with both kinds" in within.method


def test_where_there_is_no_interval_over_all_nothing_is_said_of_how_it_was_made():
    found = table([[[0.5], [0.5]]] * 3, [[True, False]] * 3)
    over = of(found, "auc", agg_strategy="last")
    assert over.estimate == 0.5 and over.method == "no interval: no variation over clusters"


def test_calibration_is_told_beside_what_noise_makes_of_none():
    rng = np.random.default_rng(6)
    score = rng.random((100, 4))
    right = rng.random((100, 4)) < score
    sure = np.clip(1.6 * (score - 0.5) + 0.5, 0, 1)
    true, over = (
        of(table(s[..., None].tolist(), right.tolist()), "calibration_error", agg_strategy="last")
        for s in (score, sure)
    )
    assert true.lower == 0 and true.estimate < 3 * true.null_mean
    assert over.lower > over.null_mean


def test_only_natural_samples_of_items_that_are_kept_count_and_what_has_no_score_is_told():
    values = [[[0.9], [0.1]], [[0.5], [np.nan]], [[0.1], [0.9]]]
    right = [[True, False], [True, False], [True, False]]
    graded = graded_frame(models=("a",), items=3)
    graded["excluded"] = graded["item_id"] == "i2"
    ballots, scores = judged(values, right)
    more, others = judged([[[0.0], [1.0]]] * 3, right, "beam_search")
    found = scorer_quality.tabulate(
        pd.concat([ballots, more]), pd.concat([scores, others]), graded, **FEW
    )
    row = of(found, "auc_within", agg_strategy="last")
    assert (row.estimate, row.n_candidates, row.unscored, row.n_excluded) == (1.0, 3, 1, 1)
    none = scorer_quality.tabulate(more, others, graded, **FEW)
    assert none.empty and list(none.columns) == scorer_quality.COLUMNS


def test_scores_that_are_no_probabilities_have_an_area_and_no_calibration():
    found = table([[[3.0], [-2.0]]] * 3, [[True, False]] * 3)
    assert of(found, "auc", agg_strategy="last").estimate == 1.0
    error = of(found, "calibration_error", agg_strategy="last")
    assert np.isnan(error.estimate) and "outside 0 to 1" in error.method


def test_intervals_resample_items_and_not_candidates():
    """Eight copies of every candidate tell nothing more about the scorer."""
    rng = np.random.default_rng(5)
    score, right = rng.random((30, 2)), rng.random((30, 2)) < 0.5
    widths = []
    for copies in (1, 8):
        values = np.repeat(score, copies, axis=1)[..., None].tolist()
        row = of(
            table(values, np.repeat(right, copies, axis=1).tolist()), "auc", agg_strategy="last"
        )
        widths.append(row.upper - row.lower)
    assert widths[1] == pytest.approx(widths[0], rel=1e-6)
