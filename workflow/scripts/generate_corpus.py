"""Have a model of the study think the traces of a corpus, and keep some."""

import json
import os
from pathlib import Path

from thinkscale.jobs.job import importing, job

os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake, finishes=True) as say:
    from thinkscale.calibration.corpus import write_corpus
    from thinkscale.config.corpora import Generate
    from thinkscale.config.inference import Inference
    from thinkscale.data.tables import write_table

    with importing("torch", "transformers", extra="inference"):
        import torch

        from thinkscale.jobs.generating import generate
        from thinkscale.jobs.progress import usage_line
        from thinkscale.jobs.training_items import training_items

    torch.set_num_threads(snakemake.threads)
    params, asked = snakemake.params, Generate(**snakemake.params.generate)
    made = generate(
        snakemake.wildcards.corpus,
        json.loads(Path(snakemake.input.record).read_text()),
        training_items(asked, params.seed),
        Inference(**params.inference),
        asked,
        params.forced,
        params.grader,
        Path(params.journal),
        seed=params.seed,
    )
    for usage in made.usage:
        say(usage_line(usage, "generate"))
    write_corpus(made.rows, snakemake.output.corpus)
    write_table(made.log, snakemake.output.log)
    Path(snakemake.output.usage).write_text(json.dumps(made.usage, indent=1) + "\n")
