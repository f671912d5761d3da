"""Figure of the training of derived models."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core.layout import (
    count_axis,
    empty_figure,
    finish,
    is_empty,
    model_legend,
    model_order,
    note,
    one_panel,
    require,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import large, number, plural, short_names


def training_loss(
    losses: pd.DataFrame | None,
    *,
    models: Sequence[str] | None = None,
    style: Style = DEFAULT,
) -> Figure:
    """Loss against optimizer step: every logged point, and a centred running mean over them."""
    with apply(style):
        if is_empty(losses):
            return empty_figure("no model of this study was trained", style)
        require(losses, ["model", "step", "loss", "tokens"], "training_loss")
        logged = losses[losses["loss"].notna()]
        if logged.empty:
            return empty_figure("no training step logged its loss", style)
        order = model_order(losses, models)
        shown = [model for model in order if (logged["model"] == model).any()]
        colours, marks, names = style.colours(order), style.marks(order), short_names(order, style)

        figure, ax = one_panel(style)
        ax.grid(axis="y")
        details, windows = [], set()
        for model in shown:
            mine = logged[logged["model"] == model].sort_values("step")
            loss = mine["loss"].astype(float)
            window = _window(len(mine))
            windows.add(window)
            ax.plot(
                mine["step"], loss, linestyle="none", marker=marks[model], color=colours[model],
                markersize=0.45 * style.marker_size, markeredgewidth=0, alpha=0.4,
            )  # fmt: skip
            smooth = loss.rolling(window, center=True, min_periods=1).mean()
            ax.plot(mine["step"], smooth, color=colours[model])
            tokens = mine["tokens"].dropna()
            seen = f"{large(float(tokens.iloc[-1]))} tokens seen" if len(tokens) else "tokens n/a"
            last = number(float(smooth.iloc[-1]), 3)
            details.append(
                f"{names[model]}: n = {plural(len(mine), 'logged step')}, {seen}, last mean {last}"
            )
        ax.set_ylim(bottom=0)
        ax.set_xlabel("optimizer step")
        ax.set_ylabel("loss (nats per token)")
        count_axis(ax.xaxis)
        model_legend(figure, names, style, shown, colour_of=order)
        spans = "\N{EN DASH}".join(str(w) for w in sorted({min(windows), max(windows)}))
        details.append(f"points: as logged; line: running mean over {spans} of them")
        missing = len(losses) - len(logged)
        if missing:
            details.append(f"{plural(missing, 'row')} without a loss left out")
        note(figure, "\n".join(details), style)
        return finish(figure)


def _window(points: int) -> int:
    """Length of the running mean: about an eighth of the points, odd, at least three."""
    return max(3, points // 8) | 1
