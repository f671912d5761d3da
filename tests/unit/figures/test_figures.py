"""What a reader sees in each figure: points, intervals, numbers, names, colours, honest gaps."""

import inspect
import pkgutil
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import same_color, to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text

from graded_frames import readout_tables
from thinkscale import figures
from thinkscale.errors import ThinkscaleError
from thinkscale.figures import (
    accuracy_vs_budget,
    accuracy_vs_waits,
    difficulty_by_outcome,
    difficulty_histogram,
    readout_entropy,
    readout_reliability,
    readout_vs_budget,
    readout_vs_tokens,
    thinking_lengths,
    token_change,
    token_scatter,
    tokens_vs_difficulty,
    training_loss,
    training_rewards,
)
from thinkscale.figures.core.conditions import condition_names
from thinkscale.figures.core.style import Look, Style, apply, save
from thinkscale.figures.core.text import (
    digits_for,
    number,
    p_value,
    short_names,
    span,
    visible,
    with_interval,
)

MODELS = ["calibration-reasoner", "calibration-base", "calibration-sft"]
PAIR = MODELS[:2]
LONG = ["deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"]
QUICK = Look(Style(dpi=60))
CONDITIONS = ["natural", "max=0", "max=16", "min=40", "waits=1", "waits=2"]


def columns_of(condition):
    limits, _, wording = condition.partition(";continuation=")
    row = dict.fromkeys(["max_think", "min_think", "waits", "truncate"], pd.NA)
    row |= {"continuation": None, "no_think": condition == "no_think"}
    for limit in limits.split(";") if "=" in condition else ():
        kind, _, value = limit.partition("=")
        row[{"max": "max_think", "min": "min_think"}.get(kind, kind)] = int(value)
        if kind == "waits":
            row["continuation"] = wording or "Wait"
    return {"condition": condition, **row}


def graded(models=MODELS, conditions=CONDITIONS, items=12, samples=2, scale=1):
    """Item i is i/10 hard; a natural trace has 10 + 3 i tokens, and a wait doubles it."""
    outcomes = ["correct", "incorrect", "correct", "ungradable"]
    rows = []
    for model in models:
        for i in range(items):
            for sample in range(samples):
                for condition in conditions:
                    row = columns_of(condition)
                    tokens = (10 + 3 * i) * scale
                    tokens *= 1 + (0 if pd.isna(row["waits"]) else row["waits"])
                    limits = [row["max_think"], row["truncate"], 0 if row["no_think"] else pd.NA]
                    tokens = min([tokens, *(limit for limit in limits if pd.notna(limit))])
                    key = {"model": model, "item_id": f"i{i}", "sample": sample}
                    rest = {"think_tokens": tokens, "censored": False, "difficulty": i / 10}
                    rest |= {"error": None, "excluded": False}
                    rows.append(key | row | rest | {"outcome": outcomes[(i + sample) % 4]})
    frame = pd.DataFrame(rows)
    for column in ("max_think", "min_think", "waits", "truncate"):
        frame[column] = frame[column].astype("Int64")
    return frame


def unfit(frame, items, models=MODELS):
    """The frame with items that did not fit the context of the models: nothing was thought."""
    where = frame["item_id"].isin(items) & frame["model"].isin(models)
    frame = frame.assign(error=where.map({True: "5000 tokens", False: None}))
    frame.loc[where, ["think_tokens", "censored", "outcome"]] = [0, True, "ungradable"]
    return frame


def natural(**arguments):
    return graded(conditions=["natural"], **arguments)


def accuracy(models=MODELS, conditions=CONDITIONS):
    rows = []
    for m, model in enumerate(models):
        for c, condition in enumerate(conditions):
            value, tokens = 0.3 + 0.1 * m + 0.02 * c, 30.0 + 10 * c
            numbers = {"n_items": 12, "n_responses": 24, "errors": 0, "estimate": value}
            numbers |= {"lower": value - 0.05, "upper": value + 0.04}
            numbers |= {"tokens_mean": tokens, "tokens_lower": tokens - 2}
            rows.append({"model": model} | columns_of(condition) | numbers)
            rows[-1]["tokens_upper"] = tokens + 3
    return pd.DataFrame(rows)


def registration(models=MODELS):
    names = ["criterion", "measure", "estimate"]
    found = [("response_time", "spearman", 0.9), ("difficulty", "pearson_log", 0.99)]
    found.append(("difficulty", "spearman", 0.624))
    rows = [
        {"model": model, **dict(zip(names, row, strict=True))} for model in models for row in found
    ]
    return pd.DataFrame(rows).assign(n=12, lower=0.31, upper=0.8)


def outcome_difficulty(models=MODELS, sign=1):
    values = {"mean_difficulty_correct": 0.4, "mean_difficulty_incorrect": 0.65}
    values |= {"difference": sign * 0.25, "spearman_item_accuracy": -0.5}
    return pd.DataFrame(
        {"model": model, "measure": measure, "estimate": v, "lower": v - 0.1, "upper": v + 0.1}
        for model in models
        for measure, v in values.items()
    )


def changes(models=MODELS):
    return pd.DataFrame(
        {"model": model, "condition": condition, "estimate": e, "lower": e - 2, "upper": e + 3}
        for model in models
        for condition, e in (("max=0", -26.5), ("max=16", -11.5), ("waits=1", 26.5))
    )


def tokens(names=("\n#0", " +5", "</think>", "$x^2$"), **columns):
    count = len(names)
    frame = pd.DataFrame({"tokenizer": "calibration", "corpus": "traces", "token": list(names)})
    frame["token_id"] = range(count)
    frame["frequency_corpus"] = [0.1 * 0.8**i for i in range(count)]
    frame["frequency_items"] = [0.05 * 0.9**i for i in range(count)]
    frame["js_contribution"] = [0.01 / (1 + i) for i in range(count)]
    return frame.assign(**columns)


def divergence(**columns):
    row = {"tokenizer": "calibration", "corpus": "traces", "measure": "js", "unit": "bits"}
    row |= {"documents_corpus": 1000, "documents_items": 400, "tokens_corpus": 80_000}
    row |= {"tokens_items": 12_000, "estimate": 0.0155, "corrected": 0.0141, "spread": 0.0004}
    row |= {"window_estimate": 0.0312, "null_mean": 0.0268, "null_upper": 0.0285, "p": 0.0005}
    row |= columns
    nats = row | {"unit": "nats", "estimate": 9.9}
    return pd.DataFrame([nats, row | {"measure": "js_distance", "estimate": 8.8}, row])


def losses(models=("calibration-sft",), steps=30):
    return pd.DataFrame(
        {"model": model, "step": s, "loss": 2 / s, "tokens": 1000 * s}
        for model in models
        for s in range(1, steps + 1)
    )


def rewards(model="zero", held_out=(0, 10, 20), steps=20):
    """A log of GRPO: a row before training where something was measured then."""
    log = pd.DataFrame({"model": model, "step": range(steps + 1)})
    log = log.assign(
        reward=log["step"] / 20, accuracy=0.3, completion_tokens=30.0 + log["step"],
        tokens=1000 * log["step"],
    )  # fmt: skip
    log.loc[0, ["reward", "accuracy", "completion_tokens"]] = np.nan
    measured = log["step"].isin(held_out)
    return log.assign(
        held_out_accuracy=np.where(measured, 0.4 + log["step"] / 50, np.nan),
        held_out_accuracy_wait=np.where(measured, 0.8, np.nan),
    )


def read(name):
    return readout_tables((*PAIR, LONG[0]))[name]


def words(figure):
    """All text of a figure, lines joined: a note may break anywhere."""
    texts = (text.get_text() for text in figure.findobj(Text) if text.get_visible())
    return "\n".join(re.sub(r"\s+", " ", text) for text in texts if text)


def boxes_of(figure, chosen=lambda text: True):
    """Text and its box, after a drawing, for all text that a reader sees."""
    figure.draw_without_rendering()
    unseen = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    unseen |= {tick.label1, tick.label2}
    return [
        (text.get_text(), Text.get_window_extent(text))
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and text not in unseen and chosen(text)
    ]


def overlapping(boxes):
    return any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def rows_of(ax):
    """(middle, lowest, highest value) of each distribution drawn, by its row."""
    found = {}
    for body in ax.collections:
        if isinstance(body, PolyCollection) and len(body.get_paths()):
            x, y = body.get_paths()[0].vertices.T
            found[round(y.max() - 0.45)] = (x.min(), x.max())
    return found


def means_of(ax):
    """The ends of each mean's interval that lies along a row."""
    marks = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    return [list(mark[2][0].get_segments()[0][:, 0]) for mark in marks]


def intervals(ax):
    """(x, y, low, high, colour) of each drawn vertical interval, marker by marker."""
    marks = {
        (to_hex(line.get_color()), x): y
        for line in ax.lines
        if line.get_marker() not in ("None", "")
        for x, y in line.get_xydata()
    }
    found = []
    for container in ax.containers:
        if isinstance(container, ErrorbarContainer) and container.has_yerr:
            _, _, (segments,) = container
            colour = to_hex(segments.get_color()[0])
            for (x, low), (_, high) in segments.get_segments():
                found.append((x, marks[colour, x], low, high, colour))
    return found


EVERY = {
    "difficulty_histogram": lambda **k: difficulty_histogram.draw(natural(), **k),
    "tokens_vs_difficulty": lambda **k: tokens_vs_difficulty.draw(
        natural(models=PAIR), registration(), **k
    ),
    "difficulty_by_outcome": lambda **k: difficulty_by_outcome.draw(
        natural(models=PAIR), outcome_difficulty(), **k
    ),
    "accuracy_vs_budget": lambda **k: accuracy_vs_budget.draw(accuracy(), **k),
    "accuracy_vs_waits": lambda **k: accuracy_vs_waits.draw(accuracy(), **k),
    "thinking_lengths": lambda **k: thinking_lengths.draw(graded(PAIR), **k),
    "token_change": lambda **k: token_change.draw(graded(PAIR), changes(), **k),
    "token_scatter": lambda **k: token_scatter.draw(tokens(), divergence(), **k),
    "training_loss": lambda **k: training_loss.draw(losses(), **k),
    "training_rewards": lambda **k: training_rewards.draw(rewards(), **k),
    "readout_vs_budget": lambda **k: readout_vs_budget.draw(read("readout"), **k),
    "readout_vs_tokens": lambda **k: readout_vs_tokens.draw(read("readout"), **k),
    "readout_reliability": lambda **k: readout_reliability.draw(
        read("readout_bins"), read("readout_calibration"), **k
    ),
    "readout_entropy": lambda **k: readout_entropy.draw(
        read("readout"), read("readout_difficulty"), **k
    ),
}


@cache
def drawn(name):
    """One figure of each kind, for tests that only look."""
    return EVERY[name](look=QUICK)


# All figures

MODULES = {
    module.name: import_module(f"thinkscale.figures.{module.name}")
    for module in pkgutil.iter_modules(figures.__path__)
    if module.name != "core"
}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_draws_frames_in_a_look(name):
    parameters = inspect.signature(MODULES[name].draw).parameters
    assert parameters["look"].kind is inspect.Parameter.KEYWORD_ONLY
    frames = [p for p in parameters.values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert frames
    figure = MODULES[name].draw(**{frame.name: None for frame in frames})
    assert words(figure).startswith("no data: ")


@pytest.mark.parametrize("name", EVERY)
def test_svg_bytes_repeat_and_hold_no_date(name, tmp_path):
    save(drawn(name), tmp_path / "1.svg")
    save(EVERY[name](look=QUICK), tmp_path / "2.svg")
    svg = (tmp_path / "1.svg").read_bytes()
    assert svg == (tmp_path / "2.svg").read_bytes()
    assert b"dc:date" not in svg
    assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_png_bytes_repeat(tmp_path):
    for i in (1, 2):
        save(EVERY["token_scatter"](look=QUICK), tmp_path / f"{i}.png")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("missing", [None, pd.DataFrame()])
def test_missing_data_are_said(name, missing):
    figure = MODULES[name].draw(missing)
    assert words(figure).startswith("no data: ")
    assert not figure.axes


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_column_is_named(name):
    with pytest.raises(ThinkscaleError, match="is missing; found other"):
        MODULES[name].draw(pd.DataFrame({"other": [1], "condition": ["natural"]}))


@pytest.mark.parametrize("name", EVERY)
def test_text_lies_inside_the_figure(name):
    figure = drawn(name)
    page = figure.bbox
    for text, box in boxes_of(figure):
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, text
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, text


@pytest.mark.parametrize("name", EVERY)
def test_quantities_have_labels(name):
    figure = drawn(name)
    bottom = [ax for ax in figure.axes if ax.get_subplotspec().is_last_row()]
    assert all(ax.get_xlabel() for ax in bottom)
    assert "n = " in words(figure) or "n per" in words(figure)


def test_drawing_leaves_nothing_global():
    import matplotlib as mpl
    from matplotlib import pyplot

    before = dict(mpl.rcParams)
    for name in EVERY:
        EVERY[name](look=Look(Style(font_size=13, dpi=60)))
    assert dict(mpl.rcParams) == before
    assert not pyplot.get_fignums()


def test_no_figure_imports_torch():
    modules = ", ".join(f"thinkscale.figures.{name}" for name in MODULES)
    code = f"import sys, {modules}; print({{'torch', 'transformers'}} & {{*sys.modules}})"
    path = str(Path(figures.__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": path, "PATH": ""},
    )  # fmt: skip
    assert found.stdout.strip() == "set()"


# Style


def test_style_reaches_type_lines_and_pixels(tmp_path):
    style = Style(font_size=11, width=4.0, dpi=50, palette=["#123456", "#abcdef"])
    figure = training_loss.draw(losses(), look=Look(style))
    save(figure, tmp_path / "deep" / "loss.png")
    ax = figure.axes[0]
    assert ax.xaxis.label.get_size() == pytest.approx(11)
    assert {label.get_size() for label in ax.get_xticklabels()} == {style.small}
    assert all(same_color(line.get_color(), "#123456") for line in ax.lines)
    header = (tmp_path / "deep" / "loss.png").read_bytes()[16:20]
    assert int.from_bytes(header, "big") == 200


def test_models_keep_their_colour_in_every_figure():
    look = Look(QUICK.style, MODELS)
    expected = look.lines["calibration-sft"].colour
    only = ["calibration-sft"]
    loss = training_loss.draw(losses(), look=look)
    points = tokens_vs_difficulty.draw(natural(models=only), registration(only), look=look)
    budget = accuracy_vs_budget.draw(accuracy(only), look=look)
    assert same_color(loss.axes[0].lines[0].get_color(), expected)
    assert same_color(points.axes[0]._left_title.get_color(), expected)
    assert {mark[4] for mark in intervals(budget.axes[0])} == {expected.lower()}


def test_models_left_out_of_the_list_are_drawn_last():
    figure = tokens_vs_difficulty.draw(natural(), look=Look(QUICK.style, MODELS[2:]))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [MODELS[2], MODELS[0], MODELS[1]]


@pytest.mark.parametrize("colours", [1, 6, 7, 10])
def test_no_two_names_look_alike(colours):
    lines = Look(Style(palette=["red"]), ["a", "b"]).lines
    assert {name: line.colour for name, line in lines.items()} == {"a": "red", "b": "red"}
    style = Style(palette=[f"#0000{i:02x}" for i in range(colours)])
    lines = list(style.lines([f"m{i}" for i in range(10 * colours)]).values())
    assert len({(line.colour, line.marker) for line in lines}) == len(lines)
    # In grey, by the marker alone; and a line without markers tells the first colour from itself.
    assert len({line.marker for line in lines[:10]}) == 10
    assert len({line.dashes for line in lines[: 4 * colours : colours]}) == min(4, len(lines))


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"written as \.svg or \.png, not '\.pdf'"):
        save(drawn("difficulty_histogram"), tmp_path / "figure.pdf")


# Untrusted text

HOSTILE = '$\\frac{1}{0}$<script>alert("x")</script>--><b>\n\x1b[31m\u202e'


def test_hostile_text_is_shown_and_not_obeyed(tmp_path):
    from matplotlib import _mathtext

    called = []
    original = _mathtext.Parser.parse
    _mathtext.Parser.parse = lambda *args, **kwargs: called.append(args)
    try:
        model = HOSTILE.replace("/", "|")  # a slash ends an owner's name
        condition = f"waits=1;continuation={HOSTILE}"
        both = ["natural", "waits=1", condition, "max=3"]
        drawn = [
            token_scatter.draw(tokens(names=(HOSTILE, "$a$", "b")), divergence(), look=QUICK),
            tokens_vs_difficulty.draw(natural(models=[model]), look=QUICK),
            difficulty_by_outcome.draw(natural(models=[model]), look=QUICK),
            accuracy_vs_waits.draw(accuracy([model], both), look=QUICK),
            accuracy_vs_budget.draw(accuracy([model], both), look=QUICK),
            thinking_lengths.draw(graded([model], both), look=QUICK),
            token_change.draw(graded([model], both), look=QUICK),
            training_loss.draw(losses([model]), look=QUICK),
        ]
        for i, figure in enumerate(drawn):
            save(figure, tmp_path / f"{i}.svg")
            tree = ElementTree.parse(tmp_path / f"{i}.svg")
            tags = {element.tag.rsplit("}", 1)[-1] for element in tree.iter()}
            assert not tags & {"script", "b", "text", "foreignObject"}
            text = words(figure)
            assert "$" in text
            assert not set("\x1b\u202e") & set(text)
    finally:
        _mathtext.Parser.parse = original
    assert called == []


@given(st.text())
def test_visible_is_one_printable_line(text):
    shown = visible(text, spaces=True)
    assert shown.isprintable()
    assert not any(character.isspace() for character in shown)


@given(st.text(), st.integers(14, 40))
def test_visible_keeps_to_its_limit(text, limit):
    shown, whole = visible(text, limit=limit), visible(text)
    assert len(shown) <= limit
    assert shown == whole if len(whole) <= limit else "…" in shown


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\n#1 +6", "\\n#1␣+6"),
        (" B)4", "␣B)4"),
        ("\\n", "\\\\n"),
        ("\x00\x7f", "\\x00\\x7f"),
        ("中\u200b", "\\u4e2d\\u200b"),
        ("\U000e0041", "\\U000e0041"),
        ("é$_^{}", "é$_^{}"),
    ],
)
def test_visible_by_example(text, shown):
    assert visible(text, spaces=True) == shown


def test_names_lose_their_owner_only_where_that_is_unambiguous():
    assert short_names(["a/m", "b/m", "c/other", "dir/"]) == {
        "a/m": "a/m", "b/m": "b/m", "c/other": "other", "dir/": "dir/",
    }  # fmt: skip


def test_numbers_read_well():
    assert number(-0.0001, 2) == "0.00"
    assert number(-1234.5, 1) == "−1,234.5"
    assert number(float("nan"), 2) == "n/a"
    assert with_interval(0.5, -0.1, 0.9) == "0.50 [−0.10, 0.90]"
    assert with_interval(0.5, float("nan"), 0.9) == "0.50"
    assert digits_for(0.0155) == 4 and digits_for(120.0) == 0 and digits_for(0.0) == 2
    assert p_value(0.0004) == "p < 0.001" and p_value(0.0312) == "p = 0.031"
    assert span([200, 200]) == "200" and span([180, 1200]) == "180–1,200" and span([]) == "n/a"


# One by one


@pytest.mark.parametrize(
    "name", ["tokens_vs_difficulty", "difficulty_by_outcome", "thinking_lengths", "token_change"]
)
def test_items_that_the_study_leaves_out_are_not_drawn(name, tmp_path):
    whole = graded(PAIR)
    out = whole["item_id"].isin(["i1", "i11"])
    for file, frame in (("0", whole), ("1", whole.assign(excluded=out)), ("2", whole[~out])):
        save(MODULES[name].draw(frame, look=QUICK), tmp_path / f"{file}.svg")
    every, marked, without = ((tmp_path / f"{file}.svg").read_bytes() for file in "012")
    assert marked == without != every
    none = MODULES[name].draw(whole.assign(excluded=True), look=QUICK)
    assert words(none).startswith("no data: ")


def test_histogram_counts_every_item_once():
    items = pd.DataFrame({"difficulty": [0.1, 0.2, 0.2, 0.9, np.nan]})
    figure = difficulty_histogram.draw(items, look=QUICK)
    x, y = figure.axes[0].collections[0].get_paths()[0].vertices.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(4 * np.diff(np.unique(x)).max())  # bins are equally wide
    # Mean .35, SD .3697, t(3, .975) = 3.182: half width .588.
    assert "n = 4 items" in words(figure)
    assert "mean 0.35 [−0.24, 0.94] (95% interval); SD 0.37" in words(figure)
    assert "1 item without a difficulty left out" in words(figure)


def test_histogram_of_one_item_has_no_interval():
    figure = difficulty_histogram.draw(pd.DataFrame({"difficulty": [0.5]}), look=QUICK)
    assert "mean 0.50 (95% interval); SD n/a" in words(figure)


def test_registration_draws_items_fit_and_rho():
    frame = natural(models=MODELS[:1])
    frame.loc[frame["item_id"] == "i3", "censored"] = [True, False]
    frame.loc[frame["item_id"] == "i5", "difficulty"] = np.nan
    figure = tokens_vs_difficulty.draw(frame, registration(), look=QUICK)
    ax = figure.axes[0]
    whole, cut = (c for c in ax.collections if isinstance(c, PathCollection))
    assert len(whole.get_offsets()) == 10
    assert cut.get_offsets().tolist() == [[0.3, 19.0]]
    assert len(cut.get_facecolor()) == 0  # rings, through which others are seen
    assert cut.get_sizes() > whole.get_sizes()
    # Tokens are 10 + 30 difficulty exactly.
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y, 10 + 30 * x)
    text = words(figure)
    assert "ρ = 0.62 [0.31, 0.80], n = 12" in text
    assert "open: 1 point with a sample cut before it ended" in text
    assert "1 item without a difficulty left out" in text


def test_registration_band_is_the_textbook_band():
    # Difficulties 0..3, tokens 1, 3, 2, 6: slope 1.4, residual SD sqrt(4.2 / 2).
    frame = natural(models=["m"], items=4, samples=1)
    frame["difficulty"], frame["think_tokens"] = [0.0, 1, 2, 3], [1, 3, 2, 6]
    ax = tokens_vs_difficulty.draw(frame, look=QUICK).axes[0]
    (band,) = (c for c in ax.collections if not isinstance(c, PathCollection))
    corner = band.get_paths()[0].vertices
    at_zero = corner[corner[:, 0] == 0, 1]
    half = 4.302653 * np.sqrt(2.1) * np.sqrt(1 / 4 + 1.5**2 / 5)
    np.testing.assert_allclose([at_zero.min(), at_zero.max()], [0.9 - half, 0.9 + half], rtol=1e-5)


def test_registration_without_a_table_says_so():
    figure = tokens_vs_difficulty.draw(natural(), look=QUICK)
    assert words(figure).count("ρ: no data, n = 12") == 3


def test_registration_ignores_other_conditions():
    figure = tokens_vs_difficulty.draw(graded(models=["m"]), look=QUICK)
    points = next(c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    assert sorted(points.get_offsets()[:, 1]) == [10 + 3 * i for i in range(12)]


def test_registration_of_one_difficulty_has_no_line():
    frame = natural(models=["m"])
    frame["difficulty"] = 0.5
    assert not tokens_vs_difficulty.draw(frame, look=QUICK).axes[0].lines


@pytest.mark.parametrize(
    "sign, said",
    [(1, "not correct − correct = 0.250"), (-1, "correct − not correct = −0.250")],
)
def test_outcomes_show_counts_means_and_the_tables_own_sign(sign, said):
    frame = natural(models=["m"])
    figure = difficulty_by_outcome.draw(frame, outcome_difficulty(["m"], sign), look=QUICK)
    text = words(figure)
    assert any(line.startswith(said) for line in text.split("\n"))
    for outcome in ("correct", "incorrect", "ungradable"):
        assert f"n = {(frame['outcome'] == outcome).sum()}" in text
    ax = figure.axes[0]
    np.testing.assert_allclose(means_of(ax), [[0.3, 0.5], [0.55, 0.75]])
    own = frame.groupby("outcome")["difficulty"].agg(["min", "max"])
    expected = own.loc[["correct", "incorrect", "ungradable"]].to_numpy()
    np.testing.assert_allclose([rows_of(ax)[row] for row in range(3)], expected)


def test_outcome_without_responses_stays_as_a_row():
    frame = natural(models=["m"]).assign(outcome="correct")
    figure = difficulty_by_outcome.draw(frame, None, look=QUICK)
    text = words(figure)
    assert text.count("n = 0") == 2 and "ungradable" in text and "no data on means" in text


def test_budget_points_and_intervals_are_the_tables():
    table = accuracy()
    items = pd.DataFrame({"options": [list("abcde")] * 12})
    figure = accuracy_vs_budget.draw(table, items, look=QUICK)
    (ax,) = figure.axes
    drawn = sorted(mark[1:4] for mark in intervals(ax))
    rows = table[table["max_think"].notna() | (table["condition"] == "natural")]
    expected = rows[["estimate", "lower", "upper"]].astype(float)
    np.testing.assert_allclose(drawn, sorted(expected.itertuples(index=False, name=None)))
    ticks = dict(zip((t.get_text() for t in ax.get_xticklabels()), ax.get_xticks(), strict=True))
    assert list(ticks) == ["natural\n(no limit)", "16", "0"]
    places = np.array([mark[0] for mark in intervals(ax)])
    assert (abs(places[:, None] - list(ticks.values())).min(axis=1) <= 0.0201).all()
    text = words(figure)
    assert "guessing, 1 of 5" in text
    assert "n per point: 12 items, 24 responses; bars: 95% intervals" in text
    assert all(model in text for model in MODELS)
    guess = [line for line in ax.lines if list(line.get_ydata()) == [0.2, 0.2]]
    assert len(guess) == 1
    several = items.assign(key=["a"] * 11 + ["a,c"])
    assert "guessing" not in words(accuracy_vs_budget.draw(table, several, look=QUICK))


def test_wide_budgets_stand_on_a_log_scale_with_zero():
    conditions = ["natural", *(f"max={2**k}" for k in range(8, 15)), "max=0"]
    ax = accuracy_vs_budget.draw(accuracy(LONG, conditions), look=QUICK).axes[0]
    assert "log scale" in ax.get_xlabel()
    labels = sorted(ax.get_xticklabels(), key=lambda label: label.get_position()[0])
    assert labels[0].get_text() == "0" and labels[-2].get_text() == "16,384"
    boxes = [label.get_window_extent() for label in labels]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_no_budget_and_no_wait_are_said():
    table = accuracy(conditions=["natural", "min=40"])
    assert "no data: no estimate under a maximum budget" in words(accuracy_vs_budget.draw(table))
    assert "no data: no accuracy under forced waits" in words(accuracy_vs_waits.draw(table))


def test_waits_start_at_natural_in_both_panels():
    figure = accuracy_vs_waits.draw(accuracy(), look=QUICK)
    above, below = figure.axes
    assert len(intervals(above)) == len(intervals(below)) == 9
    first = sorted(mark[1:4] for mark in intervals(above) if abs(mark[0]) < 0.2)
    np.testing.assert_allclose(first, [[v, v - 0.05, v + 0.04] for v in (0.3, 0.4, 0.5)])
    first = [mark[1:4] for mark in intervals(below) if abs(mark[0]) < 0.2]
    np.testing.assert_allclose(first, [[30, 28, 33]] * 3)
    assert [label.get_text() for label in below.get_xticklabels()] == ["0\n(natural)", "1", "2"]
    assert "tokens" in below.get_ylabel() and "accuracy" in above.get_ylabel()


def test_each_continuation_has_its_line():
    conditions = ["natural", "waits=1", "waits=1;continuation=Hmm", "waits=2;continuation=Hmm"]
    figure = accuracy_vs_waits.draw(accuracy(["m"], conditions), look=QUICK)
    lines = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in lines] == [2, 3]
    assert [line.is_dashed() for line in lines] == [False, True]
    assert "“Wait”" in words(figure) and "“Hmm”" in words(figure)


def test_waits_without_token_counts_still_draw():
    table = accuracy().assign(tokens_mean=np.nan, tokens_lower=np.nan, tokens_upper=np.nan)
    assert len(accuracy_vs_waits.draw(table, look=QUICK).axes) == 2


def test_lengths_show_uncapped_conditions_and_the_share_cut():
    frame = graded(models=["m"])
    frame.loc[(frame["condition"] == "waits=1") & (frame["item_id"] < "i2"), "censored"] = True
    cut = frame[frame["condition"] == "waits=1"]["censored"].mean()
    figure = thinking_lengths.draw(frame, look=QUICK)
    text = words(figure)
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["natural", "1 wait", "2 waits", "min. 40"]
    assert f"{cut:.0%} cut" in text and text.count("% cut") == 1
    assert "n per row: 24 responses" in text
    assert sorted(rows_of(figure.axes[0])) == [0, 1, 2, 3]


def test_lengths_that_span_orders_of_magnitude_stand_on_a_log_scale():
    small = thinking_lengths.draw(natural(models=["m"]), look=QUICK).axes[0]
    assert small.get_xscale() == "linear" and rows_of(small) == {0: (10, 43)}
    frame = natural(models=["m"])
    frame["think_tokens"] = np.geomspace(40, 20_000, len(frame)).astype(int)
    large = thinking_lengths.draw(frame, look=QUICK).axes[0]
    assert large.get_xscale() == "log" and "log scale" in large.get_xlabel()
    assert rows_of(large)[0] == pytest.approx((40, 20_000))
    frame.loc[0, "think_tokens"] = 0
    zero = thinking_lengths.draw(frame, look=QUICK).axes[0]
    assert "0" in [label.get_text() for label in zero.get_xticklabels()]
    assert rows_of(zero)[0] == pytest.approx((0, 20_000))


def test_quartiles_stand_in_each_row():
    frame = natural(models=["m"], items=9, samples=1)  # 10, 13, … 34 tokens
    ax = thinking_lengths.draw(frame, look=QUICK).axes[0]
    found = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert found == [16, 22, 28]
    same = thinking_lengths.draw(frame.assign(think_tokens=7), look=QUICK).axes[0]
    assert {x for line in same.lines for x in line.get_xdata() if x > 1} == {7}


def test_no_zero_is_drawn_for_an_item_that_does_not_fit():
    only = MODELS[:1]
    one, two = ("i0",), ("i0", "i11")
    points = tokens_vs_difficulty.draw(unfit(natural(models=only), two), look=QUICK)
    (offsets,) = (
        c.get_offsets() for c in points.axes[0].collections if isinstance(c, PathCollection)
    )
    assert offsets[:, 1].tolist() == [10 + 3 * i for i in range(1, 11)]
    lengths = thinking_lengths.draw(unfit(graded(only), two), look=QUICK)
    assert min(low for low, _ in rows_of(lengths.axes[0]).values()) > 0
    assert "% cut" not in words(lengths)
    assert "n per row: 20 responses" in words(lengths)
    change = token_change.draw(unfit(graded(only), two), changes(only), look=QUICK)
    assert "n = 10 items" in words(change)
    for figure in (points, lengths, change):
        assert "2 items that did not fit a model’s context left out" in words(figure)
    outcomes = difficulty_by_outcome.draw(unfit(natural(models=only), one), look=QUICK)
    assert "1 item that did not fit a model’s context counted as ungradable" in words(outcomes)
    for figure in (
        tokens_vs_difficulty.draw(natural(models=only), look=QUICK),
        thinking_lengths.draw(graded(only), look=QUICK),
        token_change.draw(graded(only), look=QUICK),
        difficulty_by_outcome.draw(natural(models=only), look=QUICK),
        accuracy_vs_budget.draw(accuracy(), look=QUICK),
    ):
        assert "fit" not in words(figure)


def test_a_model_that_no_item_fits_is_said_and_has_no_panel():
    every = [f"i{i}" for i in range(12)]
    part, none = unfit(graded(PAIR), every, PAIR[1:]), unfit(graded(PAIR), every)
    for draw in (
        lambda frame: tokens_vs_difficulty.draw(frame, look=Look(QUICK.style, PAIR)),
        lambda frame: thinking_lengths.draw(frame, look=Look(QUICK.style, PAIR)),
        lambda frame: token_change.draw(frame, look=Look(QUICK.style, PAIR)),
    ):
        assert [ax.get_title(loc="left") for ax in draw(part).axes] == PAIR[:1]
        assert "12 items that did not fit" in words(draw(part))
        assert words(draw(none)).startswith("no data: ")


def test_accuracy_counts_what_did_not_fit():
    table = accuracy().assign(errors=lambda frame: frame["model"].eq(MODELS[0]) * 3)
    for draw in (accuracy_vs_budget.draw, accuracy_vs_waits.draw):
        assert "0–3 items did not fit the context and count as not correct" in words(draw(table))


def test_combined_conditions_are_rows_but_no_points_of_a_curve():
    both = ["waits=1;max=16", "min=40;max=64"]
    alone = accuracy()
    table = accuracy(conditions=[*CONDITIONS, *both])
    assert len(table) == len(alone) + 6
    for draw in (accuracy_vs_budget.draw, accuracy_vs_waits.draw):
        seen, expected = (
            [intervals(ax) for ax in draw(frame, look=QUICK).axes] for frame in (table, alone)
        )
        assert seen == expected
    assert words(accuracy_vs_budget.draw(accuracy(conditions=["natural", *both]))).startswith(
        "no data: no estimate under a maximum budget alone"
    )
    frame = graded(["m"], [*CONDITIONS, *both])
    assert list(condition_names(frame, QUICK.style).values())[-2:] == [
        "1 wait, max. 16", "min. 40, max. 64",
    ]  # fmt: skip
    rows = [t.get_text() for t in token_change.draw(frame).axes[0].get_yticklabels()]
    assert rows[-2:] == ["1 wait, max. 16", "min. 40, max. 64"]
    rows = [t.get_text() for t in thinking_lengths.draw(frame).axes[0].get_yticklabels()]
    assert rows == ["natural", "1 wait", "2 waits", "min. 40"]


UNFORCED = ["no_think", "truncate=8", "truncate=32"]


def test_truncation_and_no_thinking_stand_beside_the_budgets():
    table = accuracy(conditions=[*CONDITIONS, *UNFORCED])
    figure = accuracy_vs_budget.draw(table, look=QUICK)
    (ax,) = figure.axes
    curves = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() != ""]
    curves = [line for line in curves if line.get_marker() != "None"]
    assert [line.is_dashed() for line in curves] == [False] * 3 + [True] * 3
    many = [f"model-{i}" for i in range(9)]  # some of which have dashes where nothing is cut
    keys = accuracy_vs_budget.draw(accuracy(many, [*CONDITIONS, *UNFORCED]), look=QUICK).legends[0]
    dashed = [key.get_label() for key in keys.get_lines() if key._dash_pattern[1]]
    assert dashed == ["cut, not asked"]
    rows = table[~table["condition"].str.contains("waits|min")]
    expected = sorted(rows[["estimate", "lower", "upper"]].itertuples(index=False, name=None))
    np.testing.assert_allclose(sorted(mark[1:4] for mark in intervals(ax)), expected)
    ticks = ax.get_xticklabels()[:2]
    assert [label.get_text() for label in ticks] == ["natural\n(no limit)", "thinking\noff"]
    assert ticks[0].get_window_extent().x1 < ticks[1].get_window_extent().x0
    assert "cut, not asked" in words(figure)
    assert "cut, not asked" not in words(accuracy_vs_budget.draw(accuracy(), look=QUICK))
    both = (accuracy_vs_waits.draw(frame, look=QUICK).axes for frame in (table, accuracy()))
    assert [*map(intervals, next(both))] == [*map(intervals, next(both))]


def test_truncation_and_no_thinking_are_no_lengths_of_thinking():
    frame = graded(["m"], [*CONDITIONS, *UNFORCED])
    assert list(condition_names(frame, QUICK.style).values())[:2] == ["natural", "not thinking"]
    assert list(condition_names(frame, QUICK.style).values())[-2:] == ["cut at 8", "cut at 32"]
    for draw in (thinking_lengths.draw, token_change.draw):
        rows, without = (
            [label.get_text() for label in draw(given).axes[0].get_yticklabels()]
            for given in (frame, graded(["m"]))
        )
        assert rows == without


def test_words_that_stand_for_a_continuation_are_not_quoted():
    conditions = ["waits=1", "waits=1;continuation=(nothing)", "waits=1;continuation=(drawn)"]
    frame = graded(["m"], conditions)
    assert list(condition_names(frame, QUICK.style).values()) == [
        "1 wait “Wait”", "1 wait (nothing)", "1 wait (drawn)",
    ]  # fmt: skip
    text = words(accuracy_vs_waits.draw(accuracy(["m"], conditions), look=QUICK))
    assert "“Wait”\n(nothing)\n(drawn)" in text


def test_change_is_paired_by_item_and_sample():
    keys = {"model": "m", "item_id": "i", "sample": [0, 1, 0, 1, 2]}
    frame = pd.DataFrame(
        keys
        | {"condition": ["natural"] * 2 + ["waits=1"] * 3, "think_tokens": [10, 20, 15, 29, 99]}
    )
    per_item = token_change.change_per_item(frame)
    assert per_item.to_dict("records") == [
        {"model": "m", "condition": "waits=1", "item_id": "i", "change": 7.0}
    ]


def test_change_shows_estimates_from_the_table():
    figure = token_change.draw(graded(models=["m"]), changes(["m"]), look=QUICK)
    ax = figure.axes[0]
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["1 wait", "2 waits", "min. 40", "max. 0", "max. 16"]
    text = words(figure)
    for shown in ("+26.5", "−26.5", "−11.5", "no estimate", "n = 12 items"):
        assert shown in text
    assert means_of(ax) == [[24.5, 29.5], [-28.5, -23.5], [-13.5, -8.5]]


def test_change_without_natural_says_so():
    figure = token_change.draw(graded(conditions=["max=8"]), look=QUICK)
    assert "no data: no condition can be paired" in words(figure)


def test_condition_names_and_order():
    frame = graded(conditions=["max=16", "waits=10", "waits=2", "min=1000", "natural", "max=8"])
    assert list(condition_names(frame, QUICK.style).values()) == [
        "natural", "2 waits", "10 waits", "min. 1,000", "max. 8", "max. 16",
    ]  # fmt: skip
    several = graded(conditions=["waits=1", "waits=1;continuation=\nHmm"])
    assert list(condition_names(several, QUICK.style).values()) == [
        "1 wait “Wait”",
        "1 wait “\\nHmm”",
    ]


def test_scatter_places_tokens_and_names_the_largest():
    frame = tokens(frequency_items=[0.05, 0.0, 0.02, 0.01], frequency_corpus=[0.1, 0.2, 0.0, 0.01])
    figure = token_scatter.draw(frame, divergence(), labels=3, look=QUICK)
    ax = figure.axes[0]
    (points,) = (c for c in ax.collections if isinstance(c, PathCollection))
    where = points.get_offsets()
    np.testing.assert_allclose(where[0], [0.1, 0.05])
    np.testing.assert_allclose(where[1][0], 0.2)
    assert where[1][1] < 0.01 and where[2][0] < 0.01  # in the strips, below every frequency
    text = words(figure)
    assert "\\n#0" in text and "␣+5" in text and "</think>" in text and "$x^2$" not in text
    assert "JS = 0.0155 bits, corrected 0.0141 (spread 0.0004)" in text
    assert "windows: 0.0312, null 0.0268, upper 0.0285, p < 0.001" in text
    assert "n = 4 different tokens; documents: corpus 1,000, items 400" in text
    assert "absent from corpus (1) or items (1)" in text
    assert "share of 80,000 tokens" in ax.get_xlabel() and "12,000" in ax.get_ylabel()


def test_names_of_tokens_do_not_overlap():
    frame = tokens([f"token{i}" for i in range(40)])
    figure = token_scatter.draw(frame, divergence(), look=QUICK)
    names = re.compile(r"token\d+$")
    boxes = [box for _, box in boxes_of(figure, lambda text: names.match(text.get_text()))]
    assert len(boxes) >= 8
    assert not overlapping(boxes)


def test_scatter_has_a_panel_per_tokenizer_and_tolerates_gaps():
    frame = pd.concat([tokens(), tokens(tokenizer="other", token=["a", np.nan, "b", "c"])])
    figure = token_scatter.draw(frame, divergence(), look=QUICK)
    text = words(figure)
    assert len(figure.axes) == 2
    assert "tokenizer other" in text and "JS: no data" in text and "[1]" in text


def test_loss_shows_every_step_and_a_running_mean():
    frame = losses(["a", "b"])
    frame.loc[frame.index[-1], "loss"] = np.nan
    figure = training_loss.draw(frame, look=QUICK)
    points, line = figure.axes[0].collections[0], figure.axes[0].lines[0]
    np.testing.assert_allclose(points.get_offsets()[:, 1], 2 / np.arange(1, 31))
    # Window of three: the second value is the mean of 2, 1 and 2/3.
    np.testing.assert_allclose(line.get_ydata()[1], (2 + 1 + 2 / 3) / 3)
    text = words(figure)
    assert "a: n = 30 logged steps, 30 thousand tokens seen" in text
    assert "b: n = 29 logged steps" in text and "1 row without a loss left out" in text
    assert "running mean over 3 of them" in text
    assert "nats per token" in figure.axes[0].get_ylabel()


def test_rewards_show_reward_accuracy_and_length():
    frame = pd.concat([rewards(), rewards("other", held_out=())])
    figure = training_rewards.draw(frame, look=QUICK)
    reward, accuracy, length = figure.axes
    assert [len(ax.lines) for ax in figure.axes] == [2, 3, 2]
    np.testing.assert_allclose(reward.collections[0].get_offsets()[:, 1], np.arange(1, 21) / 20)
    natural, waited, of_completions = accuracy.lines
    np.testing.assert_allclose(natural.get_xydata(), [[0, 0.4], [10, 0.6], [20, 0.8]])
    np.testing.assert_allclose(waited.get_ydata(), 0.8)
    np.testing.assert_allclose(of_completions.get_ydata(), 0.3)
    np.testing.assert_allclose(length.lines[0].get_ydata()[1], 32)
    text = words(figure)
    assert "zero: n = 20 steps, 20 thousand tokens, held-out accuracy 0.40 to 0.80" in text
    assert "other: n = 20 steps" in text and "accuracy of what was rewarded" in text
    assert "one Wait forced" in text and "running means over 3 of them" in text


@pytest.mark.parametrize("count", [1, 4])
def test_many_conditions_long_names_and_up_to_four_models(count):
    models = [f"deepseek-ai/DeepSeek-R1-Distill-Llama-8B-variant-{i}" for i in range(count)]
    conditions = [
        "natural",
        *(f"max={2**k}" for k in range(12)),
        *(f"waits={k}" for k in range(1, 8)),
    ]
    frame = graded(models, conditions, items=3, samples=1, scale=300)
    table = accuracy(models, conditions)
    look = Look(QUICK.style, models)
    for figure in (
        accuracy_vs_budget.draw(table, look=look),
        accuracy_vs_waits.draw(table, look=look),
        thinking_lengths.draw(frame, look=look),
        token_change.draw(frame, look=look),
        difficulty_by_outcome.draw(frame, look=look),
    ):
        text = words(figure)
        assert all(f"DeepSeek-R1-Distill-Llama-8B-variant-{i}" in text for i in range(count))
        assert "deepseek-ai" not in text
        titles = {ax._left_title for ax in figure.axes}
        assert not overlapping([box for _, box in boxes_of(figure, titles.__contains__)])


def test_apply_switches_mathtext_off_only_inside():
    import matplotlib as mpl

    with apply(QUICK.style):
        assert mpl.rcParams["text.parse_math"] is False
    assert mpl.rcParams["text.parse_math"] is True
