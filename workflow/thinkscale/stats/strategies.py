"""Accuracy of every strategy against what it costs, over all items and by fifths of difficulty.

Snell et al., arXiv 2408.03314, sections 5.2 and 5.3, figure 3.
"""

import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core import searches as core
from thinkscale.stats.core.intervals import Estimate, clustered_share

READS = core.READS
COSTS = ["think_tokens", "sampled", "sampled_new", "scored", "scored_uncached", "prompt_tokens"]
COLUMNS = [
    *["model", "strategy", "approach", "scorer", "choose", "n", "length_class", "condition"],
    *["level", "level_by", "n_items", "errors", "n_excluded", "estimate", "lower", "upper"],
    *["any_correct", "gap", "gap_lower", "gap_upper"],
    *["candidates", "unanswered", "unscored", "unmet", *COSTS, "scorer_reads", "compute", "method"],
]

_READS = {True: "tokens", False: "text"}


def tabulate(
    searches: pd.DataFrame,
    graded: pd.DataFrame,
    *,
    held_out: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Accuracy with its interval, clustered by item, and mean costs an item.

    level: 0 is all items, 1 to 5 are fifths, the easiest first, by what `level_by` says: the bank's
    `difficulty`, or the model's `accuracy` on held-out samples (`core.searches.prepare`).
    any_correct: share of items with a correct candidate, what no choice can pass. gap: how far the
    strategy is below that, paired by item; none where there is one candidate. Costs are tokens an
    item, `compute` FLOPs an item. scorer_reads: `tokens`, those it is given, or `text`, so that
    what it read is counted in its own tokens; empty without one. unmet: share of thoughts that are
    not as long as was asked for (1 − Control of s1, arXiv 2501.19393, section 3.2). Conditions of
    budget forcing stand beside the strategies, at what each would cost alone.
    """
    rows = []
    for cell, group in core.cells(core.prepare(searches, graded, held_out)):
        for level in range(core.LEVELS + 1):
            own = group if level == 0 else group[group["level"] == level]
            if own.empty:
                continue
            correct = clustered_share(own["correct"], own["cluster"], confidence)
            missed = (own["any_correct"] - own["correct"]).astype(float).clip(0, 1)
            gap = Estimate()
            if (own["candidates"] > 1).any():
                gap = clustered_share(missed, own["cluster"], confidence)
            means = own[[*COSTS, "compute", "candidates", "any_correct", "unanswered", "unscored"]]
            rows.append(
                {
                    **cell,
                    "level": level,
                    "level_by": "difficulty" if held_out is None else "accuracy",
                    "n_items": own["item_id"].nunique(),
                    "errors": int(own["error"].notna().sum()),
                    **correct.bounds(),
                    **{"gap": gap.estimate, "gap_lower": gap.lower, "gap_upper": gap.upper},
                    **means.astype(float).mean().to_dict(),
                    "scorer_reads": _READS.get(own["scorer_exact_tokens"].iloc[0]),
                    "unmet": own["unmet"].astype(float).mean(),
                    "method": correct.method,
                }
            )
    return frame.table(rows, COLUMNS, graded)
