"""Figures of models that were made from one another: each beside its parent, and in its round."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Text

from thinkscale.figures import training_effects, training_rounds, training_vs_thinking
from thinkscale.figures.core.style import Look, Style

QUICK = Look(Style(dpi=60))
MODELS = ["base", "one", "two", "other"]
MADE = pd.DataFrame({
    "model": MODELS, "parent": [None, "base", "base", "base"],
    "previous": [None, "base", "one", "base"], "round": [0, 1, 2, 1], "n_items": 30,
})  # fmt: skip
VALUES = dict(zip(MODELS, [0.3, 0.5, 0.7, 0.4], strict=True))


def of_waits(waits, shift=0.0):
    """A row for each model under so many forced Waits, its estimate shifted."""
    table = pd.DataFrame({"model": MODELS, "estimate": [v + shift for v in VALUES.values()]})
    table = table.assign(
        condition=f"waits={waits}" if waits else "natural", waits=waits or pd.NA, no_think=False,
        continuation="Wait" if waits else None, n_items=30, n_responses=60,
        **dict.fromkeys(["max_think", "min_think", "truncate"], pd.NA),
    )  # fmt: skip
    table = table.assign(lower=table["estimate"] - 0.05, upper=table["estimate"] + 0.04)
    ends = {"tokens_mean": "estimate", "tokens_lower": "lower", "tokens_upper": "upper"}
    return table.assign(**{name: 100 * table[end] for name, end in ends.items()})


def accuracy():
    return pd.concat([of_waits(0), of_waits(1, 0.1)])


def dots_of(ax):
    """Row and value of each dot, rows from the top."""
    dots = [drawn for drawn in ax.collections if isinstance(drawn, PathCollection)]
    places = np.concatenate([drawn.get_offsets() for drawn in dots]).tolist()
    return sorted((round(y), round(x, 3)) for x, y in places)


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_each_model_stands_beside_its_parent():
    rho = of_waits(0, -0.4).assign(criterion="difficulty", measure="spearman")
    waits = pd.concat([of_waits(1, -0.2), of_waits(2)])
    figure = training_effects.draw(MADE, accuracy(), waits, rho, look=QUICK)
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "natural accuracy", "thinking tokens", "gain by one Wait", "\u03c1 of tokens, difficulty",
    ]  # fmt: skip
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == MODELS
    for ax, scale, shift in zip(figure.axes, (1, 100, 1, 1), (0, 0, -0.2, -0.4), strict=True):
        own = [(row, VALUES[model]) for row, model in enumerate(MODELS)]
        parents = [(row, VALUES["base"]) for row in (1, 2, 3)]
        expected = sorted((row, round(scale * (v + shift), 3)) for row, v in own + parents)
        assert dots_of(ax) == expected


def test_what_was_not_estimated_has_no_panel():
    figure = training_effects.draw(MADE, accuracy(), None, None, look=QUICK)
    assert len(figure.axes) == 2
    assert words(training_effects.draw(MADE, None, look=QUICK)).startswith("no data: ")


def test_rounds_follow_who_came_before():
    figure = training_rounds.draw(MADE, accuracy(), look=QUICK)
    for ax, scale in zip(figure.axes, (1, 100), strict=True):
        steps = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 2]
        found = {tuple(np.round(step[:, 1] / scale, 3)) for step in steps}
        assert found == {(0.3, 0.5), (0.5, 0.7), (0.3, 0.4)}
        assert all(round(step[1, 0]) - round(step[0, 0]) == 1 for step in steps)
        # Who shares a round stands side by side.
        one, other = (step[1, 0] for step in steps if round(step[1, 0]) == 1)
        assert one != other
    assert "n = 30 items" in words(figure)


@pytest.mark.parametrize("name", MODELS[:2])
def test_one_model_is_enough(name):
    made = MADE[MADE["model"] == name]
    for module in (training_effects, training_rounds):
        assert name in words(module.draw(made, accuracy(), look=QUICK))


def test_a_making_is_shared_by_the_questions_asked():
    made = pd.DataFrame({"model": ["base", "one"], "parameters": 10, "flops_made": [0.0, 2e6]})
    frontier = pd.DataFrame({
        "model": ["base", "base", "one", "one"], "k": [1, 8, 1, 1], "n_items": 30,
        "alone": [100, 800, 100, np.nan], "estimate": [0.3, 0.5, 0.6, 0.7],
    })  # fmt: skip
    frontier = frontier.assign(lower=frontier["estimate"] - 0.1, upper=frontier["estimate"] + 0.1)
    figure = training_vs_thinking.draw(made, frontier, look=QUICK)
    # Making takes as much as a thousand questions of 2 000 FLOPs.
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["10\u00b2 questions", "10\u00b3 questions", "10\u2074 questions"]
    for ax, share in zip(figure.axes, (20_000, 2000, 200), strict=True):
        best, *points = (line for line in ax.lines if len(line.get_xdata()))
        found = sorted(tuple(point) for line in points for point in line.get_xydata().tolist())
        trained = 2000 + share
        assert found == sorted([(2000, 0.3), (16_000, 0.5), (trained, 0.6)])
        # Eight votes pay while few questions share the making.
        votes = [(16_000, 0.5)] if trained > 16_000 else []
        assert list(map(tuple, best.get_xydata())) == [(2000, 0.3), *votes, (trained, 0.6)]
        # What something beats in both is faint.
        faint = [tuple(p) for line in points if line.get_alpha() < 1 for p in line.get_xydata()]
        assert set(faint) == {(16_000, 0.5)} - set(votes)
    assert "1 without an accuracy or a cost" in words(figure)
