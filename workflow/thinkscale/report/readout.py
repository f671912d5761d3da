"""Sentences on answers read from probabilities: agreement, width, calibration, uncertainty.

Each is of a model's natural condition, or of its first where that was not read.
"""

from collections.abc import Iterator

import pandas as pd

from thinkscale.report.words import (
    claim,
    count,
    estimate,
    missing,
    named,
    number,
    p_value,
    percent,
    share,
)


def readout(table: pd.DataFrame) -> Iterator[str]:
    """What was read, what was sampled, how wide the intervals are, and what labels had at all."""
    for where, found, rows in _natural(table):
        key, right = found["key_probability"], found["readout_accuracy"]
        if why := missing(key, where):
            yield why
            continue
        yield (
            f"{where}: the key had a probability of {share(key)} among the options, and the most "
            f"likely label was right in {share(right)} of {count(key.n_responses)} responses to "
            f"{count(key.n_items)} items{_sampled(found)}."
        )
        widths = rows[(rows["measure"] == "key_probability") & rows["relative_width"].notna()]
        if len(widths):
            least = widths.loc[widths["relative_width"].idxmin()]
            yield (
                f"{where}: the interval of the key's probability is {number(key.relative_width)} "
                f"times as wide as that of sampled accuracy; of {count(len(widths))} conditions it "
                f"is narrowest in {named(least['condition'])}, {number(least['relative_width'])} "
                "times as wide, for which sampling would take "
                f"{number(least['relative_width'] ** -2, 1)} times as many items."
            )
        mass, entropy = found["mass"], found["entropy"]
        least = rows.loc[rows["measure"] == "mass", "estimate"].min()
        yield (
            f"{where}: all labels together had {percent(mass.estimate)} of the probability "
            f"({percent(least)} in the condition where they had least); the entropy over the "
            f"options was {estimate(entropy, unit=' bits')}, of {number(entropy.guessing)} at most."
        )


def _sampled(found: dict) -> str:
    """How what was read agrees with what was sampled; nothing where no grader judged that."""
    if "sampled_accuracy" not in found:
        return ""
    gap = claim(
        found["difference"],
        "the key's probability lies {above|below} that",
        "the key's probability does not clearly differ from that ({why})",
    )
    return (
        f"; of the sampled answers {share(found['sampled_accuracy'])} were correct: {gap}, by "
        f"{estimate(found['difference'], 1, 100, ' points', signed=True)}, and the most likely "
        f"label and the sampled answer were both correct or both not in {share(found['agreement'])}"
    )


def calibration(table: pd.DataFrame) -> Iterator[str]:
    """Which way confidence errs, how far beyond noise, and the Brier score."""
    for where, found, _ in _natural(table):
        error, side, brier = (
            found[name] for name in ("calibration_error", "overconfidence", "brier")
        )
        if why := missing(error, where):
            yield why
            continue
        what = claim(
            side, "{overconfident|underconfident}", "neither over- nor underconfident ({why})"
        )
        null = "not set against noise"
        if pd.notna(error.null_upper):
            beyond = "more" if error.estimate > error.null_upper else "not more"
            null = (
                f"{beyond} than noise may make of a calibrated model, which is "
                f"{number(error.null_mean, 3)} on average and up to {number(error.null_upper, 3)}"
            )
        bins = "1 bin" if error.bins == 1 else f"{count(error.bins)} bins"
        yield (
            f"{where}: {what}, by {estimate(side, 1, 100, ' points', signed=True)}; the expected "
            f"calibration error is {estimate(error, 3)} over {bins} of equal "
            f"mass, {null}; the Brier score is {estimate(brier)}, where "
            f"{number(brier.guessing)} is that of guessing."
        )


def difficulty(table: pd.DataFrame, alpha: float = 0.05) -> Iterator[str]:
    """Whether a model is less sure of harder items, and in how many conditions."""
    for where, found, rows in _natural(table.assign(measure="spearman")):
        row = found["spearman"]
        what = claim(
            row,
            "the model was {less|more} sure of harder items",
            "no clear relation of entropy and difficulty: {why}",
            alpha,
        )
        yield missing(row, where) or (
            f"{where}: {what} (Spearman's rho = {estimate(row)}, n = {count(row.n_items)} items, "
            f"{p_value(row.p)} by {row.p_method}); {count((rows['p_holm'] < alpha).sum())} of "
            f"{count(len(rows))} conditions have a Holm-corrected p below {alpha:.3g}."
        )


def _natural(table: pd.DataFrame) -> Iterator[tuple[str, dict, pd.DataFrame]]:
    """Yield of each model how a sentence begins, that condition's rows by measure, and all rows."""
    for model, rows in table.groupby("model", sort=False):
        natural = (rows["condition"] == "natural").any()
        condition = "natural" if natural else rows["condition"].iloc[0]
        own = rows[rows["condition"] == condition]
        where = f"{named(model)}, {'natural' if natural else named(condition)}"
        yield where, {row.measure: row for row in own.itertuples()}, rows
