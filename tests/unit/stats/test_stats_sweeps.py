"""Analyses of a sweep: against published and independent numbers, and by simulation."""

from functools import partial
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from graded_frames import graded_frame, unfit
from thinkscale.errors import ThinkscaleError
from thinkscale.stats import (
    accuracy,
    best_condition,
    consensus,
    equivalence,
    frontier,
    mcnemar,
    plateau,
    power,
    sweeps,
)
from thinkscale.stats.core import sweep
from thinkscale.stats.core.jackknife import left_out
from thinkscale.stats.core.resampling import Draws

FEW = {"n_boot": 200, "seed": 3}
ANALYSES = {
    "sweeps": partial(sweeps.tabulate, **FEW),
    "plateau": plateau.tabulate,
    "best_condition": partial(best_condition.tabulate, **FEW),
    "equivalence": equivalence.tabulate,
    "frontier": partial(frontier.tabulate, **FEW),
    "power": partial(power.tabulate, power_items=(50,), power_samples=(1, 4)),
}


def costed(graded):
    """A graded frame with what each response cost: as many tokens as were thought, and five."""
    return graded.assign(alone_tokens=graded["think_tokens"] + 5, new_tokens=5)


def only(graded, **right):
    """Of a frame with one sample an item, conditions in which the first so many are right."""
    frames = []
    for name, number in right.items():
        own = graded[graded["condition"] == name.replace("_", "=")]
        frames.append(
            own.assign(outcome=np.where(np.arange(len(own)) < number, "correct", "incorrect"))
        )
    return pd.concat(frames)


@pytest.mark.parametrize("name", ANALYSES)
def test_columns_order_clusters_and_what_did_not_fit(name):
    analyse, graded = ANALYSES[name], costed(graded_frame(items=30))
    found = analyse(graded)
    assert list(found.columns) == import_module(f"thinkscale.stats.{name}").COLUMNS
    assert found["method"].str.len().gt(10).all() and len(found)
    pd.testing.assert_frame_equal(analyse(graded.sample(frac=1, random_state=1)), found)
    # Items that are copies of each other say nothing new.
    clustered = graded.assign(cluster_id=graded["item_id"])
    copies = [clustered.assign(item_id=clustered["item_id"] + f" {i}") for i in range(5)]
    same = analyse(pd.concat(copies))
    ends = ["estimate", "lower", "upper"]
    close = 0.12 if name == "power" else 1e-6  # power has fewer degrees of freedom than items
    if name == "power":  # the grid's sizes are of items, of which the copies are worth fewer
        found, same = (t[t["this_study"] & (t["measure"] == "accuracy")] for t in (found, same))
    np.testing.assert_allclose(same[ends].to_numpy(float), found[ends].to_numpy(float), rtol=close)
    assert (analyse(unfit(graded, ["i0", "i1"])).query("model == 'a'")["errors"] == 2).all()
    one = analyse(graded.assign(cluster_id="all"))
    assert one[["lower", "upper"]].isna().all(axis=None) or name == "power"
    none = analyse(graded.assign(excluded=True))
    assert none.empty and list(none.columns) == list(found.columns)


# s1 (arXiv 2501.19393), Tables 12 to 14, and what its Table 3 gives of them.
TOKENS = {
    "token-conditional": [7939, 7158, 8263, 7108, 7500],
    "token-conditional, forced": [1024, 2048, 4031, 5664, 6330],
    "step-conditional": [7252, 6277, 5396, 5552, 7551],
    "step-conditional, forced": [1517, 2963, 4636, 5409, 7551],
    "class-conditional": [8033, 9651],
}


@pytest.mark.parametrize(
    ("method", "accuracies", "published", "best"),
    [
        ("token-conditional", [26.7, 30.0, 33.3, 33.3, 40.0], -24, 40.0),
        ("token-conditional, forced", [3.3, 30.0, 33.3, 33.3, 40.0], 13, 40.0),
        ("step-conditional", [33.3, 23.3, 33.3, 36.7, 33.3], 3, 36.7),
        ("step-conditional, forced", [23.3, 23.3, 33.3, 36.7, 33.3], 6, 36.7),
        ("class-conditional", [30.0, 36.7], 25, 36.7),
    ],
)
def test_scaling_as_published_is_over_doublings(method, accuracies, published, best):
    found = sweeps.scaling(np.array(accuracies), np.log2(TOKENS[method]))
    assert found == pytest.approx(published, abs=0.6)
    assert max(accuracies) == best


def test_control_as_published():
    tokens, steps = (np.array(TOKENS[f"{kind}-conditional"]) for kind in ("token", "step"))
    budgets = 2.0 ** np.arange(10, 15)
    assert sweeps.control(tokens, 0, budgets) == pytest.approx(0.4)
    assert sweeps.control(steps, 0, 100 * 2.0 ** np.arange(4, 9)) == pytest.approx(0.6)
    assert sweeps.control(np.array(TOKENS["token-conditional, forced"]), 0, budgets) == 1


def test_slopes_by_hand():
    compute, performance = np.array([1.0, 2.0, 2.0, np.nan]), np.array([10.0, 20.0, 40.0, 5.0])
    assert sweeps.scaling(performance, compute) == (10 + 30) / 2
    known = compute[:3], performance[:3]
    assert sweeps.slope(performance, compute) == pytest.approx(stats.linregress(*known).slope)
    assert np.isnan(sweeps.scaling(performance, np.full(4, 3.0)))


def test_natural_starts_a_kind_and_keeps_no_limit():
    """As in s1, Figure 4: 50 % without, 53.3 % and 56.7 % with waits; of 30 items one sample."""
    graded = graded_frame(models=["a"], items=30, samples=1)
    graded = only(graded, natural=15, waits_1=17, max_8=5)
    found = sweeps.tabulate(graded, **FEW).set_index(["kind", "measure"])
    best = found.loc[("waits", "performance")]
    assert best["estimate"] == pytest.approx(17 / 30) and best["lower"] < 0.5 < best["upper"]
    assert best["conditions"] == "natural, waits=1" and best["n_conditions"] == 2
    assert np.isnan(found.loc[("waits", "control"), "estimate"])
    assert found.loc[("max", "control"), "estimate"] == 1  # of one condition, not of natural
    tokens = graded.groupby("condition")["think_tokens"].mean()
    slope = 100 * (2 / 30) / np.log2(tokens["waits=1"] / tokens["natural"])
    assert found.loc[("waits", "scaling"), "estimate"] == pytest.approx(slope)
    late = graded.assign(think_tokens=graded["think_tokens"] + 30)
    kept = sweeps.tabulate(late, **FEW).set_index(["kind", "measure"])["estimate"]
    assert kept["max", "control"] == 0 == kept["max", "control_responses"]


def test_kinds_share_all_but_their_first_limit():
    waits = graded_frame(models=["a"]).query("condition == 'waits=1'")
    more = [
        waits.assign(condition="waits=1;max=16", max_think=16),
        waits.assign(condition="waits=2;max=16", waits=2, max_think=16),
        waits.assign(condition="waits=1;continuation=a=1;b", continuation="a=1;b"),
    ]
    [one] = sweep.sweeps(pd.concat([graded_frame(models=["a"]), *more]), "correct")
    kinds = {kind: [one.names[place] for place in places] for kind, places in one.kinds().items()}
    assert kinds == {
        "max": ["natural", "max=8", "max=16"],
        "min": ["natural", "min=40"],
        "waits": ["natural", "waits=1"],
        "waits;continuation=a=1;b": ["natural", "waits=1;continuation=a=1;b"],
        "waits;max=16": ["max=16", "waits=1;max=16", "waits=2;max=16"],
    }


def test_monotone_fit_is_scipys():
    values = np.random.default_rng(0).normal(size=(20, 7))
    fits = [optimize.isotonic_regression(row).x for row in values]
    assert plateau.isotonic(values) == pytest.approx(np.array(fits))


def test_crossing_by_hand():
    curves = np.array([[0.2, 0.4, 0.8], [0.6, 0.9, 0.9], [0.1, 0.2, 0.3], [0.2, 0.7, 0.5]])
    found = plateau.crossing(curves, np.array([0.5, 0.5, 0.5, 0.4]))
    assert found.tolist() == pytest.approx([1.25, -np.inf, np.inf, 0.5])


def test_budget_that_is_enough():
    graded = graded_frame(models=["a"], items=200, samples=1)
    found = plateau.tabulate(only(graded, natural=100, max_8=45, max_16=105)).iloc[0]
    # 95 of 100 lie five sixths of the way from 8 to 16, in log(1 + budget).
    assert found["estimate"] == pytest.approx(9 * (17 / 9) ** (5 / 6) - 1)
    assert found["status"] == "reached" and found["lower"] < found["estimate"]
    tokens = graded.groupby("condition")["think_tokens"].mean()
    assert found["tokens"] == pytest.approx(tokens["max=8"] / 6 + tokens["max=16"] * 5 / 6)
    above = plateau.tabulate(only(graded, natural=100, max_8=20, max_16=30)).iloc[0]
    assert (above["status"], above["lower"]) == ("above", 16) and np.isnan(above["upper"])
    below = plateau.tabulate(only(graded, natural=100, max_8=140, max_16=150)).iloc[0]
    assert (below["status"], below["lower"], below["upper"]) == ("below", 0, 8)
    assert np.isnan([above["estimate"], below["estimate"]]).all()


def test_one_budget_alone_bounds_what_is_enough_from_its_side():
    graded = graded_frame(["m"], items=200, samples=1)
    little = plateau.tabulate(only(graded, natural=160, max_8=20)).iloc[0]
    assert (little["status"], little["lower"]) == ("above", 8) and np.isnan(little["upper"])
    much = plateau.tabulate(only(graded, natural=100, max_8=180)).iloc[0]
    assert (much["status"], much["lower"], much["upper"]) == ("below", 0, 8)
    open_ = plateau.tabulate(only(graded, natural=100, max_8=95)).iloc[0]
    assert open_["lower"] == 0 and np.isnan(open_["upper"])


def test_intervals_of_budgets_and_slopes_hold_the_truth():
    """Right with a probability that rises with the budget and differs between items."""
    rng, budgets, studies, items = np.random.default_rng(1), np.array([8.0, 16, 32, 64]), 150, 30
    chance, tokens = np.array([0.2, 0.35, 0.55, 0.6, 0.6]), np.array([8.0, 15, 24, 30, 31])
    place = plateau.crossing(chance[:-1], 0.95 * chance[-1])
    truth, slope = plateau._budget(place, budgets), sweeps.scaling(100 * chance, np.log2(tokens))
    held = np.zeros(2)
    for _ in range(studies):
        shared, own = rng.random((items, 4, 1)), rng.random((items, 4, 5))
        luck = np.where(rng.random((items, 4, 1)) < 0.5, shared, own)
        ability = rng.uniform(0.5, 1.5, (items, 1, 1))
        right = (luck < ability * chance).reshape(-1, 5).astype(float)
        clusters = np.repeat(np.arange(items), 4)
        correct = sweep.sums(right, clusters)
        found = plateau._interval(right[:, :-1], right[:, -1], clusters, budgets, 0.95, 0.95)
        held[0] += found["lower"] <= truth and not found["upper"] < truth
        doublings = np.log2(tokens)
        values = [sweeps.scaling(100 * m, doublings) for m in (correct.means, correct.without())]
        interval = left_out(*values)
        held[1] += interval.lower <= slope <= interval.upper
    assert (held / studies >= 0.93).all() and (held / studies <= 0.98).all()


def test_greatest_t_is_tukeys_studentized_range():
    first, second = np.triu_indices(4, k=1)
    pairs = np.eye(4)[first] - np.eye(4)[second]
    drawn = sweep.greatest_t(np.eye(4) / 11, pairs, 11, Draws(n_boot=40_000))
    expected = stats.studentized_range.ppf(0.95, 4, 10) / np.sqrt(2)
    assert np.quantile(drawn, 0.95) == pytest.approx(expected, rel=0.01)


def test_best_condition_by_hand_and_twins():
    graded = graded_frame(models=["a"], items=30, samples=1)
    graded = only(graded, natural=15, max_16=15, waits_1=24, max_8=3)
    found = best_condition.tabulate(graded, **FEW).set_index("condition")
    assert (found["best"] == "waits=1").all()
    assert found["rank"].to_dict() == {"natural": 2, "max=16": 3, "max=8": 4}
    assert found["estimate"].tolist() == pytest.approx([0.3, 0.3, 0.7])
    # Of one difference the interval is a t interval; of all pairs at once it is wider.
    pair = mcnemar.tabulate(graded).set_index("condition").loc["waits=1"]
    assert found.loc["natural", "lower"] < pair["lower"] and found.loc["natural", "p"] < 0.05
    twins = best_condition.tabulate(graded[graded["condition"].isin(["natural", "max=16"])], **FEW)
    assert twins["estimate"].iloc[0] == 0 and twins["method"].iloc[0].endswith("response differs")


def test_what_is_best_by_luck_does_not_lead_elsewhere():
    rng, leads, elsewhere, claimed = np.random.default_rng(2), [], [], 0
    for seed in range(200):
        right = sweep.sums(rng.random((40, 6)) < 0.5, np.arange(40))
        draws = Draws(n_boot=300, seed=seed)
        place, means = right.means.argmax(), right.means
        leads.append(means[place] - means[0])
        elsewhere.append(best_condition.held_out(right, draws)[0])
        error = right.covariance()[0, 0] + right.covariance()[place, place]
        first, second = np.triu_indices(6, k=1)
        pairs = np.eye(6)[first] - np.eye(6)[second]
        reach = np.quantile(sweep.greatest_t(right.covariance(), pairs, 40, draws), 0.95)
        claimed += leads[-1] > reach * np.sqrt(error)
    assert np.mean(leads) > 0.06 and abs(np.mean(elsewhere)) < 0.02 and claimed / 200 <= 0.05


def test_equivalence_by_hand():
    """Two of a hundred lost and none gained: the far end is Wilson's for two of a hundred."""
    graded = graded_frame(models=["a"], items=100, samples=1)
    found = equivalence.tabulate(only(graded, natural=60, max_8=58, max_16=60))
    low, high = proportion_confint(2, 100, alpha=0.1, method="wilson")
    none = proportion_confint(0, 100, alpha=0.1, method="wilson")[1]
    row = found.set_index("condition").loc["max=8"]
    assert row["estimate"] == pytest.approx(-0.02) and row["lower"] == pytest.approx(-high)
    assert row["upper"] == pytest.approx(-0.02 + np.hypot(0.02 - low, none))
    assert found["equivalent"].tolist() == [False, True]
    wide = equivalence.tabulate(
        only(graded, natural=60, max_8=58, max_16=60), equivalence_margin=0.06
    )
    assert wide["equivalent"].all() and (wide["margin"] == 0.06).all()


def test_equivalence_goes_from_natural_outwards():
    graded = graded_frame(models=["a"], items=200, samples=1)
    found = equivalence.tabulate(only(graded, natural=100, max_8=99, max_16=60, waits_1=101))
    found = found.set_index("condition")
    assert found["equivalent"].to_dict() == {"max=8": True, "max=16": False, "waits=1": True}
    assert found["stepwise"].to_dict() == {"max=8": False, "max=16": False, "waits=1": True}


def test_equivalence_is_not_found_too_often_at_the_margin():
    """5 % lost, none gained, 100 items: a t interval calls 12 % of studies equivalent."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(500):
        change = -(rng.random(100) < 0.05).astype(float)
        found += equivalence.difference(change, np.arange(100), 0.9).lower > -0.05
    assert found / 500 <= 0.065


def test_frontier_is_what_nothing_dominates():
    rng = np.random.default_rng(0)
    cost, right = rng.integers(1, 6, (50, 12)).astype(float), rng.integers(0, 5, (50, 12)) / 4
    right[0, :3] = np.nan
    as_cheap = cost[:, None, :] <= cost[:, :, None]
    as_good = right[:, None, :] >= right[:, :, None]
    better = (cost[:, None, :] < cost[:, :, None]) | (right[:, None, :] > right[:, :, None])
    expected = ~(as_cheap & as_good & better).any(axis=-1) & ~np.isnan(right)
    assert (frontier.pareto(cost, right) == expected).all()


def test_frontier_joins_accuracy_votes_and_cost():
    graded = costed(graded_frame(items=20))
    found = frontier.tabulate(graded, ks=(1, 2, 4), **FEW).set_index(["model", "point"])
    ends = ["estimate", "lower", "upper"]
    expected = accuracy.tabulate(graded).set_index(["model", "condition"])[ends]
    pd.testing.assert_frame_equal(found.loc[expected.index, ends], expected, check_names=False)
    votes = consensus.tabulate(graded, [4]).query("measure == 'cons'").set_index("model")
    for model in ("a", "b"):
        vote, natural = found.loc[(model, "cons@4")], found.loc[(model, "natural")]
        assert vote["estimate"] == pytest.approx(votes.loc[model, "estimate"])
        assert (vote["alone"], vote["new"]) == pytest.approx((4 * natural["alone"], 20))
    assert found["k"].to_dict()[("a", "natural")] == 1 and ("a", "cons@2") not in found.index
    cheapest = found["alone"].idxmin()
    assert found.loc[cheapest, "frontier"] and found.loc[cheapest, "frontier_share"] > 0.3
    assert (found["own_frontier"] | ~found["frontier"]).all()
    assert (found["own_frontier_share"] >= found["frontier_share"]).all()
    with pytest.raises(ThinkscaleError, match="no column alone_tokens"):
        frontier.tabulate(graded.drop(columns="alone_tokens"))
    # A log does not say what waits cost: they are neither on the frontier nor off it.
    unknown = graded["condition"] == "waits=1"
    graded["alone_tokens"] = graded["alone_tokens"].astype("Int64").mask(unknown)
    open_ = frontier.tabulate(graded, ks=(4,), **FEW).set_index("point")
    of_both = ["frontier", "own_frontier", "frontier_share", "own_frontier_share"]
    assert open_.loc["waits=1", of_both].isna().to_numpy().all()
    assert open_.drop(index="waits=1")[of_both].notna().to_numpy().all()
