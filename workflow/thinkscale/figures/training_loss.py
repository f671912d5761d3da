"""The training of derived models: loss by optimizer step."""

import seaborn as sns
from matplotlib.figure import Figure

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import large, number, plural, short_names


@layout.figure
def draw(training_loss: Frame, *, look: Look) -> Figure:
    """Loss against optimizer step: every logged point, and a centred running mean over them."""
    losses = frames.some(training_loss, "no model of this study was trained")
    frames.require(losses, ["model", "step", "loss", "tokens"], "training_loss")
    logged = losses[losses["loss"].notna()].sort_values("step").astype({"loss": float})
    logged = frames.some(logged, "no training step logged its loss")
    look = look.over(losses)
    shown, names = look.among(logged), short_names(look.models, look.style)

    figure, (ax,) = layout.panel_grid(1, look.style)
    ax.grid(axis="y")
    details, windows = [], set()
    for model, line in shown.items():
        mine = logged[logged["model"] == model]
        window = _window(len(mine))
        windows.add(window)
        smooth = mine["loss"].rolling(window, center=True, min_periods=1).mean()
        size = (0.45 * look.style.marker_size) ** 2
        how = {"x": mine["step"], "color": line.colour, "ax": ax, "legend": False}
        sns.scatterplot(y=mine["loss"], marker=line.marker, s=size, linewidth=0, alpha=0.4, **how)
        sns.lineplot(linestyle=line.linestyle, y=smooth, estimator=None, **how)
        tokens = mine["tokens"].dropna()
        seen = f"{large(float(tokens.iloc[-1]))} tokens seen" if len(tokens) else "tokens n/a"
        last = number(float(smooth.iloc[-1]), 3)
        details.append(
            f"{names[model]}: n = {plural(len(mine), 'logged step')}, {seen}, last mean {last}"
        )
    ax.set(ylim=(0, None), xlabel="optimizer step", ylabel="loss (nats per token)")
    layout.count_axis(ax.xaxis)
    layout.legend(figure, shown, look)
    spans = "\N{EN DASH}".join(str(w) for w in sorted({min(windows), max(windows)}))
    details.append(f"points: as logged; line: running mean over {spans} of them")
    if missing := len(losses) - len(logged):
        details.append(f"{plural(missing, 'row')} without a loss left out")
    layout.note(figure, "\n".join(details), look.style)
    return figure


def _window(points: int) -> int:
    """Length of the running mean: about an eighth of the points, odd, at least three."""
    return max(3, points // 8) | 1
