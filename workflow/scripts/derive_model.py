"""Fine-tune a model on a corpus of traces."""

import json
from pathlib import Path

from thinkscale.jobs.job import job, require

with job(snakemake):
    from thinkscale.corpora.source import source_of
    from thinkscale.corpora.traces import COLUMNS, read_traces
    from thinkscale.data.tables import write_table
    from thinkscale.models.recipes.traces import TraceFormat
    from thinkscale.models.registry import verify

    derive, corpus = dict(snakemake.params.derive), snakemake.params.corpus
    thinking = snakemake.params.thinking
    source = source_of({**corpus, "compare": COLUMNS}, snakemake.input.corpus or None)
    rows = read_traces(source, {name: corpus[name] for name in COLUMNS})
    for package in ("torch", "transformers", "trl", "peft"):
        require(package, extra="train")
    import torch

    from thinkscale.models.recipes.lengths import NamedLength
    from thinkscale.models.recipes.sft import SftSettings, finetune

    torch.set_num_threads(snakemake.threads)
    form = TraceFormat(thinking["start"], thinking["end"][0], thinking["answer_prompt"])
    lengths = tuple(NamedLength(**named) for named in derive.pop("lengths"))
    options = {key: value for key, value in derive.items() if key not in ("parent", "corpus")}
    parent = json.loads(Path(snakemake.input.parent).read_text())
    verify(parent)
    losses = finetune(
        parent["directory"],
        rows,
        snakemake.output.model,
        SftSettings(
            **options,
            seed=snakemake.params.seed,
            form=form,
            lengths=lengths,
            step_end=thinking["step_end"],
        ),
    )
    losses.insert(0, "model", snakemake.params.name)
    write_table(losses, snakemake.output.losses)
