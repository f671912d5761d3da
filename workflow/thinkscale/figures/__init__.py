"""The study's figures: frames in, one matplotlib Figure out, nothing read or written.

Each function takes `style=` (see `Style`); those that show models take `models=`, the study's
models in their fixed order, so that a model has one colour in every figure. An empty frame gives
a figure that says what is missing. `save` writes SVG or PNG. `token_reader` opens a tokenizer.

    style = Style.from_mapping(config_section)
    save(accuracy_vs_budget(accuracy, models=names, style=style), "accuracy_vs_budget.svg")
"""

from thinkscale.figures.accuracy_vs_budget import accuracy_vs_budget, accuracy_vs_waits
from thinkscale.figures.core.style import Style, apply, save
from thinkscale.figures.difficulty_by_outcome import difficulty_by_outcome, difficulty_histogram
from thinkscale.figures.grader_agreement import grader_agreement
from thinkscale.figures.one_chain import one_chain, token_reader
from thinkscale.figures.thinking_lengths import thinking_lengths, token_change
from thinkscale.figures.token_contributions import item_overlap, token_contributions
from thinkscale.figures.token_scatter import token_scatter
from thinkscale.figures.tokens_vs_difficulty import tokens_vs_difficulty
from thinkscale.figures.training_loss import training_loss

__all__ = [
    "Style",
    "accuracy_vs_budget",
    "accuracy_vs_waits",
    "apply",
    "difficulty_by_outcome",
    "difficulty_histogram",
    "grader_agreement",
    "item_overlap",
    "one_chain",
    "save",
    "thinking_lengths",
    "token_change",
    "token_contributions",
    "token_reader",
    "token_scatter",
    "tokens_vs_difficulty",
    "training_loss",
]
