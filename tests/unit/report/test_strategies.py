"""Sentences on strategies."""

import pandas as pd

from thinkscale.report.strategies import strategies


def row(approach, n, **values):
    filled = {"estimate": 0.5, "lower": 0.4, "upper": 0.6, "n_items": 50, "any_correct": 0.8}
    key = {"model": "m", "strategy": approach, "approach": approach, "n": n, "level": 0}
    costs = {"sampled": 40.0, "scored": 0.0, "think_tokens": 30.0, "unmet": 0.0}
    return {
        **key,
        **filled,
        **costs,
        "length_class": None,
        "gap": None,
        "scorer_reads": None,
        **values,
    }


def test_sizes_are_called_as_the_study_calls_them_and_control_is_said():
    table = pd.DataFrame(
        [
            row("majority", 4),
            row("token_conditional", 8, think_tokens=7.2, unmet=0.25),
            row("token_conditional", 1600, think_tokens=1200.0),
            row("class_conditional", 2, length_class="long", estimate=0.9, unmet=0.1),
        ]
    )
    best, tokens, classes = strategies(table)
    assert "the most accurate was `class_conditional` at `long`: " in best
    assert tokens.endswith("8: 7 tokens, 75.0%; 1,600: 1,200 tokens, 100.0%.")
    assert classes.endswith("`long`: 30 tokens, 90.0%.")
