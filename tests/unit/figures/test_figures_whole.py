"""Figures of a whole study: correlations, flips and items, and that many models have room."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text

import whole_study
from graded_frames import graded_frame
from thinkscale.figures import accuracy_by_item, correlations, flips, tokens_by_outcome
from thinkscale.figures.core.style import Look, Style

QUICK = Look(Style(dpi=60))


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


def registration(models=("a", "b")):
    values = {"spearman": 0.5, "kendall": 0.4, "response_time_spearman": 0.3}
    return pd.DataFrame(
        {"model": model, "measure": measure, "n": 100, "detectable": 0.277}
        | {"estimate": r + i / 10, "lower": r + i / 10 - 0.1, "upper": r + i / 10 + 0.05}
        for i, model in enumerate(models)
        for measure, r in values.items()
    )


def test_each_correlation_has_its_interval_in_its_row():
    table = registration()
    (ax,) = correlations.draw(table, look=QUICK).axes
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["Spearman’s ρ", "Kendall’s τ", "response_time_spearman"]
    bars = [c[2][0].get_segments() for c in ax.containers if isinstance(c, ErrorbarContainer)]
    found = [(*bar[:, 0], round(bar[0, 1])) for model in bars for bar in model]
    at = {"spearman": 0, "kendall": 1, "response_time_spearman": 2}
    expected = [(r.lower, r.upper, at[r.measure]) for r in table.itertuples()]
    np.testing.assert_allclose(found, expected)
    assert np.isclose([0.277, -0.277], [ax.patches[0].get_x() + 0.554, ax.patches[0].get_x()]).all()
    alone = correlations.draw(table.assign(estimate=np.nan), look=QUICK)
    assert words(alone).startswith("no data: ")


def flipped(**columns):
    limits = {"max_think": [8, pd.NA], "waits": [pd.NA, 1], "continuation": [None, "Wait"]}
    frame = pd.DataFrame({"model": "m", "condition": ["max=8", "waits=1"], **limits})
    frame = frame.assign(truncate=pd.NA, min_think=pd.NA, no_think=False, n_items=20, n_pairs=40)
    return frame.assign(wrong_to_right=[2, 8], right_to_wrong=[10, 8], **columns)


def test_flips_are_shares_of_pairs_to_either_side():
    figure = flips.draw(flipped(), look=QUICK)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1 wait", "max. 8"]
    assert sorted(bar.get_width() for bar in ax.patches) == [-0.25, -0.2, 0.05, 0.2]
    said = words(figure)
    assert "0.0 −20.0" in said and "n = 40 pairs" in said
    assert words(flips.draw(flipped(n_pairs=0), look=QUICK)).startswith("no data: ")


def test_items_stand_by_difficulty_and_conditions_beside_each_other():
    graded = graded_frame(["m"], items=6, samples=2)
    graded = graded[graded["condition"].isin(["natural", "max=8"])]
    graded.loc[(graded["item_id"] == "i0") & (graded["condition"] == "max=8"), "outcome"] = None
    ax, _ = accuracy_by_item.draw(graded, look=QUICK).axes
    cells = ax.collections[0].get_array().reshape(6, 2)
    right = graded["outcome"].eq("correct").where(graded["outcome"].notna())
    share = right.astype(float).groupby([graded["item_id"], graded["condition"]]).mean().unstack()
    order = graded.groupby("item_id")["difficulty"].first().sort_values().index
    expected = share.loc[order, ["natural", "max=8"]]
    np.testing.assert_array_equal(np.ma.filled(cells, np.nan), expected)
    assert np.isnan(expected).sum(axis=None) == 1
    assert [label.get_text() for label in ax.get_xticklabels()] == ["natural", "max. 8"]


def test_tokens_are_compared_within_items_that_have_both():
    graded = graded_frame(["m"], items=3, samples=2).query("condition == 'natural'")
    graded = graded.sort_values(["item_id", "sample"]).assign(
        think_tokens=[10, 30, 20, 40, 7, 9],
        outcome=["correct", "incorrect", "ungradable", "correct", "correct", "correct"],
    )
    figure = tokens_by_outcome.draw(graded, look=QUICK)
    (points,) = (c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    assert points.get_offsets().tolist() == [[30, 10], [20, 40]]
    assert "above: 50%, n = 2" in words(figure)
    right = tokens_by_outcome.draw(graded.assign(outcome="correct"), look=QUICK)
    assert "no item has both" in words(right)


@cache
def eight():
    return whole_study.frames(8, 10)


@pytest.mark.parametrize(
    "name",
    [
        *("accuracy_vs_budget", "accuracy_vs_waits", "accuracy_by_item", "correlations", "flips"),
        *("grader_agreement", "readout_vs_tokens", "thinking_lengths", "training_loss"),
    ],
)
def test_eight_models_have_room(name):
    figure = whole_study.draw(name, eight(), Look(Style(dpi=60), whole_study.MODELS))
    figure.draw_without_rendering()
    page, high = figure.bbox, min(ax.get_position().height for ax in figure.axes)
    assert high * figure.get_figheight() > 0.12  # of inches: no axes collapses
    assert figure.get_figwidth() in (Style().width, Style().wide)
    for text in figure.legends[0].get_texts() if figure.legends else ():
        assert text.get_window_extent().x1 <= page.x1, text
    note = figure._supxlabel.get_window_extent()
    assert note.y0 >= page.y0 - 1 and note.x1 <= page.x1
    assert all(model.split("/")[-1][:8] in words(figure) for model in whole_study.MODELS)
