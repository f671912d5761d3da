"""Compare the tokens of each corpus with those of the items, over each tokenizer."""

import json
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.corpora.encode import use_threads
    from thinkscale.corpora.source import source_of
    from thinkscale.data import contracts
    from thinkscale.data.tables import write_table
    from thinkscale.jobs.token_comparison import compare_tokens, tokenizer_files
    from thinkscale.stats.core.distributions import Smoothing

    params, settings = snakemake.params, dict(snakemake.params.divergence)
    records = [json.loads(Path(path).read_text()) for path in snakemake.input.records]
    use_threads(snakemake.threads)
    divergence, tokens = compare_tokens(
        tokenizer_files(records, params.prompts, settings.pop("tokenizers")),
        contracts.read(snakemake.input.study_items, "items").to_dict("records"),
        [source_of(corpus, path) for corpus, path in params.corpora],
        smoothing=[Smoothing.of(**way) for way in settings.pop("smoothing")],
        confidence=params.confidence,
        seed=params.seed,
        **settings,
    )
    write_table(divergence, snakemake.output.divergence)
    write_table(tokens, snakemake.output.tokens)
