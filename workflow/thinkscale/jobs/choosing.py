"""From candidates to what every strategy chose: the frames `searches` and `ballots`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.data import contracts
from thinkscale.data.graded import in_one_form
from thinkscale.data.seeds import generator
from thinkscale.errors import ThinkscaleError
from thinkscale.grading.registry import grader_called
from thinkscale.grading.study import equality, grade
from thinkscale.stats.consensus import ballots, subsets
from thinkscale.stats.selection import AGGREGATED, choose
from thinkscale.thinking.strategies.prompt_control import ClassConditional
from thinkscale.thinking.strategies.registry import APPROACHES
from thinkscale.thinking.strategies.search import SAMPLES, expand

_SEARCH = ["model", "item_id", "search", "n"]
_DRAWS = 1000  # subsets of the samples, where there are more
ITEMS = 5_000  # chosen for at a time
_COSTS = ["sampled", "sampled_new", "scored", "scored_new", "scored_uncached"]


def choose_study(
    found: Mapping[str, str | Path],
    items: pd.DataFrame,
    strategies: Sequence[Mapping[str, Any]],
    made: Mapping[str, str | Path],
    at_a_time: int = ITEMS,
    **how: Any,
) -> None:
    """`choices` from the files of a study, of some items of a model at a time.

    found: paths of `candidates`, `scores` and `spent`. made: where `searches` and `ballots` are
    written. how: as `choices` takes it.
    """
    asked = contracts.read(found["spent"], "spent", ["model", "item_id"]).drop_duplicates()
    parts: dict[str, list[Path]] = {name: [] for name in made}
    with TemporaryDirectory() as directory:
        for model, ids in asked.groupby("model", sort=False)["item_id"]:
            for first in range(0, len(ids), at_a_time):
                among = {"model": [model], "item_id": ids[first : first + at_a_time]}
                own = [contracts.read(path, name, among=among) for name, path in found.items()]
                asked_of = items[items["item_id"].isin(among["item_id"])]
                chosen = choices(*own, asked_of, strategies, **how)
                for name, frame in zip(made, chosen, strict=True):
                    parts[name].append(Path(directory) / f"{len(parts[name])}.{name}.parquet")
                    contracts.write(frame, parts[name][-1], name)
        for name, path in made.items():
            contracts.gather(parts[name], path, name)


def choices(
    candidates: pd.DataFrame,
    scores: pd.DataFrame,
    spent: pd.DataFrame,
    items: pd.DataFrame,
    strategies: Sequence[Mapping[str, Any]],
    *,
    grading: Mapping[str, Any],
    answer_prompts: Mapping[str, str],
    excluded: Sequence[str] = (),
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Grade every candidate's answer and let every strategy choose at each of its sizes.

    Returns the frames `searches` and `ballots`, by contract.
    grading: the study's; its first grader that needs nothing but the answer is gone by, and answers
    are equal where it says so. answer_prompts: what was put in before a cut response's
    answer, by model. excluded: ids of items that the study leaves out. Strategies over samples
    choose among subsets of the largest number drawn: all, or 1,000 at random; their costs are those
    of a subset on average.
    """
    judged = _judged(candidates, items, grading, answer_prompts)
    found = dict(tuple(judged.groupby(_SEARCH, sort=False)))
    values = {
        (how, *key): dict(zip(group["candidate"], group["score"], strict=True))
        for how in {entry["agg_strategy"] for entry in strategies}
        for key, group in aggregated(scores, how).groupby([*_SEARCH, "scorer"], sort=False)
    }
    records = spent.astype(object).where(spent.notna(), None).to_dict("records")
    bills = {tuple(bill[name] for name in (*_SEARCH, "scorer")): bill for bill in records}
    facts = items[["item_id", "difficulty", "cluster_id"]]
    rows, sources = [], {}
    for model, item_id in spent[["model", "item_id"]].drop_duplicates().itertuples(index=False):
        for entry, search, drawn, n, settings in _sizes(strategies):
            key = (model, item_id, search, drawn)
            share = 1.0 if n == drawn else n / drawn  # a budget may be 0
            row = _row(entry, bills[*key, entry["scorer"]], share)
            if isinstance(settings, ClassConditional):
                row["length_class"] = settings.length_classes.name
            given = found.get(key)
            if given is not None:
                own = values.get((entry["agg_strategy"], *key, entry["scorer"]), {})
                scored = np.array([own.get(c, np.nan) for c in given["candidate"]], dtype=float)
                rng = generator(seed, model, item_id, f"{drawn} {n}")
                chosen = _chosen(entry, given, scored, n, rng)
                row |= chosen
                if hasattr(settings, "met"):
                    row["unmet"] = _unmet(given, settings)
                if not APPROACHES[entry["approach"]].parallel:
                    sources[key] = _sources(entry, given, scored, chosen["answer"])
            out = {"excluded": item_id in excluded}
            rows.append({"model": model, "item_id": item_id, "n": n, **row, **out})
    names = contracts.SCHEMAS["searches"].names
    made = pd.DataFrame(rows, columns=[name for name in names if name not in facts.columns[1:]])
    judged["chosen"] = False
    for key, chosen in sources.items():
        judged.loc[found[key].index, "chosen"] = chosen
    searches = made.merge(facts, on="item_id", how="left")
    return searches, judged[contracts.SCHEMAS["ballots"].names]


def aggregated(scores: pd.DataFrame, how: str) -> pd.DataFrame:
    """One score a candidate from those of its steps, in their order: last, min, prod or mean.

    A candidate with a step that has no score has none, unless that is not its `last`.
    """
    keys = [*_SEARCH, "candidate", "scorer"]
    ordered = scores.sort_values([*keys, "step"], kind="stable")
    whole = ordered.groupby(keys, sort=False)["score"].agg(
        lambda steps: AGGREGATED[how](steps.to_numpy(float))
    )
    return whole.reset_index()


def _sizes(
    strategies: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping, str, int, int, Any]]:
    """(strategy, name and size of the search it chooses from, its own size and settings)."""
    samples = next((s.n for s in expand(strategies) if s.name == SAMPLES), 0)
    for entry in strategies:
        approach = APPROACHES[entry["approach"]]
        for n, size in approach.sizes(entry):
            settings = approach.of(size, entry)
            if approach.parallel:
                yield entry, SAMPLES, samples, n, settings
            else:
                yield entry, entry["name"] or entry["approach"], n, n, settings


def _row(entry: Mapping[str, Any], bill: Mapping[str, Any], share: float) -> dict[str, Any]:
    """What a row says before anything is chosen: costs are those of a share of what was drawn.

    A scorer reads the prompt whole, however many of the samples it reads behind it.
    """
    prompt = bill["prompt_tokens"]
    costs = {name: None if bill[name] is None else bill[name] * share for name in _COSTS}
    if share < 1 and bill["scored"]:
        costs["scored"] = prompt + (bill["scored"] - prompt) * share
    kept = ("prompt_tokens", "parameters", "scorer_parameters", "scorer_exact_tokens", "error")
    nothing = dict.fromkeys(("share", "correct", "any_correct", "candidates"), 0.0)
    return {
        "strategy": entry["name"] or entry["approach"],
        "approach": entry["approach"],
        "scorer": entry["scorer"],
        "choose": rule_of(entry),
        "length_class": None,
        "answer": None,
        **nothing,
        **dict.fromkeys(("unanswered", "unscored", "unmet"), 0.0),
        **costs,
        **{name: bill[name] for name in kept},
    }


def rule_of(entry: Mapping[str, Any]) -> str:
    """By which rule a strategy of the configuration chooses, where it does not say so itself."""
    named = {"majority": "majority", "best_of_n": "best", "weighted_best_of_n": "weighted"}
    if entry["choose"] is not None:
        return entry["choose"]
    return named.get(entry["approach"], "majority" if entry["scorer"] is None else "best")


def _chosen(
    entry: Mapping[str, Any],
    given: pd.DataFrame,
    scores: np.ndarray,
    n: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    parallel = APPROACHES[entry["approach"]].parallel
    members = np.ones((1, len(given)))
    if parallel:
        members = subsets(len(given), n, n_draws=_DRAWS, rng=rng)
    choice = choose(
        given["ballot"].to_numpy(object),
        given["correct"].to_numpy(bool),
        scores,
        members,
        rule_of(entry),
    )
    return {**asdict(choice), "think_tokens": given["think_tokens"].mean()}


def _unmet(given: pd.DataFrame, settings: Any) -> float:
    """The share of candidates whose thinking did not end, or not at the length asked for."""
    ended = given["stop"].eq("natural")
    lengths = zip(given["think_tokens"], given["step_tokens"].map(len), strict=True)
    met = np.array([settings.met(tokens, steps) for tokens, steps in lengths])
    return 1.0 - float((ended & met).mean())


def _sources(
    entry: Mapping[str, Any], given: pd.DataFrame, scores: np.ndarray, answer: str | None
) -> np.ndarray:
    """Which candidates an answer that was chosen came from: those that gave it, or the best."""
    gave = given["ballot"].eq(answer).to_numpy(bool) & (answer is not None)
    if rule_of(entry) != "best" or not gave.any():
        return gave
    return gave & (scores == np.nanmax(scores[gave]))


def _judged(
    candidates: pd.DataFrame,
    items: pd.DataFrame,
    grading: Mapping[str, Any],
    answer_prompts: Mapping[str, str],
) -> pd.DataFrame:
    """The candidates with `ballot`, what each votes for (None: nothing), and `correct`."""
    grader = next((name for name in grading["graders"] if grader_called(name).reads is None), None)
    if grader is None:
        raise ThinkscaleError(
            f"`grading.graders`: found {', '.join(grading['graders'])}; expected one with "
            "`strategies` that judges an answer by itself, as `choice` or `numeric`"
        )
    settings, parts = grading.get(grader), []
    for model, own in candidates.groupby("model", sort=False):
        # A grader takes responses; a candidate is one, under a condition of its own.
        condition = own["search"] + ";n=" + own["n"].astype(str)
        asked = own.assign(sample=own["candidate"], condition=condition, error=None)
        grades = grade(
            *(asked, items, grader, settings),
            answer_prompt=answer_prompts[model],
            pattern=grading.get("pattern"),
        )
        if same := equality(grader, settings):
            grades = in_one_form(grades, same)
        correct = grades["outcome"].eq("correct").to_numpy()
        votes = ballots(grades)["ballot"].to_numpy(object)
        parts.append(own.assign(ballot=votes, correct=correct))
    return pd.concat(parts) if parts else candidates.assign(ballot=None, correct=False)
