"""How far thinking mixes languages, and scripts, under every condition."""

import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import clustered_share

READS = frame.NEEDED
COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "n_responses", "errors", "n_excluded"],
    *["kind", "measure", "name", "estimate", "lower", "upper", "method"],
]
SHOWN = 0.01  # of the words of some condition: a language or script with less goes under `OTHER`
OTHER = "other"
_SAID = {
    "mixing": "mean share of a response's words outside its main {kind}",
    "mixed": "share of responses with words of more than one {kind}",
    "share": "mean share of a response's words in {name}",
}


def tabulate(
    graded: pd.DataFrame, languages: pd.DataFrame, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Mixing of languages and of scripts in the thinking of every model and condition.

    languages: by the contract, shares of the words of each response. Of each `kind`, `language` and
    `script`: `mixing`, the mean share of words outside of what a response is mostly in; `mixed`,
    the share of responses with any such word; and the `share` of each language or script. Means are
    over responses that have words (`n_responses`), clustered by item.
    """
    prepared = frame.prepare(graded)
    rows = []
    for kind, told in languages.groupby("kind"):
        shares = told.pivot_table(index=frame.KEYS, columns="name", values="share", fill_value=0.0)
        names = _shown(shares)
        other = [name for name in shares if name not in names]
        measured = shares[names].add_prefix("share ")
        if other:
            measured[f"share {OTHER}"] = shares[other].sum(axis=1)
        measured.insert(0, "mixing", (1 - shares.max(axis=1)).clip(lower=0))
        measured.insert(1, "mixed", (shares > 0).sum(axis=1) > 1)
        merged = prepared.merge(measured.reset_index(), on=frame.KEYS)
        for row, group in frame.cells(merged):
            for column in measured:
                measure, _, name = column.partition(" ")
                found = clustered_share(group[column].astype(float), group["cluster"], confidence)
                said = _SAID[measure].format(kind=kind, name=name)
                own = {"kind": kind, "measure": measure, "name": name or None}
                rows.append({**row, **own, **found.row(f"{said}: ")})
    return frame.table(rows, COLUMNS, graded)


def _shown(shares: pd.DataFrame) -> list[str]:
    """The languages or scripts that some model and condition has enough of, the first the most."""
    means = shares.groupby(["model", "condition"]).mean()
    often = means.max()[means.max() >= SHOWN].index
    return list(shares[often].mean().sort_values(ascending=False, kind="stable").index)
