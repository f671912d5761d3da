"""The figures of readouts show what their tables say."""

import re
from functools import cache
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import same_color, to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text

from graded_frames import readout_tables
from thinkscale.figures import (
    readout_entropy,
    readout_reliability,
    readout_vs_budget,
    readout_vs_tokens,
)
from thinkscale.figures.core.budgets import Budgets
from thinkscale.figures.core.style import Look, Style, save

QUICK = Look(Style(dpi=60))
HOSTILE = '$\\frac{1}{0}$<script>alert("x")<|script>'


NEEDS = {
    readout_vs_budget: ["readout"],
    readout_vs_tokens: ["readout"],
    readout_reliability: ["readout_bins", "readout_calibration"],
    readout_entropy: ["readout", "readout_difficulty"],
}


def drawn(module, models=("a", "b")):
    made = readout_tables(models)
    return module.draw(**{name: made[name] for name in NEEDS[module]}, look=QUICK)


def words(figure):
    return " ".join(re.sub(r"\s+", " ", text.get_text()) for text in figure.findobj(Text))


def points(ax):
    """(y, low, high) of every interval drawn upright, and the colours."""
    marks = {
        (to_hex(line.get_color()), x): y
        for line in ax.lines
        if line.get_marker() not in ("None", "")
        for x, y in line.get_xydata()
    }
    found, colours = [], set()
    for container in ax.containers:
        if isinstance(container, ErrorbarContainer) and container.has_yerr:
            _, _, (segments,) = container
            colour = to_hex(segments.get_color()[0])
            colours.add(colour)
            for (x, low), (_, high) in segments.get_segments():
                found.append((marks[colour, x], low, high))
    return sorted(found), colours


def expected(rows):
    numbers = rows[["estimate", "lower", "upper"]].astype(float)
    return sorted(numbers.itertuples(index=False, name=None))


@pytest.mark.parametrize("module", NEEDS)
def test_one_model_has_a_column_and_several_a_page(module):
    one, several = drawn(module, ("a",)), drawn(module)
    widths = Style().width, Style().wide
    expected = {readout_vs_tokens: widths[:1] * 2, readout_entropy: widths[1:] * 2}
    found = one.get_figwidth(), several.get_figwidth()
    assert found == expected.get(module, widths)
    assert (
        "n per point: 40 items, 80 responses; " in words(several) or module is readout_reliability
    )


@pytest.mark.parametrize("module", NEEDS)
def test_hostile_names_are_shown_and_not_obeyed(module, tmp_path):
    figure = drawn(module, (HOSTILE,))
    save(figure, tmp_path / "a.svg")
    tags = {one.tag.rsplit("}", 1)[-1] for one in ElementTree.parse(tmp_path / "a.svg").iter()}
    assert not tags & {"script", "text"} and "$" in words(figure)


def test_read_and_sampled_accuracies_are_the_readout_tables():
    figure, table = drawn(readout_vs_budget), readout_tables()["readout"]
    ways = ["key_probability", "readout_accuracy", "sampled_accuracy"]
    shown = table["measure"].isin(ways) & table["condition"].isin(["natural", "max=8", "max=16"])
    for ax, model in zip(figure.axes, ("a", "b"), strict=True):
        found, colours = points(ax)
        np.testing.assert_allclose(found, expected(table[shown & (table["model"] == model)]))
        assert len(colours) == 1
        ratios = table[shown & (table["model"] == model)]["relative_width"]
        ratios = ratios[table["measure"] == "key_probability"]
        said = f"intervals {ratios.min():.2f}\u2013{ratios.max():.2f} \u00d7 as wide"
        assert said in words(figure)
        assert np.isclose([line.get_ydata()[0] for line in ax.lines], 0.2).any()  # guessing
        assert ax.get_xticklabels()[0].get_text() == "natural\n(no limit)"


def test_without_sampled_answers_the_rest_is_drawn():
    table = readout_tables()["readout"]
    table = table[~table["measure"].isin(["sampled_accuracy", "difference", "agreement"])]
    figure = readout_vs_budget.draw(table.assign(relative_width=np.nan), look=QUICK)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["probability of the key", "most likely label", "guessing"]
    assert "as wide" not in words(figure)


def test_the_key_stands_over_the_tokens_of_each_condition():
    [ax] = drawn(readout_vs_tokens).axes
    table = readout_tables()["readout"]
    found, colours = points(ax)
    np.testing.assert_allclose(found, expected(table[table["measure"] == "key_probability"]))
    assert len(colours) == 2
    tokens = table[table["measure"] == "think_tokens"].set_index(["model", "condition"])["estimate"]
    lines = [line.get_xdata() for line in ax.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose(lines[0], sorted(tokens["a"]))
    hollow = [mark for mark in ax.collections if isinstance(mark, PathCollection)]
    assert all(same_color(mark.get_facecolor()[0], "white") for mark in hollow)
    assert [mark.get_offsets()[0, 0] for mark in hollow] == [tokens[m, "natural"] for m in "ab"]


def test_tokens_that_span_much_stand_on_a_log_scale_with_zero():
    table = readout_tables()["readout"].copy()
    least = (table["measure"] == "think_tokens") & (table["condition"] == "max=8")
    table.loc[least, ["estimate", "lower", "upper"]] = 0.0
    tokens = table["measure"] == "think_tokens"
    table.loc[tokens & (table["condition"] == "waits=1"), "estimate"] = 4096.0
    [ax] = readout_vs_tokens.draw(table, look=QUICK).axes
    assert ax.get_xscale() == "symlog" and "log scale" in ax.get_xlabel()


def test_reliability_shows_natural_and_the_smallest_budget():
    figure, made = drawn(readout_reliability), readout_tables()
    bins = made["readout_bins"]
    for ax, model in zip(figure.axes, ("a", "b"), strict=True):
        own = bins[(bins["model"] == model) & bins["condition"].isin(["natural", "max=8"])]
        np.testing.assert_allclose(points(ax)[0], expected(own))
        error = made["readout_calibration"].query(
            "model == @model and condition == 'natural' and measure == 'calibration_error'"
        )
        assert f"ECE {error['estimate'].iloc[0]:.2f} [" in words(figure)
        assert f"noise {error['null_mean'].iloc[0]:.2f}" in words(figure)
    assert "max. 8" in words(figure) and "max. 16" not in words(figure)
    budget = bins[bins["condition"] == "max=8"]
    alone = readout_reliability.draw(budget, look=QUICK)
    assert len(points(alone.axes[0])[0]) == (budget["model"] == "a").sum()
    assert "ECE: expected calibration error (max. 8)" in words(alone)


def test_entropy_and_its_correlation_are_the_readout_tables():
    made = readout_tables()
    left, right = drawn(readout_entropy).axes
    for ax, table in ((left, made["readout"]), (right, made["readout_difficulty"])):
        own = table[table["condition"].isin(["natural", "max=8", "max=16"])]
        own = own[own["measure"] == "entropy"] if "measure" in own else own
        np.testing.assert_allclose(points(ax)[0], expected(own))
        low, high = ax.get_ylim()
        assert low <= min(own["lower"]) and high >= max(own["upper"])
    assert np.isclose([line.get_ydata()[0] for line in left.lines], np.log2(5)).any()
    bare = made["readout_difficulty"].assign(estimate=np.nan)
    for nothing in (None, bare):
        assert len(readout_entropy.draw(made["readout"], nothing, look=QUICK).axes) == 1


def test_budgets_stand_to_scale_or_by_doublings():
    def of(*budgets):
        rows = [{"condition": f"max={b}", "max_think": b} for b in budgets]
        rows += [{"condition": "natural", "max_think": None}, {"condition": "waits=1", "waits": 1}]
        limits = ["max_think", "min_think", "waits", "truncate"]
        frame = pd.DataFrame(rows, columns=["condition", *limits]).assign(no_think=False)
        return Budgets.of(frame), Budgets.of(frame).at(frame)

    near, places = of(0, 8, 16, 32)
    assert not near.logarithmic
    np.testing.assert_allclose(places, [0, 0.25, 0.5, 1, *near.behind, np.nan])
    far, places = of(0, 256, 1024, 4096)
    assert far.logarithmic
    np.testing.assert_allclose(places, [0, 0.2, 0.6, 1, *far.behind, np.nan])
    one, places = of(64)
    assert places[0] < one.behind[0]


@cache
def with_other_ends():
    """The table of readouts of many models, with thinking off and thinking that was truncated."""
    table = readout_tables(tuple(f"model-{i}" for i in range(4)))["readout"]
    natural = table[table["condition"] == "natural"]
    off = natural.assign(condition="no_think", no_think=True)
    cut = natural.assign(condition="truncate=16", truncate=16, estimate=0.0, lower=0.0, upper=0.0)
    return pd.concat([table, off, cut.astype({"truncate": "Int64"})], ignore_index=True)


def test_words_behind_the_budgets_stand_beside_each_other():
    figure = readout_vs_budget.draw(with_other_ends(), look=QUICK)
    for ax in figure.axes:
        boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
        boxes = sorted(boxes, key=lambda box: box.x0)
        assert not any(one.overlaps(two) for one, two in pairwise(boxes))


def test_of_truncated_thinking_nothing_is_drawn():
    # What was read of it is of those responses alone that had ended before.
    for module in (readout_vs_budget, readout_entropy, readout_vs_tokens):
        for ax in module.draw(with_other_ends(), look=QUICK).axes:
            assert 0.0 not in [y for y, *_ in points(ax)[0]]
