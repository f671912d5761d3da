"""What reinforced models learned, step by step: reward, accuracy, length.

The two figures by which R1 tells that a model learned to think (arXiv 2501.12948, figures 2 and 3),
with the reward above them.
"""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, frames, layout
from thinkscale.figures.core.estimates import running_mean
from thinkscale.figures.core.text import large, number, plural, short_names, span

DASHES = (4, 1.5)
HELD_OUT, WAITED = "held_out_accuracy", "held_out_accuracy_wait"
LOGGED = ("model", "step", "reward", "accuracy", "completion_tokens", "tokens")


@layout.figure
def draw(training_rewards: Frame, *, look: Look) -> Figure:
    """Reward, accuracy and completion tokens against optimizer steps, a line for each model.

    Points are steps, lines running means over them. Accuracy is that on held-out items where it was
    measured, naturally and with one Wait; else that of the completions that were rewarded.
    """
    logs = frames.some(training_rewards, "no model of this study was reinforced")
    frames.require(logs, [*LOGGED, HELD_OUT, WAITED], "training_rewards")
    look = look.over(logs)
    style, shown = look.style, look.among(logs)
    names = short_names(look.models, style)
    figure = layout.constrained(style.width, 2.2 * style.height + 1.0, style, hspace=0.04)
    rewards, accuracies, lengths = axes = figure.subplots(3, 1, sharex=True)
    details, windows, waited = [], set(), False
    for model, line in shown.items():
        own = logs[logs["model"] == model].sort_values("step")
        steps = own[own["reward"].notna()]
        means = {"reward": rewards, "completion_tokens": lengths}
        held = own[own[HELD_OUT].notna()]
        if held.empty:
            means["accuracy"] = accuracies
        else:
            waited = True
            how = {"color": line.colour, "marker": line.marker, "clip_on": False}
            accuracies.plot(held["step"], held[HELD_OUT], **how)
            accuracies.plot(held["step"], held[WAITED], dashes=DASHES, mfc="white", **how)
        for column, ax in means.items():
            window, _ = running_mean(ax, steps, column, line, 0.35 * style.marker_size)
            windows.add(window)
        details.append(_said(names[model], steps, held))
    rewards.set(ylabel="reward (mean)")
    accuracies.set(ylabel="accuracy", ylim=(0, 1))
    lengths.set(ylabel="completion tokens (mean)", ylim=(0, None), xlabel="optimizer step")
    for ax in axes:
        ax.grid(axis="y")
    layout.count_axis(lengths.xaxis)
    figure.align_ylabels(axes)
    plain = Line(style.ink, "", ())
    others = [plain.handle("natural"), Line(style.ink, "", DASHES).handle("one Wait forced")]
    layout.legend(figure, shown, look, others if waited else [])
    text = f"points: steps as logged; lines: running means over {span(windows)} of them"
    details.append(text)
    layout.note(figure, "\n".join(details), style)
    return figure


def _said(name: str, steps: pd.DataFrame, held: pd.DataFrame) -> str:
    """A model's line of the note: how much it was trained, and what it came from and to."""
    said = f"{name}: n = {plural(len(steps), 'step')}, {large(float(steps['tokens'].max()))} tokens"
    if held.empty:
        return said + ", accuracy of what was rewarded"
    first, last = held[HELD_OUT].iloc[[0, -1]]
    return said + f", held-out accuracy {number(first, 2)} to {number(last, 2)}"
