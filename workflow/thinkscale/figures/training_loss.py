"""The training of derived models: loss by optimizer step."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.estimates import running_mean
from thinkscale.figures.core.text import large, number, plural, short_names, span


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
        window, mean = running_mean(ax, mine, "loss", line, 0.45 * look.style.marker_size)
        windows.add(window)
        tokens = mine["tokens"].dropna()
        seen = f"{large(float(tokens.iloc[-1]))} tokens seen" if len(tokens) else "tokens n/a"
        steps = plural(len(mine), "logged step")
        details.append(f"{names[model]}: n = {steps}, {seen}, last mean {number(mean, 3)}")
    ax.set(ylim=(0, None), xlabel="optimizer step", ylabel="loss (nats per token)")
    layout.count_axis(ax.xaxis)
    layout.legend(figure, shown, look)
    details.append(f"points: as logged; line: running mean over {span(windows)} of them")
    if missing := len(losses) - len(logged):
        details.append(f"{plural(missing, 'row')} without a loss left out")
    layout.note(figure, "\n".join(details), look.style)
    return figure
