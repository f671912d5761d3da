"""Sentences on what the sweep cost."""

import pandas as pd

from thinkscale.report.words import count, named, number


def ledger(table: pd.DataFrame) -> list[str]:
    sentences = []
    for model, rows in table.groupby("model", sort=False):
        new, alone = rows["new_tokens"].sum(), rows["alone_tokens"].sum()
        seconds, memory = rows["seconds"].sum(), rows["peak_memory_mib"].iloc[0]
        text = (
            f"{named(model)}: {count(new)} tokens were sampled on {count(rows['chains'].iloc[0])} "
            f"chains for {count(rows['n_responses'].sum())} responses; sharing chains saved "
            f"{count(rows['shared_tokens'].sum())} more"
        )
        if new:
            text += f" (every condition alone would have taken {number(alone / new)} times as many)"
        text += f". Sampling them took the engine {number(seconds, 1)} s"
        if seconds:
            text += f", {count(new / seconds)} tokens a second"
        text += (
            "; in this run no model was loaded, since the journal had every answer."
            if pd.isna(memory)
            else f"; a job held at most {count(memory)} MiB at once."
        )
        sentences.append(text)
    return sentences
