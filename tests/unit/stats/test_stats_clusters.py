"""Clusters: items that repeat one another within a cluster tell no more than one of them.

Every table with an interval or a p is made of a study and of one in which each item is there five
times over, in the same clusters: what the second says is what the first does.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pandas as pd
import pytest
from scipy import stats as ss

from graded_frames import graded_frame, searches_frame, with_readouts
from thinkscale import stats
from thinkscale.stats import predicted_difficulty, rasch, registration
from thinkscale.stats.core.correlations import effective_n, rank_correlation
from thinkscale.stats.core.jackknife import jackknife, jackknifed_correlation
from thinkscale.stats.core.resampling import Draws, cluster_bootstrap

SAID = ("estimate", "lower", "upper", "gain", "changed", "tokens", "null", "p")
# Divergence resamples documents, power plans for items that are not there, and the cost of training
# stands beside the intervals of accuracy: see their tests.
ELSEWHERE = {"divergence", "power", "training_cost"}
BOOT = {"n_boot": 100, "seed": 3}
BOTH = {**BOOT, "n_permutations": 100}


def intervals():
    """The tables with an interval or a p."""
    names = [module.name for module in iter_modules(stats.__path__) if not module.ispkg]
    columns = {
        name: getattr(import_module(f"thinkscale.stats.{name}"), "COLUMNS", ()) for name in names
    }
    return {name for name, held in columns.items() if {"lower", "p"} & set(held)} - ELSEWHERE


def in_pairs(frame):
    """Each two items of the frame share a cluster."""
    number = frame["item_id"].str.removeprefix("i").astype(int) // 2
    return frame.assign(cluster_id="c" + number.astype(str))


def copied(frame, times=5):
    """Every item as many times, in the clusters they had."""
    names = [frame["item_id"] + "~" * copy for copy in range(times)]
    return pd.concat([frame.assign(item_id=name) for name in names], ignore_index=True)


@cache
def study():
    """A graded frame of 40 items with readouts, two graders and a condition of either way."""
    graded = graded_frame(items=40, samples=2)
    mixed = graded.query("condition == 'waits=1'").assign(condition="waits=1;max=40", max_think=40)
    longer = mixed["think_tokens"].clip(upper=40) - 3 * mixed["sample"]
    graded = pd.concat([graded, mixed.assign(think_tokens=longer)], ignore_index=True)
    graded["max_think"] = graded["max_think"].astype("Int64")
    graded = with_readouts(graded)
    other = graded["outcome"].where(graded.index % 7 > 0, "ungradable")
    return in_pairs(
        graded.assign(outcome_article=other, alone_tokens=10, new_tokens=10, prompt_tokens=0)
    )


@cache
def searched():
    def chance(strategy, n, items, rng):
        return (rng.random(items) < 0.3 + 0.1 * np.log2(n) + 0.1 * (strategy == "beam")) * 1.0

    return in_pairs(searches_frame(study(), chance))


def overlapping(graded, whole):
    """Of each item the n-grams found in a corpus, and its cluster."""
    items = graded.drop_duplicates("item_id").set_index("item_id")
    share = items["difficulty"].clip(lower=0, upper=1)
    per_item = pd.DataFrame({"item_id": items.index, "ngrams": 9, "share": share.to_numpy()})
    return {"per_item": per_item.assign(ngram=3), "clusters": items["cluster_id"]}


def judged(graded):
    """Ballots and scores, by the contracts' columns, of the study's natural samples."""
    rows = graded.query("condition == 'natural'")
    number = rows["item_id"].str.removeprefix("i").str.rstrip("~").astype(int)
    own = rows[["model", "item_id"]].assign(search="samples", n=2, candidate=rows["sample"])
    right = rows["outcome"] == "correct"
    score = 0.3 + 0.3 * right + 0.05 * (number * 7 % 5) + 0.02 * rows["sample"]
    return own.assign(correct=right), own.assign(scorer="s", step=0, score=score)


@cache
def of_items(name):
    """The table of the study's items that another table is made from."""
    if name == "prediction":
        return predicted_difficulty.tabulate(study(), repeats=1)
    return rasch.tabulate(study())


def written(graded):
    """The log of a corpus of which the right traces are kept."""
    fate = graded["outcome"].where(graded["outcome"] != "correct", "kept")
    log = graded.assign(fate=fate, corpus="c", hinted=False, chance=0.2)
    return log.assign(cluster=log["cluster_id"])


def spoken(graded):
    """Shares of two scripts in what was thought, by the contract."""
    number = graded["item_id"].str.removeprefix("i").str.rstrip("~").astype(int)
    share = 0.5 + 0.04 * ((number + graded["sample"]) % 11)
    own = graded[["model", "item_id", "sample", "condition"]].assign(kind="script")
    parts = [own.assign(name="Latn", share=share), own.assign(name="Hani", share=1 - share)]
    return pd.concat(parts).query("share > 0")


PAIR = [("a", "b")]
GIVEN = {  # what is tabulated of the study and its searches, where it is more than the study
    "registration": BOTH,
    "outcome_difficulty": BOTH,
    "mcnemar": {"n_permutations": 100},
    "token_change": {"n_permutations": 100},
    "model_comparison": {"pairs": PAIR, **BOTH},
    "consensus": {"ks": [1, 2]},
    "readout_calibration": BOOT,
    "scorer_quality": BOOT,
    "prediction": BOOT,
    "rasch_difficulty": {},
    "waits_against_votes": {"ks": [3]},
}
SEARCHES = ("strategies", "compute_matched", "compute_optimal")


def tabulated(name, graded, searches):
    tabulate = import_module(f"thinkscale.stats.{name}").tabulate
    if name == "overlap_summary":
        return tabulate(**overlapping(graded, searches))
    if name == "language_mixing":
        return tabulate(graded, spoken(graded))
    if name == "generated":
        return tabulate([written(graded)])
    if name in ("prediction", "rasch_difficulty"):
        table = of_items(name)
        return tabulate(table if graded is study() else copied(table), **GIVEN[name])
    if name == "scorer_quality":
        return tabulate(*judged(graded), graded, **GIVEN[name])
    if name in SEARCHES:
        return tabulate(searches, graded)
    if name == "waits_against_votes":  # of two samples there is no vote
        graded = pd.concat([graded, graded.assign(sample=graded["sample"] + 2)])
    return tabulate(graded, **GIVEN.get(name, {}))


@pytest.mark.parametrize("name", sorted(intervals()))
def test_copies_within_clusters_change_no_interval_and_no_p(name):
    one = tabulated(name, study(), searched())
    five = tabulated(name, copied(study()), copied(searched()))
    said = [column for column in one.select_dtypes("number") if column.startswith(SAID)]
    assert {"lower", "upper"} < set(said)
    assert one["lower"].notna().any() and not (one["upper"] <= one["lower"]).all()
    numbers, again = (table[said].astype(float).to_numpy() for table in (one, five))
    np.testing.assert_allclose(again, numbers, rtol=1e-6, atol=1e-9)
    assert len(five) == len(one)
    if "detectable" in one:  # of as many independent items; never more than there are
        np.testing.assert_allclose(five["detectable"], one["detectable"], rtol=0.03)


@pytest.mark.parametrize("name", ["registration", "outcome_difficulty", "model_comparison"])
def test_copies_of_independent_items_in_clusters_of_their_own_are_no_evidence(name, monkeypatch):
    # Of items alone intervals and p may come from resamples and permutations, of clusters from
    # leaving one out.
    monkeypatch.setitem(BOTH, "n_permutations", 1000)
    alone = study().assign(cluster_id=None)
    together = copied(alone).assign(cluster_id=lambda f: f["item_id"].str.rstrip("~"))
    one, five = (tabulated(name, frame, None) for frame in (alone, together))
    wider = (five["upper"] - five["lower"]) / (one["upper"] - one["lower"])
    assert wider.between(0.8, 1.8).all()  # five times as many would have .45
    np.testing.assert_allclose(five["p"], one["p"], atol=0.1)


def test_a_weak_correlation_stays_weak_when_items_are_copied():
    rng = np.random.default_rng(5)
    tokens, difficulty = rng.lognormal(4, 1, 60), rng.normal(size=60)
    tokens = tokens * np.exp(0.05 * difficulty)
    few = Draws(n_boot=50, n_permutations=2000)
    clusters = np.repeat(np.arange(60), 5)
    five = np.repeat(tokens, 5), np.repeat(difficulty, 5)
    for measure in ("spearman", "pearson_log", "kendall"):
        one = registration.correlate(measure, tokens, difficulty, draws=few)
        apart = registration.correlate(measure, *five, draws=few)
        together = registration.correlate(measure, *five, clusters=clusters, draws=few)
        assert apart.p < 0.02 < 0.05 < one.p
        assert together.p == pytest.approx(one.p, abs=0.04)


def test_effective_n_by_hand():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 30))
    assert effective_n(x, y, np.arange(30)) == pytest.approx(30)
    clusters = np.tile(np.arange(30), 4)
    assert effective_n(np.tile(x, 4), np.tile(y, 4), clusters) == pytest.approx(30)


def test_bootstrap_of_clusters_is_that_of_their_means():
    # Clusters of 1 to 4 equal values: what resampling them gives is known from weighted means.
    rng = np.random.default_rng(2)
    values, sizes = rng.normal(size=50), rng.integers(1, 5, 50)
    clusters = np.repeat(np.arange(50), sizes)
    items = np.repeat(values, sizes)

    def mean(times):
        return (times * items).sum(axis=-1) / times.sum(axis=-1)

    found = cluster_bootstrap(clusters, mean, Draws(n_boot=4000, seed=1))
    centre = items.mean()
    error = np.sqrt(np.sum((sizes * (values - centre)) ** 2)) / sizes.sum()
    assert found.estimate == pytest.approx(centre) and "of clusters" in found.method
    assert (found.upper - found.lower) / (2 * 1.96 * error) == pytest.approx(1, abs=0.12)
    left = jackknife(clusters, mean)
    assert left.p == pytest.approx(2 * ss.t.sf(abs(centre) / error, 49), abs=0.03)
    assert "t(49)" in left.p_method


def test_p_over_clusters_of_different_sizes_holds_its_level():
    rng = np.random.default_rng(7)
    below = apart = 0
    for _ in range(400):
        clusters = np.repeat(np.arange(20), rng.choice([1, 2, 3, 5, 12], 20))
        x, y = (rng.normal(size=20)[clusters] + rng.normal(size=len(clusters)) for _ in range(2))
        below += jackknifed_correlation(clusters, rank_correlation(x, y)).p < 0.05
        apart += ss.spearmanr(x, y).pvalue < 0.05
    assert below / 400 < 0.085 and apart / 400 > 0.1
