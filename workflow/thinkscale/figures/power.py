"""Which effects studies of other sizes would detect, beside what this one observed."""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinkscale.figures.core import Frame, Line, Look, conditions, frames, layout
from thinkscale.figures.core.estimates import ENDS, Lines, curves
from thinkscale.figures.core.style import DASHES
from thinkscale.figures.core.text import plural, short_names


@layout.figure
def draw(power: Frame, *, look: Look) -> Figure:
    """A panel of the correlation with difficulty, and one of paired accuracy for each model.

    Lines are the smallest effect found, over items, for each number of samples; of a model's
    conditions that one whose effect is the median. What this study observed are points and lines.
    """
    table = frames.some(power, "no effect was planned for")
    columns = ["model", "measure", *conditions.COLUMNS, "n_items", "samples", "this_study"]
    frames.require(table, [*columns, "power", "observed", *ENDS], "power")
    found = frames.some(table.dropna(subset="estimate"), "no effect can be planned for")
    look, style, names = look.over(found), look.style, conditions.condition_names(found, look.style)
    found = found.assign(observed=found["observed"].abs())
    rho = found[found["measure"] == "spearman_difficulty"]
    accuracy = found[found["measure"] == "accuracy"]
    shown = look.among(found)
    kinds = {
        k: Line(style.ink, style.markers[i % len(style.markers)], DASHES[i % len(DASHES)])
        for i, k in enumerate(sorted(pd.unique(accuracy.loc[~accuracy["this_study"], "samples"])))
    }

    models = look.among(accuracy)
    count = (not rho.empty) + len(models)
    figure, panels = layout.panel_grid(count, style, extra=1.05, sharex=True)
    if not rho.empty:
        ax = panels.pop(0)
        # What is detected goes by the number of items alone, this study's included.
        sizes = rho.sort_values("this_study").drop_duplicates("n_items").assign(samples="all")
        _panel(ax, sizes, {"all": Line(style.ink, "")}, "correlation")
        for row in rho[rho["this_study"]].itertuples():
            line = shown[row.model]
            ax.plot(row.n_items, row.observed, line.marker, color=line.colour)
        ax.set_ylim(0, 1)
        detail = "whatever the samples; markers: observed"
        layout.heading(ax, "tokens with difficulty", detail, style.ink, style)
    short = short_names(look.models, style)
    for ax, (model, line) in zip(panels, models.items(), strict=True):
        rows = accuracy[accuracy["model"] == model]
        order = rows.groupby("condition", sort=False)["estimate"].mean().sort_values().index
        rows = rows[rows["condition"] == order[(len(order) - 1) // 2]]
        looks = {k: replace(kind, colour=line.colour) for k, kind in kinds.items()}
        _panel(ax, rows[~rows["this_study"]], looks, "difference of accuracy")
        observed = rows["observed"].iloc[0]
        # No difference of accuracy is above 1, however little the variances are known.
        most = max(observed, rows[["estimate", "upper"]].max(axis=None))
        ax.set_ylim(0, min(1, 1.05 * most))
        ax.axhline(observed, color=style.muted, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
        detail = f"{names[rows['condition'].iloc[0]]}, observed {observed:.3f}"
        layout.heading(ax, short[model], detail, line.colour, style)
    others = [kind.handle(plural(int(k), "sample")) for k, kind in kinds.items()]
    if kinds:
        others.append(Line2D([], [], color=style.muted, linestyle=(0, (1, 2)), label="observed"))
    layout.legend(figure, {} if rho.empty else look.among(rho), look, others)
    text = f"smallest effect found with {found['power'].iloc[0]:.0%} power, two-sided; bars: "
    text += f"{look.confidence:.0%} intervals from the variances"
    text += "; a model\u2019s condition is the one with the median effect" if kinds else ""
    layout.note(figure, text, style)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, lines: Lines, label: str) -> None:
    curves(ax, rows, "n_items", lines, "samples")
    ax.set_xscale("log")
    sizes = sorted(pd.unique(rows.loc[~rows["this_study"], "n_items"].astype(int)))
    # Every other one has a number, for which a narrow panel has room.
    ax.set_xticks(sizes, ["" if i % 2 else f"{size:,}" for i, size in enumerate(sizes)])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:g}")
    ax.grid(axis="y")
    ax.set(xlabel="items (log scale)", ylabel=f"detectable {label}")
