"""What else is worth a sentence: one for each table that answers no question of the study's."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from thinkscale.report.words import (
    code,
    count,
    directions,
    estimate,
    named,
    number,
    per_model,
    percent,
    points,
    share,
    span,
)

TOP_TOKENS = 5
WORST_ITEMS = 10
NAME_LENGTHS = ("token_conditional", "step_conditional", "class_conditional")
GAIN = ("gain", "gain_lower", "gain_upper")


def outcome_difficulty(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Whether responses that were not correct were about harder items."""
    found = table[(table["measure"] == "difference") & table["estimate"].notna()]
    if len(found):
        words = ("on harder items", "on easier items", "on items not clearly harder or easier")
        yield (
            f"Responses that were not correct were {directions(found, alpha, *words)}; their mean "
            "difficulty less that of correct ones: "
            f"{_of_items(found, lambda row: estimate(row, signed=True))}."
        )


def consensus(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """What the most samples that were counted give."""
    names = {"cons": "a plurality of {} samples was", "pass": "at least one of {} samples was"}
    most = table[(table["k"] > 1) & (table["k"] == table["k"].max()) & table["estimate"].notna()]
    for measure, found in most.groupby("measure", sort=False):
        who = names[measure].format(count(found["k"].iloc[0]))
        text = f"{who[0].upper()}{who[1:]} correct: {_of_items(found, share)}"
        if found["guess"].notna().any():
            text += f", where guessing has {span(found['guess'], percent)}"
        yield f"{text}."


def prediction(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """How well all features together predict difficulty, beside the mean and beside length."""
    errors = table[(table["features"] == "all") & (table["measure"] == "rmse")]
    for learner, own in errors.groupby("learner", sort=False):
        by = own.set_index(own["against"].fillna("")).to_dict("index")
        if "" not in by or pd.isna(by[""]["estimate"]):
            continue
        row, *less = (pd.Series(by[name]) for name in ("", "dummy", "length"))
        mean, length = (estimate(each, 3, signed=True) for each in less)
        yield (
            f"The difficulty of items that a {named(learner)} had not seen was predicted from what "
            f"models did with an error (RMSE) of {estimate(row, 3)} (n = {count(row['n'])} items): "
            f"{mean} against the mean of the others, {length} against length alone."
        )


def rasch(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Whether what is hard for models is hard for people."""
    found = table[(table["measure"] == "spearman") & table["estimate"].notna()]
    for row in found.itertuples():
        words = ("hard for people, too", "easy for people", "not clearly harder for people")
        yield (
            f"What is hard for the models is {directions(found, alpha, *words)}: the Rasch "
            f"difficulties of their answers correlate with human difficulty by {estimate(row)} "
            f"(Spearman; n = {count(row.n)} items, {count(row.persons)} persons, each a model and "
            "a sample)."
        )


def readout(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """What was read beside what was sampled, and how much narrower its intervals are."""
    natural = _natural(table)
    key = natural[natural["measure"] == "key_probability"]
    if key.empty:
        return
    gap = natural[(natural["measure"] == "difference")].set_index("model")

    def said(row: Any) -> str:
        if row.model not in gap.index:
            return share(row)
        return f"{share(row)} ({points(gap.loc[row.model])} from sampled accuracy)"

    yield f"The key's probability among the options: {_of_items(key, said)}."
    width = table[table["measure"] == "key_probability"]["relative_width"]
    if width.notna().any():
        yield (
            f"Its intervals are {span(width, number)} times as wide as those of sampled answers, "
            "narrowest in "
            f"{named(table.loc[width.idxmin(), 'condition'])}."
        )


def calibration(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Which way confidence errs, and how far beyond noise."""
    natural = _natural(table)
    side = natural[natural["measure"] == "overconfidence"]
    error = natural[natural["measure"] == "calibration_error"].set_index("model")
    if side.empty:
        return

    def said(row: Any) -> str:
        own = error.loc[row.model]
        return (
            f"{points(row)}, calibration error {estimate(own, 3)} where noise alone makes "
            f"{number(own['null_mean'], 3)}"
        )

    words = ("overconfident", "underconfident", "neither over- nor underconfident")
    yield f"What was read is {directions(side, alpha, *words)}: {_of_items(side, said)}."


def entropy(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Whether a model is less sure of harder items."""
    if len(found := _natural(table)):
        words = ("higher for harder items", "lower for harder items", "of no clear relation to it")
        yield (
            f"Set against difficulty, the entropy over the options was "
            f"{directions(found, alpha, *words)}; Spearman's ρ: {_of_items(found, estimate)}."
        )


def best_condition(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """The best condition's lead over the next, by an interval that holds for all pairs."""
    found = table[(table["rank"] == 2) & table["estimate"].notna()]
    if len(found):
        leads = _of_items(
            found,
            lambda row: f"with {named(row.best)}, {points(row)} ahead of {named(row.condition)}",
        )
        yield f"The most accurate condition: {leads}."


def equivalence(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Which conditions are as good as natural."""
    found = table[table["estimate"].notna()]
    if len(found):
        models = found["model"].nunique()
        often = found[found["equivalent"].astype(bool)].groupby("condition", sort=False).size()
        within = ", ".join(
            named(name) if models == 1 else f"{named(name)} in {times} of {models} models"
            for name, times in often.items()
        )
        margin = span(100 * found["margin"], lambda value: f"{value:g}")
        yield (
            f"As accurate as natural within {margin} points: {within or 'no condition'} "
            f"(n = {span(found['n_items'])} items)."
        )


def sweeps(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """s1's scaling by kind of condition."""
    found = table[(table["measure"] == "scaling") & table["estimate"].notna()]
    for kind, own in found.groupby("kind", sort=False):
        slopes = _of_items(own, lambda row: estimate(row, 1, signed=True))
        yield f"Points of accuracy for each doubling of tokens, {named(kind)}: {slopes}."


def strategies(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """The most accurate strategy beside the largest vote; what named lengths came to."""
    whole = table[(table["level"] == 0) & (table["approach"] != "budget_forcing")]
    whole = whole[whole["estimate"].notna()]
    if whole.empty:
        return
    votes = whole[whole["approach"] == "majority"]

    def said(row: Any) -> str:
        text = f"{named(row.strategy)} at {_size(row)}, {share(row)}"
        if pd.notna(row.sampled):  # logs may leave it open
            text += f" for {count(row.sampled)} sampled tokens an item"
        if row.scored > 0:  # nothing is read without a scorer
            own = " of its own" if row.scorer_reads == "text" else ""
            text += f" and {count(row.scored)}{own} that a scorer read"
        if pd.notna(row.gap):
            gap = estimate(row, 1, 100, " points", of=("gap", "gap_lower", "gap_upper"))
            text += f", {gap} below what a perfect choice among its candidates would have"
        own = votes[votes["model"] == row.model]
        if len(own):
            vote = own.loc[own["n"].idxmax()]
            text += f"; a majority of {count(vote['n'])} had {share(vote)}"
            if pd.notna(vote["sampled"]):
                text += f" for {count(vote['sampled'])}"
        return f"({text})"

    best = whole.loc[whole.groupby("model", sort=False)["estimate"].idxmax()]
    tried = count(whole["strategy"].nunique())
    yield f"The most accurate of {tried} strategies: {_of_items(best, said)}."
    prompted = whole[whole["approach"].isin(NAME_LENGTHS)]
    for (model, strategy), own in prompted.groupby(["model", "strategy"], sort=False):
        lengths = "; ".join(
            f"{_size(row)}: {count(row.think_tokens)} tokens, {percent(1 - row.unmet)}"
            for row in own.itertuples()
        )
        yield (
            f"{named(model)}, told how long to think by {named(strategy)}: length named, mean "
            f"thinking, and share as long as was asked for: {lengths}."
        )


def matched(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Each model's largest gain over a majority at equal compute."""
    flops = table[(table["axis"] == "compute") & table["gain"].notna()]
    if flops.empty:
        return
    clear = flops[flops["gain_lower"] > 0]
    text = f"{count(len(clear))} of {count(len(flops))} comparisons with a majority are clear gains"
    if len(clear):
        best = clear.loc[clear.groupby("model", sort=False)["gain"].idxmax()]
        largest = _of_items(
            best,
            lambda row: (
                f"by {named(row.strategy)} at {count(row.multiple)} times the cost of one "
                f"sample, {points(row, GAIN)}"
            ),
        )
        text += f"; the largest: {largest}"
    yield f"{text}."


def optimal(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """What choosing a strategy for each fifth of difficulty gained over a majority, held out."""
    whole = table[(table["level"] == 0) & table["estimate"].notna()]
    if len(whole):
        most = whole.loc[whole.groupby("model", sort=False)["multiple"].idxmax()]
        gain = _of_items(
            most,
            lambda row: (
                f"{share(row)} at {count(row.multiple)} times the cost of one sample, "
                f"{points(row, GAIN)} against a majority"
            ),
        )
        yield (
            "The strategy best for an item's fifth of difficulty on one half of the items, used on "
            f"the other: {gain}."
        )


def scorers(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """How well each scorer tells right samples from wrong ones, and how far it can be believed."""
    known = table[table["estimate"].notna()]
    within, whole = known["measure"] == "auc_within", known["agg_strategy"] == "last"
    early = known[within & (known["fraction"] == known["fraction"].min())]
    early = early.set_index(["model", "scorer"])

    def said(row: Any) -> str:
        key = (row.model, row.scorer)
        # Scores that a log has of whole thoughts only say nothing of their beginnings.
        if key not in early.index or early.loc[key, "estimate"] == row.estimate:
            return share(row)
        begun = early.loc[key]
        return f"{share(row)}, after {100 * begun['fraction']:g}% of their steps {share(begun)}"

    for scorer, auc in known[within & whole].groupby("scorer", sort=False):
        text = f"{named(scorer)} scores a right sample above a wrong one about the same item: "
        text += _of_items(auc, said)
        error = known[
            (known["scorer"] == scorer) & (known["measure"] == "calibration_error") & whole
        ]
        if len(error):
            text += "; its calibration error as a probability: " + per_model(
                error, lambda row: f"{estimate(row)}, noise alone {number(row.null_mean)}"
            )
        yield f"{text}."


def agreement(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """How far each two graders agree."""
    kappa = _natural(table[table["measure"] == "kappa"])
    for (one, other), rows in kappa.groupby(["grader", "other"], sort=False):
        yield (
            f"Agreement of {named(one)} and {named(other)}, Cohen's κ: "
            f"{per_model(rows, estimate)} (n = {span(rows['n_responses'])} responses)."
        )


def divergence_tokens(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    for (tokenizer, corpus), rows in table.groupby(["tokenizer", "corpus"], sort=False):
        more = rows["frequency_corpus"] > rows["frequency_items"]
        corpus_top, items_top = (
            ", ".join(
                code(row.token) for row in own.nlargest(TOP_TOKENS, "js_contribution").itertuples()
            )
            for own in (rows[more], rows[~more])
        )
        yield (
            f"Tokens of {code(tokenizer)} that add most to JS. More frequent in {code(corpus)}: "
            f"{corpus_top}; more frequent in the items: {items_top}."
        )


def overlap(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    for (_, corpus), rows in table.groupby(["tokenizer", "corpus"], sort=False):
        some = rows[rows["found"] > 0]
        if some.empty:
            continue
        worst = ", ".join(
            f"{code(row.item_id)} ({percent(row.share)})"
            for row in some.nlargest(WORST_ITEMS, "share", keep="first").itertuples()
        )
        shared = "1 item shares" if len(some) == 1 else f"{count(len(some))} items share"
        yield f"{shared} n-grams with {code(corpus)}, the greatest part of their own: {worst}."


def training_loss(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    known = table.dropna(subset="loss")
    if known.empty:
        return
    steps = known.groupby("model", sort=False)["step"]
    last = known.loc[steps.idxmax()].assign(first=known.loc[steps.idxmin(), "loss"].to_numpy())
    ends = per_model(
        last,
        lambda row: (
            f"{number(row.first, 3)} at first and {number(row.loss, 3)} at step {count(row.step)}"
        ),
        "loss",
    )
    yield f"Training loss: {ends}."


def training_rewards(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    logged = table.dropna(subset="reward").sort_values("step")
    if logged.empty:
        return
    kept = ["step", "accuracy", "completion_tokens"]
    steps = logged.groupby("model", sort=False)[kept]
    ends = steps.last().join(steps.first().add_suffix("_first")).reset_index()
    found = table.dropna(subset="held_out_accuracy").sort_values("step")
    held = found.groupby("model")["held_out_accuracy"]
    ends = ends.join(held.first().rename("held_first"), on="model")
    ends = ends.join(held.last().rename("held_last"), on="model")

    def said(row: Any) -> str:
        apart = not pd.isna(row.held_last)
        first, last = (
            (row.held_first, row.held_last) if apart else (row.accuracy_first, row.accuracy)
        )
        return (
            f"accuracy {number(first, 2)} at first and {number(last, 2)} at step "
            f"{count(row.step)}{' on held-out items' if apart else ' of its own completions'}, "
            f"with {number(row.completion_tokens_first, 0)} and "
            f"{number(row.completion_tokens, 0)} tokens a completion"
        )

    yield f"Reinforcement: {per_model(ends, said, 'accuracy')}."


def generated(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """How many of the traces that models wrote were kept, and what became of the others."""
    for (corpus, hinted), own in table.groupby(["corpus", "hinted"], sort=False):
        kept = next(own[own["fate"] == "kept"].itertuples())
        told = ", which were told the answer," if hinted else ""
        text = (
            f"Of {count(kept.n_of)} traces of {code(kept.model)} for {code(corpus)}{told} "
            f"{share(kept)} were kept"
        )
        if hinted:
            text += f", where guessing has {percent(kept.guess)}"
        others = own[(own["fate"] != "kept") & (own["n_traces"] > 0)]
        if len(others):
            rest = (f"{row.fate} {percent(row.estimate)}" for row in others.itertuples())
            text += f"; the others: {', '.join(rest)}"
        yield f"{text}."


def language_mixing(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    """How far natural thinking mixes languages and scripts."""
    for kind, own in table[table["measure"] == "mixing"].groupby("kind", sort=False):
        found = _natural(own)
        if len(found):
            yield f"Words of natural thinking in another {kind}: {_of_items(found, share)}."


def left_out(table: pd.DataFrame) -> int:
    """Items left out because they occur in a corpus, where the study asks for that."""
    counted = table.get("n_excluded", pd.Series(dtype=float)).dropna()
    return int(max(counted, default=0))  # a table that could estimate nothing may count none


def _natural(table: pd.DataFrame) -> pd.DataFrame:
    """Estimates of each model's natural condition, or of its first where that was not read."""
    found = table[table["estimate"].notna()]
    first = found.groupby("model", sort=False)["condition"].transform(
        lambda names: "natural" if (names == "natural").any() else names.iloc[0]
    )
    return found[found["condition"] == first]


def _of_items(found: pd.DataFrame, say: Any) -> str:
    return f"{per_model(found, say)} (n = {span(found['n_items'])} items)"


def _size(row: Any) -> str:
    """A strategy's size as the study calls it: a class of length by its name."""
    return count(row.n) if pd.isna(row.length_class) else named(row.length_class)
