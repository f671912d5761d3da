"""What a study found: a sentence for each of its questions, for all models at once.

Each function reads the tables by name and gives the sentence, or nothing where the study has no
estimate to answer with. `alpha` is what a p, corrected where its table corrects it, must be below
for a direction to be claimed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.report.words import (
    claim,
    code,
    count,
    directions,
    estimate,
    named,
    number,
    p_value,
    per_model,
    percent,
    points,
    rows,
    share,
    span,
)

Tables = Mapping[str, pd.DataFrame]
CONTROLS = {"stem_chars": "the length of the question", "n_options": "the number of options"}


def difficulty(tables: Tables, alpha: float) -> str:
    return _registered(tables, alpha, "difficulty", "harder items")


def response_time(tables: Tables, alpha: float) -> str:
    return _registered(tables, alpha, "response_time", "items that people took longer for")


def _registered(tables: Tables, alpha: float, criterion: str, items: str) -> str:
    raw, partial = (
        rows(tables, "registration", criterion=criterion, measure=measure)
        for measure in ("spearman", "partial_spearman")
    )
    if raw.empty:
        return ""
    unclear = f"of no clear relation to {criterion.replace('_', ' ')}"
    how = directions(raw, alpha, f"longer for {items}", f"shorter for {items}", unclear)
    text = (
        f"Thinking was {how} (Spearman's ρ: {per_model(raw, estimate)}; n = {span(raw['n'])} items)"
    )
    if not partial.empty and (held := _held(partial)):
        still = directions(partial, alpha, "longer", "shorter", "without a clear direction")
        text += f"; with {held} held equal, it was {still} ({per_model(partial, estimate)})"
    return f"{text}."


def _held(partial: pd.DataFrame) -> str:
    """What a partial correlation holds equal, as its table says; empty where that is nothing."""
    found = re.search(r"given (.+?)( \(|;|$)", partial["method"].iloc[0])
    names = re.split(r", | and ", found[1]) if found else ["stem_chars"]
    return " and ".join(CONTROLS.get(name, code(name)) for name in names if name != "nothing")


def budgets(tables: Tables, alpha: float) -> str:
    natural = rows(tables, "accuracy", condition="natural")
    if natural.empty:
        return ""
    off = _by_model(tables, "accuracy", max_think=0) | _by_model(tables, "accuracy", no_think=True)
    level = tables.get("plateau", pd.DataFrame(columns=["model", "kind"]))
    level = {row.model: row for row in level[level["kind"] == "max"].itertuples()}

    def said(row: Any) -> str:
        parts = [f"{share(row)} with natural thinking"]
        if (without := off.get(row.model)) is not None:
            parts.insert(0, f"{share(without)} without thinking")
        if (budget := level.get(row.model)) is not None:
            parts.append(f"{100 * budget.share:g}% of that {_enough(budget)}")
        return ", ".join(parts)

    sizes = f"{_items(natural)} and {span(natural['n_responses'])} responses a condition"
    return f"Accuracy: {per_model(natural, said)} (n = {sizes})."


def _enough(row: Any) -> str:
    """From which budget on; of an end that lies beyond the study's budgets no number is known."""
    ends = ""
    if pd.notna(row.lower):
        ends = f" [{count(row.lower)} to {'more' if pd.isna(row.upper) else count(row.upper)}]"
    if row.status == "above":
        return f"at none of the budgets{ends}"
    if row.status == "below":
        return f"at the smallest budget already{ends}"
    return f"from a budget of {count(row.estimate)} tokens{ends} on"


def waits(tables: Tables, alpha: float) -> str:
    change = _waited(tables, "mcnemar")
    if change.empty:
        return ""
    tokens = {(row.model, row.waits): row for row in _waited(tables, "token_change").itertuples()}

    def said(row: Any) -> str:
        spent = tokens.get((row.model, row.waits))
        cost = "" if spent is None else f" for {estimate(spent, 1, unit=' tokens', signed=True)}"
        return f"{points(row)}{cost}"

    words = ("more accurate", "less accurate", "of no clearly different accuracy")
    parts = []
    for number_, own in change.groupby("waits"):
        put_in = "one wait" if number_ == 1 else f"{count(number_)} waits"
        how = directions(own, alpha, *words)
        parts.append(f"{put_in} made answers {how} ({per_model(own, said)})")
    text = "; ".join(dict.fromkeys((parts[0], parts[-1])))
    with_ = f" with {code(change['continuation'].iloc[0])}" if _several(tables) else ""
    return f"Against natural thinking{with_}, {text}; n = {_items(change)}."


def _several(tables: Tables) -> bool:
    """Whether waits put in one of several texts, of which the first is told of."""
    return rows(tables, "mcnemar").get("continuation", pd.Series()).nunique() > 1


def _waited(tables: Tables, name: str) -> pd.DataFrame:
    """Rows of conditions that do nothing but wait, with each model's first continuation."""
    found = rows(tables, name)
    if found.empty:
        return found
    alone = found["waits"].notna() & found["max_think"].isna() & found["min_think"].isna()
    return found[alone].drop_duplicates(["model", "waits"])


def votes(tables: Tables, alpha: float) -> str:
    found = _waited(tables, "waits_against_votes")
    if found.empty:
        return ""
    most = found.loc[found.groupby("model", sort=False)["waits"].idxmax()]

    def said(row: Any) -> str:
        put_in = "1 wait" if row.waits == 1 else f"{count(row.waits)} waits"
        cost = f"{count(row.tokens)} tokens an answer"
        if row.votes_tokens < row.tokens:
            cost += f", votes of {row.votes} for {count(row.votes_tokens)}"
        return f"{points(row)} with {put_in} for {cost}"

    how = directions(
        most,
        alpha,
        "right more often than votes",
        "right less often than votes",
        "not clearly right more or less often than votes",
    )
    cheaper = (most["votes_tokens"] < most["tokens"]).any()
    cost = "Of equal cost" + (", or of the largest vote where that costs less" if cheaper else "")
    return f"{cost}, waits were {how} ({per_model(most, said)}; n = {_items(most)})."


def within(tables: Tables, alpha: float) -> str:
    found = rows(tables, "allocation", measure="cohen_d")
    if found.empty:
        return ""
    words = ("longer", "shorter", "of no clearly different length")
    return (
        f"Thoughts that led to a right answer were {directions(found, alpha, *words)}, set against "
        f"the others about the same item (Cohen's d: "
        f"{per_model(found, estimate)}; n = {span(found['n_both'])} items answered both ways)."
    )


COMPARED = {  # of each measure: what is claimed, or not; digits, scale and unit
    "accuracy": ("{more|less} accurate", "not clearly more or less accurate", 1, 100, " points"),
    "think_tokens": (
        "thought {longer|shorter}",
        "thought for no clearly different time",
        1,
        1,
        " tokens",
    ),
    "spearman_difficulty": (
        "followed difficulty {more|less} closely",
        "followed difficulty about as closely",
        *(2, 1, " of ρ"),
    ),
}


def compared(tables: Tables, alpha: float) -> str:
    found = rows(tables, "model_comparison")
    if found.empty:
        return ""

    def said(first: Any) -> str:
        pair = found[(found["model_a"] == first.model_a) & (found["model_b"] == first.model_b)]
        parts = []
        for row in pair.itertuples():
            what, neither, *how = COMPARED[row.measure]
            parts.append(f"{claim(row, what, neither, alpha)}, {estimate(row, *how, signed=True)}")
        return f"against {named(first.model_a)}: {'; '.join(parts)}"

    pairs = found.drop_duplicates(["model_a", "model_b"])
    return f"{per_model(pairs, said, column='model_b')} (n = {span(found['n'])} common items)."


def seen(tables: Tables, alpha: float) -> str:
    parts = []
    least = rows(tables, "registration", measure="spearman", criterion="difficulty")
    power = rows(tables, "power", measure="accuracy", this_study=True)
    if not least.empty and least["detectable"].notna().any():
        text = (
            f"with 80% power {span(least['n'])} items show a correlation of "
            f"{span(least['detectable'], number)}"
        )
        if not power.empty:
            size = span(power["estimate"], lambda value: number(100 * value, 1))
            text += f" and, by condition, a difference from natural of {size} points in accuracy"
        parts.append(text)
    icc = rows(tables, "reliability", measure="icc_single")
    if not icc.empty:
        parts.append(
            f"the reliability (ICC) of one sample's length: {per_model(icc, estimate)} "
            f"(n = {span(icc['n'])} items)"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def graded(tables: Tables, alpha: float) -> str:
    natural = rows(tables, "accuracy", condition="natural")
    if natural.empty:
        return ""
    text = (
        f"Natural thinking was cut before its end in {span(natural['censored'], percent)} of "
        f"responses, and in {span(natural['ungradable'], percent)} no answer was found "
        f"(n = {span(natural['n_responses'])} responses a model)"
    )
    if len(unfit := natural[natural["errors"] > 0]):
        items = per_model(
            unfit, lambda row: f"{count(row.errors)} of {count(row.n_items)}", "errors"
        )
        text += f"; items that did not fit the context, which count as not correct: {items}"
    return f"{text}{_otherwise(tables)}."


def _otherwise(tables: Tables) -> str:
    """What the grader that differs most from the study's own would have said, where one differs."""
    accuracy, unread = (
        rows(tables, "grader_agreement", measure=measure, condition="natural")
        for measure in ("accuracy", "ungradable")
    )
    # A grader that reads nothing of a model, such as `readout` where that was not read, is none.
    blind = unread[unread["estimate"] == 1].set_index(["model", "grader"]).index
    accuracy = accuracy[~accuracy.set_index(["model", "grader"]).index.isin(blind)]
    if accuracy.empty:
        return ""
    first = accuracy["grader"].iloc[0]
    own = accuracy[accuracy["grader"] == first].set_index("model")["estimate"]
    gaps = (accuracy["estimate"] - accuracy["model"].map(own)).abs()
    if not gaps.max() > 0:
        return ""
    other = accuracy.loc[gaps.idxmax(), "grader"]
    found = per_model(accuracy[accuracy["grader"] == other], share)
    return (
        f"; of {count(accuracy['grader'].nunique())} graders {named(other)} differs most from "
        f"{named(first)} and would have found these accuracies: {found}"
    )


def contamination(tables: Tables, alpha: float) -> str:
    """Of each corpus, by the first tokenizer."""
    parts = []
    shared = rows(tables, "overlap_summary", measure="any")
    for row in shared.drop_duplicates("corpus").itertuples():
        short = f" ({count(row.too_short)} more are shorter than that)" if row.too_short else ""
        parts.append(
            f"{share(row)} of {count(row.items)} items share at least one {count(row.ngram)}-gram "
            f"of tokens with {code(row.corpus)}{short}"
        )
    divergence = rows(tables, "divergence", measure="js", unit="bits")
    divergence = divergence[divergence["p"].notna()]
    for row in divergence.drop_duplicates("corpus").itertuples():
        apart = "more than" if row.p < alpha else "no more than"
        parts.append(
            f"{code(row.corpus)} and the items differ {apart} documents of one law would "
            f"(JS = {number(row.estimate, 3)} bits, corrected for its bias "
            f"{number(row.corrected, 3)}, {p_value(row.p, row.method)}; "
            f"{count(row.documents_corpus)} and {count(row.documents_items)} documents)"
        )
    return f"{'; '.join(parts)}." if parts else ""


def cost(tables: Tables, alpha: float) -> str:
    ledger = tables.get("ledger", pd.DataFrame())
    if ledger.empty:
        return ""
    sweep, searched = ledger[ledger["condition"].notna()], ledger[ledger["condition"].isna()]
    chained = sweep["chains"] > 0  # no chains are kept of what others ran
    own = searched[searched["model"].isin(sweep.loc[chained, "model"])]
    parts = [_ran(sweep[chained], own)] if chained.any() else []
    if len(read := sweep[~chained]):
        thought = read["think_tokens"].sum(skipna=False)
        tokens = "" if pd.isna(thought) else f" of {count(thought)} thinking tokens"
        parts.append(f"{count(read['n_responses'].sum())} responses{tokens} were read from logs")
    return f"{'; '.join(parts)}."


def _ran(sweep: pd.DataFrame, searched: pd.DataFrame) -> str:
    """What sweep and searches took here."""
    total = sweep.sum(numeric_only=True)
    new, chains = total["new_tokens"], sweep.groupby("model")["chains"].first().sum()
    text = (
        f"{count(total['n_responses'])} responses took {count(new)} sampled tokens on "
        f"{count(chains)} chains; every condition by itself would have taken "
        f"{number(total['alone_tokens'] / new)} times as many"
    )
    if len(searched):
        sums = searched.sum(numeric_only=True)
        text += (
            f"; searches sampled {count(sums['new_tokens'])} more, and scorers read "
            f"{count(sums['scored_new'])}"
        )
    flops = pd.concat([sweep, searched]).get("flops_new", pd.Series()).sum()
    if flops:
        text += f"; {_power(flops)} FLOPs in all (2 · parameters · tokens)"
    if total["seconds"]:
        text += f", {count(total['seconds'])} s of sampling for the sweep"
    return text


def _by_model(tables: Tables, name: str, **values: Any) -> dict[str, Any]:
    """Of each model its first row that holds `values`."""
    return {row.model: row for row in rows(tables, name, **values)[::-1].itertuples()}


def _items(table: pd.DataFrame) -> str:
    return f"{span(table['n_items'])} items"


def _power(flops: float) -> str:
    """A large number as `1.5 · 10^12`."""
    exponent = int(np.floor(np.log10(flops)))
    return f"{flops / 10**exponent:.1f} · 10^{exponent}"


@dataclass(frozen=True)
class Question:
    asked: str
    answer: Callable[[Tables, float], str]
    figures: tuple[str, ...] = ()  # shown beside the answer where the study has them


UNSURE = Question("What was cut or unread, and what of another grader?", graded)
QUESTIONS = (
    Question("Is thinking longer for harder items?", difficulty, ("tokens_vs_difficulty",)),
    Question("Does it follow how long people take?", response_time, ("tokens_vs_response_time",)),
    Question("What does thinking add to accuracy?", budgets, ("accuracy_vs_budget",)),
    Question("What does a wait buy?", waits, ("accuracy_vs_waits",)),
    Question("Votes, or waits, at equal tokens?", votes, ("frontier",)),
    Question(
        "Within an item, are right answers thought about longer?", within, ("tokens_by_outcome",)
    ),
    Question("What did fine-tuning, or another model, change?", compared),
    Question("What could have been seen?", seen),
    UNSURE,
    Question("Were the items in a corpus?", contamination),
    Question("What did it cost?", cost),
)
