"""What a reader sees of strategies: panels by difficulty, scorers, and a search as a tree."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from thinkscale.figures import scorer_quality, search_tree, strategies_vs_compute
from thinkscale.figures.core.style import Look, Style, save

QUICK = Look(Style(dpi=60))


def strategies(levels=6, models=("a", "b"), **changes):
    """Accuracy rises with n, and falls with the level; compute is ten million a candidate."""
    rows = []
    for model in models:
        for level in range(levels):
            for strategy, n in [("majority", 1), ("majority", 4), ("beam", 4), ("beam", 8)]:
                value = 0.5 + 0.05 * n - 0.05 * level
                rows.append(
                    {
                        **{"model": model, "strategy": strategy, "n": n, "level": level},
                        "approach": {"beam": "beam_search"}.get(strategy, strategy),
                        **{"level_by": "difficulty", "n_items": 30, "compute": 1e7 * n},
                        "sampled": 100 * n,
                        **{"estimate": value, "lower": value - 0.1, "upper": value + 0.05},
                        "any_correct": 0.9,
                    }
                )
            forced = {"strategy": "budget forcing", "approach": "budget_forcing", "n": 0}
            rows.append({**rows[-1], **forced})
    return pd.DataFrame(rows).assign(**changes)


def headings(figure):
    return [ax.get_title(loc="left") for ax in figure.axes]


def test_every_fifth_has_a_panel_in_each_models_rows():
    figure = strategies_vs_compute.draw(strategies(), look=QUICK)
    fifths = ["easiest fifth", "fifth 2 of 5", "fifth 3 of 5", "fifth 4 of 5", "hardest fifth"]
    assert headings(figure) == ["a", *fifths, "b", *fifths]
    assert len(strategies_vs_compute.draw(strategies(levels=1), look=QUICK).axes) == 2


def test_all_sizes_have_their_interval_and_larger_ones_a_larger_marker():
    figure = strategies_vs_compute.draw(strategies(3, ["a"]), look=QUICK)
    for level, ax in enumerate(figure.axes):
        bars = [c[2][0].get_segments() for c in ax.containers if isinstance(c, ErrorbarContainer)]
        ends = [tuple(one[:, 1]) for one in np.concatenate(bars) if np.ptp(one[:, 1])]  # of beam
        tops = [0.5 + 0.05 * n - 0.05 * level for n in (4, 8)]
        assert ends == [pytest.approx((top - 0.1, top + 0.05)) for top in tops]
        points = [c for c in ax.collections if isinstance(c, PathCollection)]
        sizes = [c.get_sizes() for c in points if len(c.get_sizes()) == 2]
        assert len(sizes) == 2 and all(small < large for small, large in sizes)


def test_it_is_said_by_what_items_are_hard():
    for by, words in (("difficulty", "bank's difficulty"), ("accuracy", "accuracy on samples")):
        figure = strategies_vs_compute.draw(strategies(1, ["a"], level_by=by), look=QUICK)
        assert words in figure.get_supxlabel().replace("\n", " ")


def test_what_cost_nobody_knows_has_no_place_and_is_counted():
    rows = strategies(1)
    unknown = rows["model"] == "b"
    costs = rows[["compute", "sampled"]].mask(unknown)
    figure = strategies_vs_compute.draw(rows.assign(**costs), look=QUICK)
    assert headings(figure) == ["a"]
    assert "; 5 points without a cost not shown" in figure.get_supxlabel().replace("\n", " ")
    nothing = strategies_vs_compute.draw(rows.assign(compute=np.nan, sampled=np.nan), look=QUICK)
    assert "no log says what its samples cost" in nothing.texts[0].get_text()


def quality():
    rows = []
    for scorer in ("good", "weak"):
        views = [(how, None) for how in ("last", "min", "prod", "mean")]
        views += [(None, fraction / 5) for fraction in range(1, 6)]
        for how, fraction in views:
            for measure in ("auc", "auc_within", "calibration_error", "brier"):
                value = {"auc": 0.9, "auc_within": 0.8}.get(measure, 0.2) - 0.1 * (scorer == "weak")
                rows.append(
                    {
                        **{"model": "m", "scorer": scorer, "agg_strategy": how},
                        **{"fraction": fraction, "measure": measure, "n_items": 30},
                        **{"n_candidates": 240, "estimate": value, "lower": value - 0.05},
                        **{"upper": value + 0.05, "null_mean": 0.04},
                    }
                )
    return pd.DataFrame(rows).astype({"fraction": float})


def test_scorers_along_the_thought_and_of_whole_ones():
    figure = scorer_quality.draw(quality(), look=QUICK)
    along, whole, error = figure.axes
    drawn = [line for line in along.lines if len(line.get_xdata()) == 5]
    heights = {round(float(np.mean(line.get_ydata())), 3) for line in drawn}
    assert len(drawn) == 4 and sorted(heights) == [0.7, 0.8, 0.9]  # of .9 and .8, and .8 and .7
    steps = [0.2, 0.4, 0.6, 0.8, 1.0]
    assert all(np.allclose(line.get_xdata(), steps, atol=0.02) for line in drawn)
    ends = [s[:, 1] for c in along.containers for s in c[2][0].get_segments()]
    np.testing.assert_allclose([np.ptp(end) for end in ends], 0.1)
    assert [t.get_text() for t in whole.get_xticklabels()] == ["last", "min", "prod", "mean"]
    assert error.get_ylim()[0] == 0 and error.get_ylim()[1] > 0.25
    assert "30 items, 240 samples" in "".join(text.get_text() for text in along.texts)
    missing = quality()
    nothing = ["estimate", "lower", "upper", "null_mean"]
    missing.loc[missing["measure"] == "calibration_error", nothing] = np.nan
    scorer_quality.draw(missing, look=QUICK)  # scores that are no probabilities


def test_nothing_judged_says_so():
    figure = scorer_quality.draw(quality().iloc[:0], look=QUICK)
    assert "no scorer judged natural samples" in figure.texts[0].get_text()


UNTRUSTED = "<script>$\\alpha$\x1b"


def searched(item="i", right=1.0, n=4):
    """Two first steps, one given up; behind the other two, of which one answers B and is chosen."""
    keys = {"model": "m", "item_id": item, "search": "beam", "n": n}
    steps = [
        (None, "good", 0.9, [0, 1]),
        (None, UNTRUSTED, 0.1, []),
        (0, "left", 0.3, [0]),
        (0, "right", 0.8, [1]),
    ]
    nodes = [
        {**keys, "node": place, "parent": parent, "draws": 1 + (place == 3), "tokens": 1,
         "text": text, "score": score, "candidates": through}
        for place, (parent, text, score, through) in enumerate(steps)
    ]  # fmt: skip
    ballots = [
        {**keys, "candidate": 0, "ballot": "A", "correct": False, "chosen": False},
        {**keys, "candidate": 1, "ballot": "B", "correct": True, "chosen": True},
    ]
    row = {"model": "m", "item_id": item, "excluded": False}
    searches = [
        {**row, "strategy": "beam", "approach": "beam_search", "n": n, "correct": right},
        {**row, "strategy": "majority", "approach": "majority", "n": 8, "correct": 0.25},
    ]
    made = [pd.DataFrame(rows) for rows in (nodes, ballots, searches)]
    made[0]["parent"] = made[0]["parent"].astype("Int64")
    return made


def together(*several):
    return [pd.concat(frames, ignore_index=True) for frames in zip(*several, strict=True)]


def test_a_search_drawn(tmp_path):
    figure = search_tree.draw(*searched(), look=QUICK)
    ax, bar = figure.axes
    said = [text.get_text() for text in ax.texts]
    assert {"good", "left", "right ×2", "A ✗", "B ✓"} <= set(said)
    assert "n = 4; 4 steps, 1 given up; its answer is right" in said
    # Model text is shown as it is, its control characters as escapes, and never as markup.
    assert "<script>$\\\\alpha$\\x1b" in said
    widths = sorted(line.get_linewidth() for line in ax.lines)
    assert widths == [0.8, 0.8, 2.2, 2.2]  # two steps lead to what was chosen
    faded = [line for line in ax.lines if (line.get_alpha() or 1) < 1]
    assert len(faded) == 1
    colours = [to_hex(points.get_facecolor()[0]) for points in ax.collections[1:]]
    assert len(set(colours)) == 4 and bar.get_ylabel() == "score"
    note = figure.get_supxlabel().replace("\n", " ")
    assert "item i, m, picked for what search gains" in note and "right in 25% of draws" in note
    save(figure, tmp_path / "tree.svg")
    assert "<script" not in (tmp_path / "tree.svg").read_text()


def test_the_item_is_that_about_which_search_gains_most_and_is_kept():
    frames = together(searched("lost", 0.0), searched("won", 1.0), searched("out", 1.0))
    frames[2].loc[frames[2]["item_id"] == "won", "correct"] = [0.9, 0.0]
    frames[2]["excluded"] = frames[2]["item_id"] == "out"
    assert "item won, m" in search_tree.draw(*frames, look=QUICK).get_supxlabel()


def test_the_largest_legible_size_is_drawn():
    nodes, ballots, searches = together(searched(n=4), searched(n=16))
    wide = nodes[nodes["n"] == 16].iloc[[1] * 40].assign(node=range(10, 50))
    nodes = pd.concat([nodes, wide], ignore_index=True)
    searches = searches.drop_duplicates(["strategy", "n"])
    figure = search_tree.draw(nodes, ballots, searches, look=QUICK)
    assert any(text.get_text().startswith("n = 4;") for text in figure.axes[0].texts)


def test_steps_of_a_rollout_that_do_not_branch_are_one():
    nodes, ballots, searches = searched()
    nodes["score"] = [np.nan, 0.1, 0.3, 0.8]
    nodes.loc[2, ["parent", "candidates"]] = [pd.NA, [0]]
    nodes.at[0, "candidates"], nodes.at[2, "candidates"] = [1], [0]
    figure = search_tree.draw(nodes, ballots, searches, look=QUICK)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert "good right ×2" in said and "good" not in said
    assert "n = 4; 4 steps, 1 given up; its answer is right" in said


def test_an_answer_before_the_end_of_a_branch_stands_under_it():
    nodes, ballots, searches = searched()
    nodes.at[0, "candidates"], nodes.at[2, "candidates"] = [0, 1], []
    ax = search_tree.draw(nodes, ballots, searches, look=QUICK).axes[0]
    ax.figure.draw_without_rendering()
    (inner,) = (text for text in ax.texts if text.get_text() == "A \u2717")
    line = ax.transData.transform(inner.xy)[1]
    assert inner.get_window_extent().y1 < line


def test_without_a_tree_there_is_none():
    nodes, ballots, searches = searched()
    figure = search_tree.draw(nodes.iloc[:0], ballots, searches, look=QUICK)
    assert "no search went step by step" in figure.texts[0].get_text()
