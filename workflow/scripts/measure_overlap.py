"""Look for the items' n-grams of tokens in each corpus."""

import json
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.corpora.encode import use_threads
    from thinkscale.corpora.source import source_of
    from thinkscale.data import contracts
    from thinkscale.data.tables import write_table
    from thinkscale.jobs.token_comparison import chosen_file, measure_overlap

    params = snakemake.params
    records = [json.loads(Path(path).read_text()) for path in snakemake.input.records]
    use_threads(snakemake.threads)
    overlap, summary = measure_overlap(
        chosen_file(params.tokenizer, records, params.prompts, params.tokenizers),
        contracts.read(snakemake.input.study_items, "items").to_dict("records"),
        [source_of(corpus, path) for corpus, path in params.corpora],
        confidence=params.confidence,
        **params.settings,
    )
    write_table(overlap, snakemake.output.overlap)
    write_table(summary, snakemake.output.summary)
