"""Corpora that models wrote: how many of their traces were kept, and why the others were not."""

from collections.abc import Sequence

import pandas as pd

from thinkscale.stats.core.intervals import clustered_share

COLUMNS = [
    *["corpus", "model", "hinted", "fate", "n_items", "n_traces", "n_of", "tokens"],
    *["estimate", "lower", "upper", "guess", "method"],
]


def tabulate(logs: Sequence[pd.DataFrame], *, confidence: float = 0.95) -> pd.DataFrame:
    """Each fate of a corpus's traces: `n_traces` of the `n_of` that were thought, as a share.

    logs: of one corpus each, a row a trace. `n_items` are the items that traces of the fate are
    about, and `tokens` the mean of their thinking. `hinted` traces were told the answer, which only
    items were of which nothing else was kept; whoever ignores the hint and guesses is right in a
    share `guess` of them. More than that is no proof of the hint: a second try without one has more
    as well. Fates are in order of frequency, behind `kept`.
    """
    rows = []
    for (corpus, model, hinted), own in pd.concat(logs).groupby(
        ["corpus", "model", "hinted"], sort=False
    ):
        part = {"corpus": corpus, "model": model, "hinted": hinted, "n_of": len(own)}
        for fate in dict.fromkeys(["kept", *own["fate"].value_counts().index]):
            found = own["fate"] == fate
            share = clustered_share(found, own["cluster"], confidence)
            rows.append({
                **part,
                "fate": fate,
                "n_items": own.loc[found, "item_id"].nunique(),
                "n_traces": int(found.sum()),
                "tokens": own.loc[found, "think_tokens"].mean(),
                "guess": own["chance"].mean(),
                **share.row("share of the traces thought: "),
            })  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
