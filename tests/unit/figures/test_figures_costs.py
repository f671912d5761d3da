"""The figure of strategies goes by what is known of their cost."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from thinkscale.figures import strategies_vs_compute
from thinkscale.figures.core.style import Look, Style

ROWS = [
    {"strategy": name, "approach": name, "n": n, "estimate": 0.5, "sampled": 10.0 * n}
    for name in ("majority", "best_of_n")
    for n in (2, 4)
]


@pytest.mark.parametrize(
    ("unknown", "label", "places"),
    [([], "FLOPs", [2e3, 4e3]), (["best_of_n"], "tokens sampled", [20, 40])],
)
def test_cost_is_in_tokens_where_compute_is_not_known_of_all(unknown, label, places):
    table = pd.DataFrame(ROWS).assign(
        model="m", level=0, level_by="difficulty", n_items=9, lower=0.4, upper=0.6, any_correct=0.8
    )
    compute = 100 * table["sampled"]
    table["compute"] = compute.where(~table["strategy"].isin(unknown), np.nan)
    figure = strategies_vs_compute.draw(strategies=table, look=Look(Style(dpi=60)))
    [ax] = figure.axes
    assert any(t.get_text().startswith(f"{label} an item") for t in ax.findobj(Text))
    assert [line.get_xdata().tolist() for line in ax.lines[:2]] == [places, places]
