"""Sentences on what was spent: on training, and on the sweep."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from thinkscale.report.words import count, named, number, percent


def training_loss(table: pd.DataFrame) -> Iterator[str]:
    known = table.dropna(subset="loss")
    if known.empty:
        yield "The table holds no loss."
    for model, rows in known.groupby("model", sort=False):
        first, last = rows.loc[rows["step"].idxmin()], rows.loc[rows["step"].idxmax()]
        verb = {1: "rose", -1: "fell"}.get(np.sign(last["loss"] - first["loss"]), "stayed")
        yield (
            f"{named(model)}: the training loss {verb} from {number(first['loss'], 3)} at step "
            f"{count(first['step'])} to {number(last['loss'], 3)} at step {count(last['step'])}."
        )


def ledger(table: pd.DataFrame) -> Iterator[str]:
    for model, both in table.groupby("model", sort=False):
        rows = both[both["condition"].notna()]
        total, job = rows.sum(numeric_only=True), rows.iloc[0]
        if not job["chains"]:
            thought = rows["think_tokens"].sum(skipna=False)
            tokens = "" if pd.isna(thought) else f" of {count(thought)} thinking tokens"
            yield (
                f"{named(model)}: {count(total['n_responses'])} responses{tokens} were read from "
                "logs; nothing was sampled here."
            )
            continue
        new, seconds = total["new_tokens"], total["seconds"]
        times = number(total["alone_tokens"] / new) if new else ""
        alone = f" (every condition alone would have taken {times} times as many)" if new else ""
        speed = f", {count(new / seconds)} tokens a second" if seconds else ""
        memory = (
            "in this run no model was loaded, since the journal had every answer"
            if pd.isna(job["peak_memory_mib"])
            else f"a job held at most {count(job['peak_memory_mib'])} MiB at once"
        )
        yield (
            f"{named(model)}: {count(new)} tokens were sampled on {count(job['chains'])} "
            f"chains for {count(total['n_responses'])} responses; sharing chains saved "
            f"{count(total['shared_tokens'])} more{alone}. Sampling them took the engine "
            f"{number(seconds, 1)} s{speed}; {memory}."
        )
        flops, searched = both["flops_new"].sum(), both[both["condition"].isna()]
        if searched.empty:
            yield f"{named(model)}: {_power(flops)} FLOPs in all (2 · parameters · tokens)."
            continue
        sums = searched.sum(numeric_only=True)
        new, read = count(sums["new_tokens"]), count(sums["scored_new"])
        yield (
            f"{named(model)}: {count(len(searched))} searches sampled {new} tokens beyond these "
            f"({count(sums['alone_tokens'])} were each alone), and scorers read {read} "
            f"({count(sums['scored_alone'])}; {count(sums['scored_uncached'])} if they kept "
            f"nothing of it). With them the study took {_power(flops)} FLOPs (2 · parameters · "
            f"tokens), {percent(sums['flops_new'] / flops)} for searching."
        )


def _power(flops: float) -> str:
    """A large number as `1.5 · 10^12`."""
    digits, _, power = f"{flops:.1e}".partition("e")
    return f"{digits} · 10^{int(power)}"
