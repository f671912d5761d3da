"""Graders side by side: kappa against other implementations, shares against the accuracy table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from thinkscale.errors import ThinkscaleError
from thinkscale.figures import grader_agreement as figure
from thinkscale.figures.core.style import Look, save
from thinkscale.report.details import agreement
from thinkscale.stats import grader_agreement
from thinkscale.stats.grader_agreement import OUTCOMES, kappa

NAMES = ("choice", "article", "exact")
KEYS = ["model", "item_id", "sample", "condition"]


def grades_of(outcomes, items=30, models=("m",), conditions=("natural", "max=8")):
    """A grades frame; `outcomes(rng)` gives one outcome for each of some graders."""
    rng = np.random.default_rng(3)
    rows = [
        (model, f"i{item}", sample, condition, grader, outcome)
        for model in models
        for condition in conditions
        for item in range(items)
        for sample in range(2)
        for grader, outcome in zip(NAMES, outcomes(rng), strict=False)
    ]
    return pd.DataFrame(
        rows, columns=["model", "item_id", "sample", "condition", "grader", "outcome"]
    )


def bank(items=30, clusters=None):
    return pd.DataFrame(
        {"item_id": [f"i{n}" for n in range(items)], "cluster_id": clusters or [None] * items}
    )


def noisy(rng):
    first = rng.choice(OUTCOMES, p=[0.4, 0.5, 0.1])
    return first, first if rng.random() < 0.7 else rng.choice(OUTCOMES)


def compared(grades, items=None, **options):
    wide = grades.pivot(index=KEYS, columns="grader", values="outcome")
    wide = wide[[name for name in NAMES if name in wide]].add_prefix("outcome_").reset_index()
    graded = wide.merge(bank() if items is None else items, on="item_id").assign(excluded=False)
    table = grader_agreement.tabulate(graded, **options)
    assert list(table.columns) == grader_agreement.COLUMNS
    return table


def test_kappa_of_a_known_matrix():
    # Cohen (1960), table 1: proportions .44 .05 .01 / .07 .20 .03 / .09 .05 .06, kappa = .492.
    table = np.array([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    assert kappa(table) == pytest.approx(0.492, abs=5e-4)
    assert kappa(table) == pytest.approx(cohens_kappa(table).kappa, abs=1e-12)
    assert np.isnan(kappa(np.array([[5, 0, 0], [0, 0, 0], [0, 0, 0]])))


@given(
    st.lists(
        st.tuples(st.sampled_from(OUTCOMES), st.sampled_from(OUTCOMES)), min_size=2, max_size=60
    )
)
@settings(max_examples=100, deadline=None)
def test_kappa_is_that_of_scikit_learn(pairs):
    first, second = zip(*pairs, strict=True)
    places = [pd.Index(OUTCOMES).get_indexer(side) for side in (first, second)]
    counts = np.zeros((3, 3))
    np.add.at(counts, tuple(places), 1)
    if len({*first, *second}) == 1:
        assert np.isnan(kappa(counts))
    else:
        assert kappa(counts) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_rows_measures_and_sizes():
    table = compared(grades_of(noisy, models=("b", "a")))
    assert list(dict.fromkeys(table["model"])) == ["a", "b"]
    one = table[(table["model"] == "a") & (table["condition"] == "natural")]
    assert one["measure"].tolist() == ["accuracy", "ungradable"] * 2 + ["agreement", "kappa"]
    assert set(one["n_items"]) == {30} and set(one["n_responses"]) == {60}
    pooled = table[(table["model"] == "a") & (table["condition"] == "all conditions")]
    assert set(pooled["n_responses"]) == {120}
    assert one["method"].str.len().min() > 5
    assert ((table["lower"] <= table["estimate"]) & (table["estimate"] <= table["upper"])).all()


def test_estimates():
    grades = grades_of(noisy)
    table = compared(grades).set_index(["condition", "measure", "grader"])["estimate"]
    wide = grades[grades["condition"] == "natural"].pivot_table(
        index=["item_id", "sample"], columns="grader", values="outcome", aggfunc="first"
    )
    assert table["natural", "accuracy", "choice"] == (wide["choice"] == "correct").mean()
    assert table["natural", "ungradable", "article"] == (wide["article"] == "ungradable").mean()
    assert table["natural", "agreement", "choice"] == (wide["choice"] == wide["article"]).mean()
    expected = cohen_kappa_score(wide["choice"], wide["article"])
    assert table["natural", "kappa", "choice"] == pytest.approx(expected, abs=1e-12)


def test_three_graders_make_three_pairs():
    table = compared(grades_of(lambda rng: rng.choice(OUTCOMES, 3)))
    pairs = table.loc[table["measure"] == "kappa", ["grader", "other"]].drop_duplicates()
    assert list(pairs.itertuples(index=False, name=None)) == [
        ("choice", "article"), ("choice", "exact"), ("article", "exact"),
    ]  # fmt: skip
    low = table.loc[table["measure"] == "kappa", "lower"]
    assert (low < 0.2).all()  # they agree as chance has it


def test_same_outcomes_agree_wholly_and_one_outcome_leaves_kappa_undefined():
    same = compared(grades_of(lambda rng: [rng.choice(OUTCOMES)] * 2))
    assert set(same.loc[same["measure"].isin(["kappa", "agreement"]), "estimate"]) == {1.0}
    one = compared(grades_of(lambda rng: ["incorrect"] * 2))
    row = one[one["measure"] == "kappa"].iloc[0]
    assert np.isnan(row["estimate"]) and "one and the same outcome" in row["method"]


def test_kappa_has_the_interval_of_the_agreement_beyond_chance():
    table = compared(grades_of(noisy)).query("condition == 'natural'").set_index("measure")
    agree, beyond = table.loc["agreement"], table.loc["kappa"]
    chance = (agree["estimate"] - beyond["estimate"]) / (1 - beyond["estimate"])
    for end in ("lower", "upper"):
        assert beyond[end] == pytest.approx((agree[end] - chance) / (1 - chance))
    assert beyond["lower"] < beyond["estimate"] < beyond["upper"]


def test_graders_that_never_differ_may_differ_elsewhere():
    same = compared(grades_of(lambda rng: [rng.choice(OUTCOMES)] * 2)).set_index("measure")
    assert (same.loc["kappa", "lower"] < 1).all() and (same.loc["kappa", "upper"] == 1).all()


def test_kappa_is_at_least_minus_one_however_few_items_there_are():
    outcomes = iter([("correct", "correct")] * 5 + [("correct", "incorrect")])
    table = compared(grades_of(lambda rng: next(outcomes), items=3, conditions=("natural",)))
    lower = table.query("condition == 'natural' and measure == 'kappa'")["lower"]
    assert lower.tolist() == [-1.0]


def test_clusters_widen_the_interval():
    def by_cluster(items):
        rows = []
        for item in range(30):
            outcome = "correct" if item < 15 else "incorrect"
            rows.append(("m", f"i{item}", 0, "natural", "choice", outcome))
            rows.append(("m", f"i{item}", 0, "natural", "article", outcome))
        frame = pd.DataFrame(
            rows, columns=["model", "item_id", "sample", "condition", "grader", "outcome"]
        )
        row = compared(frame, items).iloc[0]
        return row["upper"] - row["lower"]

    # Three of ten items each, the middle one mixed.
    clusters = [f"c{n // 10}" for n in range(30)]
    assert by_cluster(bank(clusters=clusters)) > 1.5 * by_cluster(bank())


def test_the_order_of_rows_changes_nothing_but_graders_keep_theirs():
    grades = grades_of(noisy)
    first = compared(grades)
    again = pd.concat(
        [grades[grades["grader"] == name].sample(frac=1, random_state=1) for name in NAMES]
    )
    pd.testing.assert_frame_equal(compared(again), first)


def test_no_natural_condition():
    table = compared(grades_of(noisy, conditions=("max=8",)))
    assert set(table["condition"]) == {"all conditions"}
    assert len(list(agreement(table, 0.05))) == 1


def test_missing_column():
    with pytest.raises(ThinkscaleError, match="no column cluster_id"):
        compared(grades_of(noisy), bank().drop(columns="cluster_id"))


def test_sentences():
    table = compared(grades_of(noisy, models=("a", "b")))
    [said] = agreement(table, 0.05)
    assert said.startswith("Agreement of `choice` and `article`, Cohen's κ: `a` 0.")
    assert "; `b` 0." in said and "(n = 60 responses)" in said
    one = compared(grades_of(lambda rng: ["incorrect"] * 2))
    assert not list(agreement(one, 0.05))


@pytest.mark.parametrize("models", [1, 2, 6])
def test_figure(models, tmp_path):
    names = [f"owner/model-{n}" for n in range(models)]
    table = compared(grades_of(noisy, models=names, items=8), bank(8))
    drawn = figure.draw(table, look=Look(models=names))
    words = [text.get_text() for ax in drawn.axes for text in ax.texts]
    assert any(any(c.isdigit() for c in word) for word in words)
    assert ("to" in " ".join(words)) == (models > 4)
    save(drawn, tmp_path / "a.png")
    save(drawn, tmp_path / "a.svg")
    first = drawn.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["choice", "article"]


def test_figure_without_rows():
    assert figure.draw(pd.DataFrame()).texts
