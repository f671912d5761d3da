"""Draw one figure as SVG and PNG; `params.figure` names it."""

import json
from pathlib import Path

from thinkscale import figures, stats
from thinkscale.data import contracts
from thinkscale.data.graded import graded
from thinkscale.data.tables import read_table
from thinkscale.jobs.job import job


def frames(inputs) -> dict:
    """Read every table among the inputs under the name of its file."""
    found = {}
    for path in map(Path, inputs):
        if path.suffix == ".json":
            continue
        if path.suffix == ".csv":
            found[path.stem] = read_table(path)
        else:
            found[path.stem] = contracts.read(path, path.stem)
    return found


with job(snakemake):
    params = snakemake.params
    given = frames(snakemake.input)
    if "responses" in given and "overlap" in given:
        left_out = stats.contaminated(given["overlap"], **params.exclusion)
        given["responses"] = stats.without_items(given["responses"], left_out)
    if {"responses", "grades", "items"} <= given.keys():
        everything = graded(given["responses"], given["grades"], given["items"], params.grader)
        given["natural"] = everything[everything["condition"] == "natural"]
    look = {"style": figures.Style.from_mapping(params.style)}
    models = {**look, "models": params.models}
    level = {"confidence": params.confidence}

    match params.figure:
        case "difficulty_histogram":
            drawn = figures.difficulty_histogram(given["items"], **level, **look)
        case "tokens_vs_difficulty":
            drawn = figures.tokens_vs_difficulty(
                given["natural"], given["registration"], **level, **models
            )
        case "difficulty_by_outcome":
            drawn = figures.difficulty_by_outcome(
                given["natural"], given["outcome_difficulty"], **level, **models
            )
        case "one_chain":
            record = json.loads(Path(snakemake.input.record).read_text())
            drawn = figures.one_chain(
                given["chains"],
                given["responses"],
                given["grades"],
                given["items"],
                texts=figures.token_reader(Path(record["directory"], "tokenizer.json")),
                grader=params.grader,
                **models,
            )
        case "accuracy_vs_budget":
            counts = given["items"]["options"].map(len).unique()
            drawn = figures.accuracy_vs_budget(
                given["accuracy"],
                n_options=int(counts[0]) if len(counts) == 1 else None,
                **level,
                **models,
            )
        case "accuracy_vs_waits":
            drawn = figures.accuracy_vs_waits(given["accuracy"], **level, **models)
        case "thinking_lengths":
            drawn = figures.thinking_lengths(given["responses"], **models)
        case "token_change":
            drawn = figures.token_change(
                given["responses"], given["token_change"], **level, **models
            )
        case "token_scatter":
            drawn = figures.token_scatter(
                given["divergence_tokens"], given["divergence"], **level, **look
            )
        case "token_contributions":
            drawn = figures.token_contributions(
                given["divergence_tokens"], given["divergence"], **look
            )
        case "item_overlap":
            drawn = figures.item_overlap(
                given["overlap"], given["overlap_summary"], **level, **look
            )
        case "grader_agreement":
            drawn = figures.grader_agreement(given["grader_agreement"], **level, **models)
        case "training_loss":
            drawn = figures.training_loss(given["training_loss"], **models)
        case unknown:
            raise ValueError(f"no figure is called {unknown}")
    for path in snakemake.output:
        figures.save(drawn, path)
