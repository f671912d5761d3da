"""Figures of a whole study: what its tables of all models say, and that many have room."""

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text

import whole_study
from graded_frames import graded_frame
from thinkscale import figures
from thinkscale.figures import (
    accuracy_by_item,
    accuracy_vs_budget,
    allocation,
    consensus,
    correlations,
    flips,
    frontier,
    power,
    predicted_difficulty,
    reliability,
    tokens_by_outcome,
    tokens_vs_response_time,
)
from thinkscale.figures.core import layout
from thinkscale.figures.core.frames import READS
from thinkscale.figures.core.style import Line, Look, Style

QUICK = Look(Style(dpi=60))


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


def of_responses():
    """Figures that are drawn of the graded responses."""
    names = [module.name for module in pkgutil.iter_modules(figures.__path__)]
    modules = [import_module(f"thinkscale.figures.{name}") for name in names if name != "core"]
    return [m for m in modules if next(iter(inspect.signature(m.draw).parameters)) == "graded"]


@pytest.mark.parametrize("module", of_responses(), ids=lambda module: module.__name__)
def test_columns_of_the_responses_that_are_not_read_are_not_drawn(module):
    graded = graded_frame(items=8, samples=2).assign(response_time=2.0, seconds=1.0)
    read = graded[[name for name in graded if name in READS["graded"]]]
    assert len(read.columns) < len(graded.columns)
    drawn = words(module.draw(read, look=QUICK))
    assert drawn == words(module.draw(graded, look=QUICK)) and not drawn.startswith("no data: ")


def registration(models=("a", "b")):
    values = {"spearman": 0.5, "kendall": 0.4, "somers_d": 0.3}
    return pd.DataFrame(
        {"model": model, "criterion": "difficulty", "measure": measure, "n": 100}
        | {"detectable": 0.277}
        | {"estimate": r + i / 10, "lower": r + i / 10 - 0.1, "upper": r + i / 10 + 0.05}
        for i, model in enumerate(models)
        for measure, r in values.items()
    )


def test_each_correlation_has_its_interval_in_its_row():
    table = registration()
    (ax,) = correlations.draw(table, look=QUICK).axes
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["Spearman’s ρ", "Kendall’s τ", "Somers’ D, cut as bounds"]
    bars = [c[2][0].get_segments() for c in ax.containers if isinstance(c, ErrorbarContainer)]
    found = [(*bar[:, 0], round(bar[0, 1])) for model in bars for bar in model]
    at = {"spearman": 0, "kendall": 1, "somers_d": 2}
    expected = [(r.lower, r.upper, at[r.measure]) for r in table.itertuples()]
    np.testing.assert_allclose(found, expected)
    assert np.isclose([0.277, -0.277], [ax.patches[0].get_x() + 0.554, ax.patches[0].get_x()]).all()
    alone = correlations.draw(table.assign(estimate=np.nan), look=QUICK)
    assert words(alone).startswith("no data: ")


def test_each_criterion_has_its_panel():
    other = registration(["a"]).assign(criterion="response_time", estimate=0.8)
    table = pd.concat([registration(["a"]), other[other["measure"] == "spearman"]])
    first, second = correlations.draw(table, look=QUICK).axes
    assert first.get_xlabel() == "correlation with difficulty"
    assert second.get_xlabel() == "correlation with response time"
    assert [points(ax) for ax in (first, second)] == [[[0.5, 0], [0.4, 1], [0.3, 2]], [[0.8, 0]]]


def points(ax):
    return [
        place for c in ax.collections if isinstance(c, PathCollection) for place in
        np.ma.getdata(c.get_offsets()).tolist()
    ]  # fmt: skip


def test_ratios_of_right_answers_to_others_stand_at_one_where_logs_are_alike():
    table = pd.DataFrame({"model": "m", "measure": ["within", "cohen_d", "mixed"]})
    ends = {"estimate": [np.log(2), 5, 0], "lower": [0, 4, -1], "upper": [1, 6, 1]}
    table = table.assign(n_both=9, censored=0.25, **ends)
    figure = allocation.draw(table, look=QUICK)
    np.testing.assert_allclose(points(figure.axes[0]), [[2, 0], [1, 1]])
    assert "n = 9 items" in words(figure) and "25%" in words(figure)
    assert words(allocation.draw(table.assign(estimate=np.nan), look=QUICK)).startswith("no data")


def test_reliability_is_of_one_sample_and_of_the_mean():
    measures = ["icc_single", "icc_mean", "disattenuated"]
    table = pd.DataFrame({"model": "m", "measure": measures, "n": 20, "samples": 4.0})
    table = table.assign(estimate=[0.4, 0.7, 1.2], lower=[0.2, 0.5, 0.9], upper=[0.6, 0.9, 1.4])
    figure = reliability.draw(table, look=QUICK)
    np.testing.assert_allclose(points(figure.axes[0]), [[0.4, 0], [0.7, 1]])
    assert "20 items a model, 4 samples each" in words(figure)
    varied = pd.concat([table, table.assign(model="n", samples=3.5)])
    assert "3.5–4 samples" in words(reliability.draw(varied, look=QUICK))


def costs():
    table = pd.DataFrame({
        "point": ["max=8", "natural", "waits=1", "cons@4", "min=0"], "k": [1, 1, 1, 4, 1],
        "alone": [10, 20, 40, 80, np.nan], "estimate": [0.3, 0.5, 0.4, 0.52, 0.5],
        "frontier": [True, True, False, True, False], "model": "m", "n_items": 50,
    })  # fmt: skip
    return table.assign(lower=table["estimate"] - 0.1, upper=table["estimate"] + 0.1)


def test_the_frontier_is_joined_and_named_and_the_rest_is_faint():
    figure = frontier.draw(costs(), flipped(estimate=0.5), look=QUICK)
    (ax,) = figure.axes
    joined = ax.lines[0]
    assert joined.get_xydata().tolist() == [[10, 0.3], [20, 0.5], [80, 0.52]]
    markers = [line for line in ax.lines[1:] if line.get_marker() == "o"]
    drawn = {x: line for line in markers for x in line.get_xdata()}
    assert {x: line.get_alpha() for x, line in drawn.items()} == {10: 1, 20: 1, 40: 0.3, 80: 1}
    assert [x for x, line in drawn.items() if line.get_markerfacecolor() == "white"] == [80]
    names = {text.get_text(): text.get_window_extent() for text in ax.texts}
    assert list(names) == ["max. 8", "natural", "cons@4"]  # as conditions are named elsewhere
    boxes = list(names.values())
    assert not any(one.overlaps(two) for one, two in pairwise(boxes))
    assert all(ax.bbox.x0 <= box.x0 for box in boxes)
    assert "1 without an accuracy or a cost not shown" in words(figure)
    assert words(frontier.draw(costs().assign(alone=np.nan), look=QUICK)).startswith("no data: ")


def planned():
    """Conditions of which max=8 needs more than waits=1, and a third that cannot be planned for."""
    rows = []
    for condition, scale in (("max=8", 2.0), ("waits=1", 1.0), ("natural", np.nan)):
        for n, k, here in ((30, 2.0, True), (100, 1, False), (400, 1, False), (400, 4, False)):
            effect = scale / np.sqrt(n * k)
            ends = {"estimate": effect, "lower": 0.9 * effect, "upper": 1.1 * effect}
            size = {"n_items": n, "samples": k, "this_study": here}
            rows.append({"condition": condition, "measure": "accuracy", **size, **ends})
            if condition == "natural":
                rho = {"measure": "spearman_difficulty", "estimate": 2.8 / np.sqrt(n)}
                rows.append(rows[-1] | rho)
    limits = flipped()[["condition", "max_think", "waits", "continuation"]]
    frame = pd.DataFrame(rows).merge(limits, on="condition", how="left")
    none = {"truncate": pd.NA, "min_think": pd.NA, "no_think": False}
    return frame.assign(model="m", power=0.8, observed=-0.25, **none)


def test_detectable_effects_stand_over_items_beside_what_was_observed():
    figure = power.draw(planned(), look=QUICK)
    correlation, accuracy = figure.axes
    line, observed = correlation.lines[0].get_xydata(), correlation.lines[-1].get_xydata()
    np.testing.assert_allclose(line, [[n, 2.8 / np.sqrt(n)] for n in (30, 100, 400)])
    assert observed.tolist() == [[30, 0.25]]
    # Of two conditions the lower is the median.
    one, four, level = (line.get_xydata() for line in accuracy.lines[:3])
    np.testing.assert_allclose(one, [[100, 0.1], [400, 0.05]])
    np.testing.assert_allclose(four, [[400, 0.025]])
    assert set(level[:, 1]) == {0.25} and accuracy.get_ylim()[1] > 0.25
    said = words(figure)
    assert "1 wait, observed 0.250" in said and "4 samples" in said and "80% power" in said
    assert words(power.draw(planned().assign(estimate=np.nan), look=QUICK)).startswith("no data: ")


def test_no_difference_of_accuracy_above_one_is_planned_for():
    wide = planned().assign(upper=80.0)
    assert power.draw(wide, look=QUICK).axes[1].get_ylim() == (0, 1)


def test_votes_and_passes_stand_beside_guessing():
    rows = [("pass", 1, 0.6, 0.2), ("pass", 2, 0.8, 0.36), ("pass", 8, 0.9, 0.83)]
    rows += [("cons", 8, 0.7, 0.2)]
    table = pd.DataFrame(rows, columns=["measure", "k", "estimate", "guess"])
    table = table.assign(model="m", n_items=50, lower=table["estimate"] - 0.1, upper=0.95)
    figure = consensus.draw(table, look=QUICK)
    votes, passes = figure.axes
    drawn = [[line.get_xydata().tolist() for line in ax.lines] for ax in (votes, passes)]
    # Of one sample and of two the plurality is pass@1, and the table says that once.
    expected = [
        [[[1, 0.6], [2, 0.6], [8, 0.7]], [[1, 0.2], [2, 0.2], [8, 0.2]]],
        [[[1, 0.6], [2, 0.8], [8, 0.9]], [[1, 0.2], [2, 0.36], [8, 0.83]]],
    ]
    np.testing.assert_allclose(drawn, expected)
    assert "guessing" in words(figure) and "n = 50 items" in words(figure)
    free = consensus.draw(table.assign(guess=np.nan), look=QUICK)
    assert "guessing" not in words(free) and len(free.axes[0].lines) == 1
    assert words(consensus.draw(table[:0], look=QUICK)).startswith("no data: ")


def test_tokens_stand_over_people_s_time_with_its_own_correlation():
    graded = graded_frame(["m"], items=6, samples=2)
    table = registration(["m"])
    timed = table.assign(criterion="response_time", estimate=0.81, lower=0.7, upper=0.9)
    figure = tokens_vs_response_time.draw(graded, pd.concat([table, timed]), look=QUICK)
    (ax,) = figure.axes
    natural = graded[graded["condition"] == "natural"].groupby("item_id", sort=False)
    expected = natural[["response_time", "think_tokens"]].mean().to_numpy()
    np.testing.assert_allclose(points(ax), expected)
    assert ax.get_xlabel() == "response time (s)" and "0.81 [0.70, 0.90], n = 100" in words(figure)
    untimed = tokens_vs_response_time.draw(graded.assign(response_time=np.nan), look=QUICK)
    assert words(untimed) == "no data: no item has a response time"


@pytest.mark.parametrize("spread", [1.3, 3, 12, 30, 90, 3000])
def test_a_log_axis_has_few_ticks_with_room_for_their_words(spread):
    _, (ax,) = layout.panel_grid(1, Style())
    ax.plot([7e9, 7e9 * spread], [0, 1])
    layout.log_axis(ax, "cost", spread, lambda value: f"{value:.0e}")
    low, high = ax.get_xlim()
    inside = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert 2 <= len(inside) <= 6 and ax.get_xlabel() == "cost (log scale)"


def test_predictions_from_length_and_from_all_stand_beside_each_other():
    sets = pd.DataFrame({"learner": ["mean", "ridge", "ridge"]})
    sets["features"] = ["dummy", "length", "all"]
    items = pd.DataFrame({"difficulty": [0.0, 1.0, 2.0], "predicted": [0.5, 1.0, 1.5]})
    told = sets.assign(measure="rmse", against=[None, None, "dummy"])
    told = told.assign(estimate=0.41, lower=0.3, upper=0.5)
    figure = predicted_difficulty.draw(sets.merge(items, how="cross"), told, look=QUICK)
    assert [points(ax) for ax in figure.axes] == 2 * [[[0, 0.5], [1, 1], [2, 1.5]]]
    said = words(figure)
    assert "ridge, length alone" in said and "ridge, all features" in said and "n = 3 items" in said
    assert said.count("RMSE 0.41 [0.30, 0.50]") == 1  # a difference from the dummy is no error
    few = sets.merge(items.assign(predicted=np.nan), how="cross")
    assert words(predicted_difficulty.draw(few, look=QUICK)).startswith("no data: ")


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
    assert "above: 50%, below: 50%, n = 2" in words(figure)
    right = tokens_by_outcome.draw(graded.assign(outcome="correct"), look=QUICK)
    assert "no item has both" in words(right)


@pytest.mark.parametrize("items", [10, 100, 1000])
def test_few_items_are_drawn_larger_and_darker_than_many(items):
    places = pd.DataFrame({"x": range(items), "y": 0.0, "cut": [False, True] * (items // 2)})
    _, (ax,) = layout.panel_grid(1, Style())
    layout.points(ax, places, "x", "y", Line("#0072B2", "o"), Style(), hollow="cut")
    whole, rings = ax.collections
    strength = {10: 0.9, 100: 0.55, 1000: 0.3}[items]
    assert (whole.get_alpha(), whole.get_sizes()) == (strength, 16 if items == 10 else 9)
    assert rings.get_alpha() > whole.get_alpha() and len(rings.get_facecolor()) == 0


def test_estimates_below_a_reliability_of_minus_one_leave_room_for_the_others():
    table = pd.DataFrame({"model": ["m", "n"], "measure": "icc_mean", "n": 10, "samples": 2.0})
    table = table.assign(estimate=[-7.0, 0.5], lower=[-17.0, 0.3], upper=[0.1, 0.7])
    figure = reliability.draw(table, look=QUICK)
    assert figure.axes[0].get_xlim() == (-1, 1)
    assert "1 estimate below \u22121 not shown" in words(figure)


def crowded(models, names, step=100):
    """Estimates of many models and maximum budgets that rise evenly."""
    rows = [
        {"model": model, "condition": f"max={most}", "max_think": most, "estimate": 0.5}
        for model in whole_study.MODELS[:models]
        for most in range(step, step * (names + 1), step)
    ]
    limits = {"truncate": pd.NA, "min_think": pd.NA, "waits": pd.NA, "no_think": False}
    frame = pd.DataFrame(rows).assign(**limits, continuation=None, lower=0.4, upper=0.6)
    frame["max_think"] = frame["max_think"].astype("Int64")
    return frame.assign(n_items=10, n_responses=20, errors=0, outcome="correct", difficulty=0.1)


def test_of_many_models_each_stands_at_its_own_budget():
    table = crowded(8, 12)
    (ax,) = accuracy_vs_budget.draw(table, look=QUICK).axes
    drawn = np.array([c[2][0].get_segments() for c in ax.containers])[:, :, 0, 0]
    assert (drawn[:, :-1].max(axis=0) < drawn[:, 1:].min(axis=0)).all()  # none passes the next
    strength = [c[2][0].get_alpha() for c in ax.containers]
    few = accuracy_vs_budget.draw(crowded(2, 12), look=QUICK).axes[0].containers
    assert max(strength) < 1 and min(c[2][0].get_alpha() for c in few) == 1


def test_names_of_many_conditions_stand_beside_each_other():
    table = crowded(8, 23).assign(item_id="i", sample=0, error=None, excluded=False)
    table = pd.concat([table, table.assign(item_id="j", difficulty=0.2)])
    figure = accuracy_by_item.draw(table, look=Look(Style(dpi=60), whole_study.MODELS[:8]))
    for ax in figure.axes[:8]:
        boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
        assert not any(one.overlaps(two) for one, two in pairwise(boxes))


def test_votes_of_two_models_do_not_hide_each_other():
    table = pd.DataFrame({"measure": ["cons", "pass"] * 2, "k": [4, 4, 8, 8], "estimate": 0.5})
    table = table.assign(n_items=9, guess=np.nan, lower=0.4, upper=0.6)
    table = pd.concat([table.assign(model=model) for model in ("a", "b")])
    for ax in consensus.draw(table, look=QUICK).axes:
        (a, b) = (c[2][0].get_segments() for c in ax.containers)
        ratios = [two[0, 0] / one[0, 0] for one, two in zip(a, b, strict=True)]
        assert 1 < ratios[0] < 1.1 and np.isclose(*ratios)


@cache
def ten():
    return whole_study.frames(len(whole_study.MODELS), 10)


@pytest.mark.parametrize(
    "name",
    [
        *("accuracy_vs_budget", "accuracy_vs_waits", "accuracy_by_item", "consensus"),
        *("correlations", "flips"),
        *("frontier", "grader_agreement", "power", "readout_vs_tokens", "reliability"),
        *("thinking_lengths", "training_effects", "training_loss", "training_rewards"),
        *("training_rounds", "training_vs_thinking"),
    ],
)
def test_ten_models_have_room_and_colour_is_not_all_that_tells_them_apart(name):
    look = Look(Style(dpi=60), whole_study.MODELS)
    figure = whole_study.draw(name, ten(), look)
    figure.draw_without_rendering()
    # Lines of rounds join two models, of which each has its marker; panels of power are models.
    marks = {line.marker: line.colour for line in look.lines.values()}
    lines = [line for ax in figure.axes for line in ax.lines if line.get_color() in marks.values()]
    if name not in ("training_rounds", "power"):
        assert all(marks.get(line.get_marker()) == line.get_color() for line in lines)
    page, high = figure.bbox, min(ax.get_position().height for ax in figure.axes)
    assert high * figure.get_figheight() > 0.12  # of inches: no axes collapses
    assert figure.get_figwidth() in (Style().width, Style().wide)
    for text in figure.legends[0].get_texts() if figure.legends else ():
        assert text.get_window_extent().x1 <= page.x1, text
    note = figure._supxlabel.get_window_extent()
    assert note.y0 >= page.y0 - 1 and note.x1 <= page.x1
    assert all(model.split("/")[-1][:8] in words(figure) for model in whole_study.MODELS)
