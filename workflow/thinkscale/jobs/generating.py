"""A corpus that a model writes: it thinks about items, and some of its traces are kept.

Distillation of traces and rejection sampling (DeepSeek-R1, arXiv 2501.12948, sections 2.3.3 and
2.4), whole journeys and shortcuts (arXiv 2410.18982), and the rounds of STaR (arXiv 2203.14465) are
all of this kind, told apart by what is kept.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.config.corpora import Generate
from thinkscale.config.inference import Inference
from thinkscale.data.graded import in_one_form
from thinkscale.errors import ThinkscaleError
from thinkscale.grading import equality, grade
from thinkscale.jobs.inference import hinted, ready, run
from thinkscale.thinking.prompts import user_message

KEPT = "kept"
LOG = [
    *["corpus", "model", "item_id", "sample", "hinted", "fate", "think_tokens"],
    *["cluster", "chance"],
]


@dataclass(frozen=True)
class Generated:
    """Rows of a corpus (`corpora.traces`), a log with a row for each trace, and the jobs' usage."""

    rows: list[dict]
    log: pd.DataFrame
    usage: list[dict[str, Any]]


def generate(
    name: str,
    record: Mapping[str, Any],
    items: pd.DataFrame,
    settings: Inference,
    asked: Generate,
    forced: Mapping[str, Any],
    grader: tuple[str, Mapping[str, Any] | None, str | None],
    directory: Path,
    *,
    seed: int,
) -> Generated:
    """Have the model of `record` think the traces of the corpus `name`, with its journal.

    settings: how the model is run. forced: of the study's conditions, what is put in at natural
    ends. grader: the study's first, its settings and the pattern it reads by. Raises
    ThinkscaleError where nothing is kept, and as `prepare` and `run` do.
    """
    ask = partial(_thought, record, asked, forced, grader, directory)
    parts = [(ask(items, settings, seed), False)]
    answered = parts[0][0].log.query("fate == @KEPT")["item_id"]
    failed = items[~items["item_id"].isin(answered)]
    if asked.hint is not None and len(failed):
        parts.append((ask(*hinted(failed, settings, asked.hint, seed)), True))
    log = pd.concat([part.log.assign(hinted=hinted) for part, hinted in parts])
    facts = items.set_index("item_id")
    chance = facts["options"].map(lambda options: 1 / len(options) if len(options) else 0.0)
    log = log.assign(
        corpus=name,
        model=record["name"],
        cluster=log["item_id"].map(facts["cluster_id"]).fillna(log["item_id"]),
        chance=log["item_id"].map(chance),
    )[LOG]
    if not (log["fate"] == KEPT).any():
        counts = ", ".join(f"{count} {fate}" for fate, count in log["fate"].value_counts().items())
        raise ThinkscaleError(
            f"corpus {name}: none of {len(log)} traces of {record['name']} is kept ({counts}); "
            "expected some: more `generate.samples`, easier items, or another `generate.keep`"
        )
    questions = _questions(items, settings)
    rows = [
        {"question": questions[row["item_id"]], **row} for part, _ in parts for row in part.rows
    ]
    return Generated(rows, log, [part.usage for part, _ in parts])


@dataclass(frozen=True)
class _Part:
    """Traces that were asked for in one way. rows: those kept, with item_id and no question."""

    log: pd.DataFrame
    rows: list[dict]
    usage: dict[str, Any]


def _thought(
    record: Mapping[str, Any],
    asked: Generate,
    forced: Mapping[str, Any],
    grader: tuple[str, Mapping[str, Any] | None, str | None],
    directory: Path,
    items: pd.DataFrame,
    settings: Inference,
    seed: int,
) -> _Part:
    """Think about items and see what becomes of each trace."""
    how = {"samples": asked.samples, "waits": asked.waits, "seed": seed}
    prepared = ready(record, items, settings, forced, **how)
    thought, usage = run(prepared, directory, 0, 1, verb="generate")
    asked_for = f"waits={asked.waits}" if asked.waits else "natural"
    responses = thought.responses[thought.responses["condition"] == asked_for]
    responses = responses.reset_index(drop=True)
    name, own, pattern = grader
    grades = same = None
    if asked.keep != "all":
        prompt = settings.thinking.answer_prompt
        grades = grade(responses, items, name, own, answer_prompt=prompt, pattern=pattern)
        same = equality(name, own)
    log = responses[["item_id", "sample", "think_tokens"]].assign(
        fate=fates(responses, grades, asked.keep, same)
    )
    chains = thought.chains.set_index(["item_id", "sample"])["segments"]
    decode = prepared.checkpoint.tokenizer.decode
    rows = [
        {"item_id": item_id, **trace(chains[item_id, sample], answer, decode, asked)}
        for item_id, sample, answer, fate in zip(
            log["item_id"], log["sample"], responses["answer_text"], log["fate"], strict=True
        )
        if fate == KEPT
    ]
    return _Part(log, rows, usage)


def _questions(items: pd.DataFrame, settings: Inference) -> dict[str, str]:
    """The user's turn of every item, as the model is asked in the study."""
    form = settings.prompt
    return {
        item["item_id"]: user_message(item, form.template, form.option, form.separator)
        for item in items.to_dict("records")
    }


def fates(
    responses: pd.DataFrame,
    grades: pd.DataFrame | None,
    keep: str,
    same: Callable[[str, str], bool] | None = None,
) -> pd.Series:
    """What becomes of each trace: `kept`, or the first reason why it is not.

    responses, grades: of one condition, row by row; no grades are needed to keep `all` that ended.
    keep: as `config.corpora.Generate` has it. same: whether the grader takes two answers for one.
    """
    reasons = {
        "item that does not fit the context": responses["error"].notna(),
        "thinking cut by the context": responses["stop"] != "natural",
        "no end of thinking": responses["answer_from"] != "answer",
        "answer cut": responses["answer_stop"] == "limit",
    }
    if keep != "all":
        reasons["ungradable"] = grades["outcome"] == "ungradable"
    if keep == "consistent":
        forms = grades if same is None else in_one_form(grades, same)
        votes = forms["extracted"].where(_unreasoned(reasons))
        reasons["not what most samples answer"] = _outvoted(votes, responses["item_id"])
    elif keep != "all":
        reasons["incorrect"] = grades["outcome"] == "incorrect"
    if keep in ("shortest", "longest"):
        usable = responses[_unreasoned(reasons)]
        lengths = usable["think_tokens"] * (1 if keep == "shortest" else -1)
        chosen = lengths.groupby(usable["item_id"]).idxmin()
        reasons[f"not the {keep}"] = ~responses.index.isin(chosen)
    return pd.Series(
        np.select(list(reasons.values()), list(reasons), KEPT), responses.index, dtype="str"
    )


def _unreasoned(reasons: Mapping[str, pd.Series]) -> np.ndarray:
    """Which traces no reason speaks against."""
    return ~np.logical_or.reduce(list(reasons.values()))


def _outvoted(votes: pd.Series, items: pd.Series) -> pd.Series:
    """Which answers are not those that most samples of their item give; of a tie none is."""
    counts = votes.groupby([items, votes]).transform("size")
    most = counts.groupby(items).transform("max")
    tied = votes.where(counts == most).groupby(items).transform("nunique") > 1
    return (counts < most) | tied


def trace(
    segments: Sequence[Mapping[str, Any]],
    answer: str,
    decode: Callable[[Sequence[int]], str],
    asked: Generate,
) -> dict[str, Any]:
    """A row of a corpus without its question, from a chain's segments and the answer's text."""
    pieces = [
        {
            "kind": "sampled" if asked.learn_waits else segment["kind"],
            "text": decode(list(segment["token_ids"])),
        }
        for segment in segments
        if len(segment["token_ids"])
    ]
    if asked.reasoning == "last_pass":
        pieces = [{"kind": "sampled", "text": last_pass(_text(pieces), asked.split)}]
    elif asked.reasoning == "none":
        pieces = []
    return {"reasoning": pieces, "response": answer.strip(), "ended": "natural"}


def _text(pieces: Sequence[Mapping[str, str]]) -> str:
    return "".join(piece["text"] for piece in pieces)


def last_pass(text: str, words: Sequence[str]) -> str:
    """What stands behind the last of `words`, each by itself; all of it where there is none.

    Punctuation and space behind the word go with it.
    """
    begins = "|".join(map(re.escape, words))
    return re.split(rf"(?<!\w)(?:{begins})(?!\w)[^\S\n]*[,.:;!…]*\s*", text)[-1]
