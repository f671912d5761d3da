"""Compare the tokens of each corpus with those of the items, over each tokenizer."""

import json
from pathlib import Path

from thinkscale import contracts
from thinkscale.job import job
from thinkscale.prompts import user_message
from thinkscale.tables import write_table
from thinkscale.token_comparison import compare_tokens
from thinkscale.training.corpus import read_corpus

with job(snakemake):
    params, settings = snakemake.params, dict(snakemake.params.divergence)
    records = [json.loads(Path(path).read_text()) for path in snakemake.input.records]
    items = contracts.read(snakemake.input.study_items, "items").to_dict("records")
    asked = [
        [user_message(item, form["template"], form["option"], form["separator"]) for item in items]
        for form in params.prompts
    ]
    corpora = {}
    for corpus, path in zip(params.corpora, snakemake.input.corpora, strict=True):
        columns = {name: corpus[name] for name in ("question", "reasoning", "response")}
        rows = read_corpus(path, columns, corpus["n"])
        corpora[corpus["name"]] = [row["question"] for row in rows]
    divergence, tokens = compare_tokens(
        records,
        asked,
        corpora,
        alpha=settings.pop("smoothing"),
        confidence=params.confidence,
        seed=params.seed,
        **settings,
    )
    write_table(divergence, snakemake.output.divergence)
    write_table(tokens, snakemake.output.tokens)
