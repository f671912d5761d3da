"""How hard the items are that models get right, wrong, or answer in no gradable way."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.text import MINUS, plural, with_interval

OUTCOMES = ("correct", "incorrect", "ungradable")


@layout.figure
def draw(graded: Frame, outcome_difficulty: Frame = None, *, look: Look) -> Figure:
    """Difficulty of the items behind correct, incorrect and ungradable responses, per model.

    Rows are distributions over responses; means and intervals come from `outcome_difficulty`.
    """
    why = "no graded response that stopped naturally"
    graded = frames.included(graded, ["condition", "outcome", "difficulty"], why)
    natural, style = frames.some(graded[conditions.is_natural(graded)], why), look.style
    known = natural[natural["difficulty"].notna()]
    known = frames.some(known, "no graded response is to an item with a difficulty")
    look = look.over(natural)

    height = layout.rows_height(OUTCOMES) + 0.2
    figure, panels = layout.model_panels(known, look, height, sharex=True, sharey=True, extra=0.85)
    for ax, model, mine in panels:
        means, counts = _means(outcome_difficulty, model), mine["outcome"].value_counts()
        names = {outcome: outcome for outcome in OUTCOMES}
        layout.distributions(ax, mine, "difficulty", "outcome", names, look.lines[model].colour)
        for row, outcome in enumerate(OUTCOMES):
            layout.beside(ax, row, f"n = {counts.get(outcome, 0):,}", style)
            if outcome in means:
                layout.mean_mark(ax, *means[outcome], row + 0.45, style)
        layout.model_heading(ax, model, _difference(means), look)
        ax.set_xlabel(layout.DIFFICULTY)
    text = f"n = responses, to {plural(known['item_id'].nunique(), 'item')}"
    if frames.is_empty(outcome_difficulty):
        text += "; no data on means and intervals"
    else:
        text += (
            f"; ticks and bars: mean difficulty with its {look.confidence:.0%} interval "
            "(under incorrect: of all not correct)"
        )
    if left := len(natural) - len(known):
        text += f"; {plural(left, 'response')} to items without a difficulty left out"
    layout.note(figure, text + conditions.unfit_note(known, "counted as ungradable"), style)
    return figure


def _means(table: Frame, model: str) -> dict[str, tuple[float, ...]]:
    """Estimate, lower and upper per outcome, and of the difference, for one model."""
    rows = frames.estimated(table, "outcome_difficulty", ["measure", "lower", "upper"], model=model)
    return {
        row.measure.removeprefix("mean_difficulty_"): (row.estimate, row.lower, row.upper)
        for row in rows.itertuples()
    }


def _difference(means: dict[str, tuple[float, ...]]) -> str:
    """The difference of the means, in words that follow the table's own sign."""
    if "difference" not in means:
        return "difference of means: no data"
    estimate, lower, upper = means["difference"]
    words = "difference of means"
    if "correct" in means and "incorrect" in means:
        gap = means["incorrect"][0] - means["correct"][0]
        forward = abs(estimate - gap) <= abs(estimate + gap)
        words = f"not correct {MINUS} correct" if forward else f"correct {MINUS} not correct"
    return f"{words} = {with_interval(estimate, lower, upper, 3)}"
