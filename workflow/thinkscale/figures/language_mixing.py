"""How far thinking mixes languages and scripts, under every condition."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.estimates import ENDS, forest
from thinkscale.figures.core.text import span

_KINDS = {"language": "words in another language", "script": "words in another script"}


@layout.figure
def draw(language_mixing: Frame, *, look: Look) -> Figure:
    """Share of a response's words outside its main language, and script: a dot for each model."""
    table = frames.some(language_mixing, "no response has words")
    columns = ["model", *conditions.COLUMNS, "kind", "measure", "n_items", "n_responses", *ENDS]
    frames.require(table, columns, "language_mixing")
    found = table[table["measure"] == "mixing"].dropna(subset="estimate")
    found = frames.some(found, "no response has words")
    look = look.over(found)
    names = conditions.condition_names(found, look.style)
    panels = {label: found[found["kind"] == kind] for kind, label in _KINDS.items()}
    panels = {label: rows for label, rows in panels.items() if len(rows)}
    figure, axes = forest(panels, "condition", names, look)
    most = 1.05 * found["upper"].fillna(found["estimate"]).max()
    for ax in axes:
        ax.set_xlim(0, max(0.05, most))
        ax.xaxis.set_major_formatter("{x:.0%}")
    sizes = f"n per point: {span(found['n_items'])} items, {span(found['n_responses'])} responses"
    text = f"{sizes} with words; mathematics left out; bars: {look.confidence:.0%} intervals"
    layout.note(figure, text, look.style)
    return figure
