"""Figures of corpora and items: contributions of tokens, items that occur in a corpus."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from thinkscale.errors import ThinkscaleError
from thinkscale.figures import item_overlap, token_contributions
from thinkscale.figures.core.style import Look, Style

QUICK = Look(Style(dpi=60))


def tokens(**columns):
    frame = pd.DataFrame({"token": [" we", "\n", "$x$", " He", np.nan], "token_id": range(5)})
    frame["frequency_corpus"] = [0.2, 0.0, 0.1, 0.01, 0.1]
    frame["frequency_items"] = [0.1, 0.1, 0.0, 0.05, 0.1]
    frame["js_contribution"] = [0.02, 0.01, 0.005, 0.004, 0.001]
    return frame.assign(**{"tokenizer": "t", "corpus": "c", **columns})


def overlap(shares, **columns):
    frame = pd.DataFrame({"share": shares, "ngram": 13})
    frame["ngrams"] = np.where(frame["share"].isna(), 0, 20)
    return frame.assign(**{"tokenizer": "t", "corpus": "c", **columns})


def words(figure):
    return "\n".join(t.get_text() for t in figure.findobj(Text) if t.get_visible())


def test_bars_go_to_the_side_that_has_the_token_more_often():
    figure = token_contributions.draw(tokens(), look=QUICK)
    (ax,) = figure.axes
    widths = sorted(bar.get_width() for bar in ax.patches)
    np.testing.assert_allclose(widths, [-10, -4, 5, 20])  # thousandths of a bit; equal: no bar
    said = words(figure)
    assert "␣we" in said and "\\n" in said and "$x$" in said and "␣He" in said
    assert "those shown make up 98% of JS" in said


def test_as_many_bars_as_asked_for_and_a_panel_each():
    frame = pd.concat([tokens(), tokens(corpus="other")])
    js = pd.DataFrame({"tokenizer": ["t"], "corpus": ["c"], "measure": ["js"], "unit": ["bits"]})
    js = js.assign(estimate=0.04, lower=0.03, upper=0.05)
    figure = token_contributions.draw(frame, js, bars=1, look=QUICK)
    assert [len(ax.patches) for ax in figure.axes] == [2, 2]
    assert "JS = 0.040 bits" in words(figure)


def test_items_are_counted_by_share():
    table = overlap([0.0, 0.0, 0.04, 1.0, np.nan])
    summary = pd.DataFrame({"measure": ["any", "half"], "estimate": [0.5, 0.25]})
    summary = summary.assign(tokenizer="t", corpus="c", lower=0.1, upper=0.9)
    figure = item_overlap.draw(table, summary, look=QUICK)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights[0] == 2 and heights[1] == 1 and heights[-1] == 1 and sum(heights) == 4
    said = words(figure)
    assert "with any: 50.0 [10.0, 90.0] %" in said.replace("\n", " ")
    assert "n = 4 items; left out, too short to have one: 1" in said.replace("\n", " ")


@pytest.mark.parametrize("draw", [token_contributions.draw, item_overlap.draw])
def test_nothing_to_draw_says_so(draw):
    assert "no data" in words(draw(None, look=QUICK))
    with pytest.raises(ThinkscaleError, match="is missing"):
        draw(pd.DataFrame({"tokenizer": ["t"]}), look=QUICK)
